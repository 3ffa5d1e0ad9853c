"""Faults that a test injects: their kind, the requests that they hit, how often, and a count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal

__all__ = ["ANY_OPERATION", "ActiveFault", "Fault", "FaultBook", "FaultKind"]

ANY_OPERATION = "any"


class FaultKind(StrEnum):
    """The kind of a fault."""

    ERROR = "error"
    """An error of the given ``status`` and ``code``; default 500 ``InternalError``."""
    SLOW_DOWN = "slow_down"
    """429 ``SlowDown``, or 503 with ``status=503``; with ``retry_after_seconds``, also ``Retry-After``."""
    QUEUE_SATURATED = "queue_saturated"
    """403 ``QueueSaturated``."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - the name of a fault
    """400 ``ExpiredToken``."""
    INTERNAL_ERROR = "internal_error"
    """500 ``InternalError``."""
    BAD_GATEWAY = "bad_gateway"
    """502 with a page of HTML and without the service's headers, as from a gateway between client and service."""
    REDIRECT = "redirect"
    """307, or 301 with ``status=301``, to ``location``."""
    RESET = "reset"
    """The connection is reset."""
    HANG = "hang"
    """The request waits for ``seconds``, then the service acts on it and answers, even if the client has gone. With
    ``after_acting`` the service acts at once and the answer waits."""
    LATE = "late"
    """The service acts on a create request ``seconds`` after it came, by the emulator's clock, which a test can put
    forward. The client does not learn of it: the connection is reset, or with ``status`` a gateway answers with a page
    of HTML."""
    SKEWED_CLOCK = "skewed_clock"
    """The clock of the server that answers is off by ``seconds``, for the signature and ``Date``. Stored times do not
    change."""
    DRIP = "drip"
    """The body of the right answer arrives in small pieces over ``seconds``."""
    TRUNCATED_XML = "truncated_xml"
    """Half of the right answer, as a whole HTTP message."""
    CUT_OFF = "cut_off"
    """The connection ends in the middle of the right answer; before the answer, if it has no body."""
    EMPTY_BODY = "empty_body"
    """200 without a body."""
    GARBAGE_BODY = "garbage_body"
    """200 with bytes that are not XML."""
    ENTITY_BOMB = "entity_bomb"
    """200 with XML whose entities expand to gigabytes."""
    EXTERNAL_ENTITY = "external_entity"
    """200 with XML that names a local file as an entity."""
    HUGE_BODY = "huge_body"
    """200 with 50 MB of well-formed XML."""
    UNKNOWN_STATE = "unknown_state"
    """The right answer, with ``word`` for each ``State``."""
    MISSING_NODES = "missing_nodes"
    """The right answer without the ``nodes`` named."""


# Faults that replace an answer: the service acts on the request only with ``after_acting``.
INSTEAD_OF_ACTING: frozenset[str] = frozenset(
    {
        FaultKind.ERROR,
        FaultKind.SLOW_DOWN,
        FaultKind.QUEUE_SATURATED,
        FaultKind.EXPIRED_TOKEN,
        FaultKind.INTERNAL_ERROR,
        FaultKind.BAD_GATEWAY,
        FaultKind.REDIRECT,
        FaultKind.RESET,
    }
)
_DEFAULT_SECONDS: Mapping[str, float] = {
    FaultKind.HANG: 30.0,
    FaultKind.LATE: 45.0,
    FaultKind.DRIP: 5.0,
    FaultKind.SKEWED_CLOCK: 3600.0,
}

# The only operation that can be late.
_CREATE = "create"


@dataclass(frozen=True, slots=True)
class Fault:
    """
    A fault.

    :param kind: a :class:`FaultKind` or its value.
    :param operation: the operation that it hits (``create``, ``list``, ``get``, ``cancel``, ``executions``,
        ``execution``, ``jobs``, ``pic_jobs``, ``queues``, ``workflows``, ``trigger``; of COS: ``put_object``,
        ``get_object``, ``head_object``; of the services that hand out temporary keys: ``metadata_roles``,
        ``metadata``, ``assume_role``); ``any``: all.
    :param times: how many requests it hits; ``None``: all until it is cleared.
    :param skip: how many requests of the operation succeed before it hits the first.
    :param after_acting: the service acts on the request, for example creates the job, before the fault happens. Faults
        that spoil an answer always happen after acting.
    :param seconds: the duration of a fault that takes time; default: 30 for ``hang``, 45 for ``late``, 5 for ``drip``,
        3600 for ``skewed_clock`` (negative: the clock is slow). The answer of any other fault comes this much later;
        default: at once.
    :param silent_seconds: how long ``late`` keeps the client without an answer, in real time; default: 0.
    :param status: the HTTP status; default: the kind's own.
    :param code: the error code; default: the kind's own.
    :param message: the text of the error; default: the kind's own.
    :param retry_after_seconds: the value of ``Retry-After``; default: the answer has no such header.
    :param retry_after_form: the form of ``Retry-After``: ``seconds`` or ``date``.
    :param location: the target of a redirect; default: a host that does not exist.
    :param word: the state of ``unknown_state``.
    :param nodes: the names of ``missing_nodes``.
    """

    kind: FaultKind | str
    operation: str = ANY_OPERATION
    times: int | None = 1
    skip: int = 0
    after_acting: bool = False
    seconds: float | None = None
    silent_seconds: float = 0.0
    status: int | None = None
    code: str | None = None
    message: str | None = None
    retry_after_seconds: float | None = None
    retry_after_form: Literal["seconds", "date"] = "seconds"
    location: str = "https://redirected.invalid/"
    word: str = "Archived"
    nodes: tuple[str, ...] = ("State",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        object.__setattr__(self, "nodes", (self.nodes,) if isinstance(self.nodes, str) else tuple(self.nodes))
        if self.kind is FaultKind.LATE and self.operation not in (ANY_OPERATION, _CREATE):
            raise ValueError(f"Only a create request can be late, not {self.operation!r}.")

    @classmethod
    def of(cls, kind: str, **options: Any) -> Fault:
        """
        Return a fault from a kind's value and options by name.

        :raises ValueError: there is no such kind or option.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(options.keys() - known):
            raise ValueError(f"A fault has no {', '.join(unknown)}. It has: {', '.join(sorted(known))}.")
        return cls(kind, **options)

    def is_for(self, operation: str) -> bool:
        """Return whether it hits requests of an operation."""
        if self.kind is FaultKind.LATE:
            return operation == _CREATE
        return self.operation in (ANY_OPERATION, operation)

    @property
    def prevents_acting(self) -> bool:
        """Whether the service does not act on the request at all."""
        return self.kind in INSTEAD_OF_ACTING and not self.after_acting

    @property
    def duration_seconds(self) -> float:
        """``seconds``, or the kind's default."""
        return _DEFAULT_SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds

    @property
    def wait_seconds(self) -> float:
        """How long to wait before the service acts on the request."""
        return self.duration_seconds if self.kind is FaultKind.HANG and not self.after_acting else 0.0

    @property
    def hold_seconds(self) -> float:
        """How long to wait before the answer is sent."""
        if self.wait_seconds or self.kind in (FaultKind.DRIP, FaultKind.SKEWED_CLOCK):
            return 0.0
        if self.kind is FaultKind.LATE:
            return self.silent_seconds
        return self.duration_seconds


@dataclass(slots=True)
class ActiveFault:
    """
    A fault that was injected, with its count.

    :param seen: how many requests of its operation came in before it was spent.
    :param injected: how many of them it hit.
    """

    fault: Fault
    seen: int = 0
    injected: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether it has hit all requests that it should."""
        return self.fault.times is not None and self.injected >= self.fault.times

    def strikes(self, operation: str) -> bool:
        """Count a request and return whether the fault hits it."""
        if self.is_spent or not self.fault.is_for(operation):
            return False
        self.seen += 1
        if self.seen <= self.fault.skip:
            return False
        self.injected += 1
        return True


class FaultBook:
    """The faults of one emulator; if several can hit a request, the oldest does."""

    def __init__(self) -> None:
        self._faults: list[ActiveFault] = []

    def __iter__(self) -> Iterator[ActiveFault]:
        return iter(self._faults)

    def inject(self, fault: Fault) -> ActiveFault:
        """Add a fault and return its count."""
        active = ActiveFault(fault)
        self._faults.append(active)
        return active

    def next_for(self, operation: str) -> Fault | None:
        """Count a new request of ``operation`` and return the fault that hits it; ``None``: none does."""
        return next((active.fault for active in self._faults if active.strikes(operation)), None)

    def clear(self) -> None:
        """Remove all faults with their counts."""
        self._faults.clear()
