"""What travels between a flow and its driver: requests, responses and pauses, as frozen values."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

__all__ = ["CI", "COS", "Flow", "Pause", "Request", "Response"]

# Which of a bucket's services a request is for: its batch jobs, or its objects.
CI, COS = "ci", "cos"


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
    :param service: ``CI`` or ``COS``, which have hosts of their own.
    """

    method: str
    path: str
    query: tuple[tuple[str, str | None], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    service: str = CI


@dataclass(frozen=True, slots=True)
class Response:
    """
    One HTTP answer.

    :param status: the HTTP status.
    :param headers: headers with lower-case names; of a repeated header the last one.
    :param body: the whole body, at most :data:`~airflow_provider_tencent_ci.core.xml.MAX_BODY_BYTES` long.
    :param received_at: when the answer was complete, by the clock of this machine (aware, UTC).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """A flow's wish to be woken again after ``seconds``; it is sent the time of waking (aware, UTC)."""

    seconds: float


ResultT = TypeVar("ResultT")

# What a flow yields is answered by what its driver sends: a Request by a Response (or a TransportError thrown
# in), a Pause by the time of waking. The union is narrowed by `core.flows.ask` and `core.flows.pause` alone.
Flow = Generator[Request | Pause, Response | datetime, ResultT]
