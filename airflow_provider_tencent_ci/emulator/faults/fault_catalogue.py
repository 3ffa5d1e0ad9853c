"""Faults to inject: what goes wrong, for which requests, how often; and a count of how often it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal

__all__ = ["ANY_OPERATION", "ActiveFault", "Fault", "FaultBook", "FaultKind"]

ANY_OPERATION = "any"


class FaultKind(StrEnum):
    """What goes wrong."""

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
    """502 with a page of HTML, as something between client and service writes it, so without the service's headers."""
    REDIRECT = "redirect"
    """307, or 301 with ``status=301``, to ``location``."""
    RESET = "reset"
    """The connection is reset."""
    HANG = "hang"
    """The request is left alone for ``seconds``, then answered. Unless ``after_acting``, it is acted on only then,
    even if the client has gone."""
    LATE = "late"
    """A create request is acted on only ``seconds`` after it came, by the emulator's clock, which a test can put
    forward. The client is told nothing: the connection is reset, or with ``status`` a gateway answers with a page of
    HTML."""
    SKEWED_CLOCK = "skewed_clock"
    """The clock of the server that answers is off by ``seconds``, for the signature and ``Date``; what the service has
    stored keeps its times."""
    DRIP = "drip"
    """The body of the right answer trickles over ``seconds``."""
    TRUNCATED_XML = "truncated_xml"
    """Half of the right answer, as a whole HTTP message."""
    CUT_OFF = "cut_off"
    """The connection ends in the middle of the right answer; before it, if the answer has no body."""
    EMPTY_BODY = "empty_body"
    """200 without a body."""
    GARBAGE_BODY = "garbage_body"
    """200 with bytes that are no XML."""
    ENTITY_BOMB = "entity_bomb"
    """200 with XML whose entities expand to gigabytes."""
    EXTERNAL_ENTITY = "external_entity"
    """200 with XML that names a local file as an entity."""
    HUGE_BODY = "huge_body"
    """200 with 50 MB of well-formed XML."""
    UNKNOWN_STATE = "unknown_state"
    """The right answer, but each ``State`` is ``word``."""
    MISSING_NODES = "missing_nodes"
    """The right answer without the ``nodes`` named."""


# Faults that stand in for an answer: the request is not acted on unless the fault says ``after_acting``.
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

# What only a request that creates a batch can meet.
_CREATE = "create"


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One thing to go wrong.

    :param kind: what; a :class:`FaultKind` or its value.
    :param operation: for requests of which operation (``create``, ``list``, ``get``, ``cancel``, ``executions``,
        ``execution``, ``jobs``, ``pic_jobs``, ``queues``, ``workflows``, ``trigger``; of COS: ``put_object``,
        ``get_object``, ``head_object``; of the services that hand out temporary keys: ``metadata_roles``,
        ``metadata``, ``assume_role``); ``any``: all of them.
    :param times: for how many requests; ``None``: until it is cleared.
    :param skip: how many such requests go well before the first that does not.
    :param after_acting: the service acts on the request (creates the job, say) and then the fault shows. Faults
        that spoil an answer always come after acting.
    :param seconds: the time of faults that take time; default: 30 for ``hang``, 45 for ``late``, 5 for ``drip``, 3600
        for ``skewed_clock`` (where a negative number is a clock that is slow). Any other fault shows so much later;
        default: at once.
    :param silent_seconds: for how long a client gets no answer from ``late``, in real time; default: it hears at once.
    :param status: another HTTP status than the kind's own.
    :param code: another error code than the kind's own.
    :param message: another text than the kind's own.
    :param retry_after_seconds: also send ``Retry-After``.
    :param retry_after_form: ``seconds`` or ``date``: how it is written.
    :param location: where a redirect points to; default: a host that does not exist.
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
            raise ValueError(f"A create request alone can be late, and not {self.operation!r}.")

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
        """Tell whether it is meant for requests of an operation."""
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
        """How long to wait before anything is done about the request."""
        return self.duration_seconds if self.kind is FaultKind.HANG and not self.after_acting else 0.0

    @property
    def hold_seconds(self) -> float:
        """How long to hold the answer back."""
        if self.wait_seconds or self.kind in (FaultKind.DRIP, FaultKind.SKEWED_CLOCK):
            return 0.0
        if self.kind is FaultKind.LATE:
            return self.silent_seconds
        return self.duration_seconds


@dataclass(slots=True)
class ActiveFault:
    """
    A fault that was injected, with its count.

    :param seen: how many requests it was meant for.
    :param injected: for how many of them it happened.
    """

    fault: Fault
    seen: int = 0
    injected: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether it has happened as often as it should."""
        return self.fault.times is not None and self.injected >= self.fault.times

    def strikes(self, operation: str) -> bool:
        """Count one request and tell whether it is to go wrong."""
        if self.is_spent or not self.fault.is_for(operation):
            return False
        self.seen += 1
        if self.seen <= self.fault.skip:
            return False
        self.injected += 1
        return True


class FaultBook:
    """The faults of one emulator; of several that are meant for a request, the oldest strikes."""

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
        """Return the fault for a request of ``operation`` that has just come in, if it is to have one."""
        return next((active.fault for active in self._faults if active.strikes(operation)), None)

    def clear(self) -> None:
        """Let everything go well again; forgets the counts."""
        self._faults.clear()
