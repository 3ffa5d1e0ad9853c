"""Steps of a flow and their answers, as frozen values: the messages between a flow and its driver."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import cached_property
from typing import Any, Protocol, TypeVar

from airflow_provider_tencent_ci.core.wire.error_body import ErrorBody, may_be_error, read_error_body
from airflow_provider_tencent_ci.core.wire.error_codes import CHECK_KEY_ADVICE

# Which of a bucket's services a request is for: its batch jobs, or its objects.
CI, COS = "ci", "cos"


class Priority(IntEnum):
    """Which requests go first when the rate limit makes them wait."""

    URGENT = 0  # a cancel: the work of a job costs money
    NORMAL = 1  # a poll, a submission; an estimate, for which a person waits
    BACKGROUND = 2  # a count or a list of files: many requests, none of which is urgent


@dataclass(frozen=True, slots=True)
class Request:
    """
    One HTTP request before it is signed.

    :param method: ``GET``, ``POST`` or ``PUT``.
    :param path: the decoded path, starting with ``/``; the driver encodes it.
    :param query: decoded parameters in the order they are sent. ``None`` as a value stands for a bare key
        (``?cancel``), an empty string for ``key=``.
    :param headers: headers besides those that the driver adds (``Host``, ``Authorization``, the token).
    :param body: the bytes to send.
    :param service: ``CI`` or ``COS``, which have different hosts.
    :param last_segment: the end of ``path`` if it may contain a slash, which is then encoded, too.
    :param priority: which others it waits for at the rate limit.
    """

    method: str
    path: str
    query: tuple[tuple[str, str | None], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    service: str = CI
    last_segment: str = ""
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True)
class Response:
    """
    One HTTP answer.

    :param status: the HTTP status.
    :param headers: headers with lower-case names; the values of a repeated header are joined by commas.
    :param body: the whole body, at most :data:`~airflow_provider_tencent_ci.core.wire.body_limit.MAX_BODY_BYTES` long.
    :param received_at: when its headers arrived, by the clock of this machine (aware, UTC).
    :param signed_at: the time that the request was signed with (aware, UTC); ``None`` if it was not signed.
    :param url: the address that the request was sent to; empty if it is not known.
    :param place: the connection and the bucket, for the message of an error (:attr:`.ServiceConfig.place`).
    :param key_advice: what to do if it refuses the key (:attr:`.ServiceConfig.key_advice`).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    signed_at: datetime | None = None
    url: str = ""
    place: str = ""
    key_advice: str = CHECK_KEY_ADVICE

    @cached_property
    def error(self) -> ErrorBody:
        """The code and message of an error answer; the body is parsed once, since it may be hostile."""
        return read_error_body(self.body)

    @property
    def is_error(self) -> bool:
        """Whether it is an error: by its status, or by a node ``Error`` in a body with status 2xx."""
        return not 200 <= self.status < 300 or (may_be_error(self.body) and self.error.has_error_node)


@dataclass(frozen=True, slots=True)
class Sleep:
    """A flow's request to continue after ``seconds`` (more than 0); it gets no answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """A flow's request for this machine's time; it gets a datetime (aware, UTC)."""


@dataclass(frozen=True, slots=True)
class ServiceTime:
    """
    A flow's request for the service's time; it gets a datetime (aware, UTC), or ``None`` if it is not known.

    Times that the service wrote are compared with this time only, never with this machine's.
    """


ResultT = TypeVar("ResultT")


class FlowSource(Protocol[ResultT]):
    """
    Hands out the flows that run side by side, and receives their results.

    Both methods are called one at a time, and never while the flow that asked goes on: a source needs no lock.
    """

    def next_flow(self) -> Flow[ResultT] | None:
        """Return a flow that has not started; ``None`` if there is none now: a result may bring more."""

    def finished(self, result: ResultT) -> None:
        """Take the result of a flow; in the order in which the flows end."""


@dataclass(frozen=True, slots=True)
class RunConcurrently:
    """
    A flow's request to run other flows side by side; it gets no answer.

    It ends when no flow runs and the source has none. The first error of a flow ends the others, and is raised into
    the flow that asked.

    :param source: hands out the flows.
    :param most: how many run at a time, at most; a driver runs no more than
        :attr:`.ServiceConfig.max_connections`.
    """

    source: FlowSource[Any]
    most: int


Step = Request | Sleep | Now | ServiceTime | RunConcurrently

# A flow yields steps and is sent their answers: a Response for a Request (or a TransportError is thrown in). The
# helpers in `core.wire.flow_steps` give each answer its type.
Flow = Generator[Step, Any, ResultT]
