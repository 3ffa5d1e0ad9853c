"""
The result of a submission in two tries, as values that the tests observe and the documentation prints.

The tests run each row under each of :data:`CLOCK_OFFSETS`, and ``scripts/write-error-docs`` writes it into
``docs/faults.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from airflow_provider_tencent_ci.emulator import Fault, FaultKind

__all__ = ["CLOCK_OFFSETS", "PLACES", "TWO_TRIES", "End", "Place", "Retried", "TwoTries"]

# Offsets of the service's clock, in seconds. The result is the same for each.
CLOCK_OFFSETS = (-3600, 0, 720)


class End(Enum):
    """How the first try ends."""

    BEFORE_ALL = "killed before it has sent anything"
    AFTER_POST = "killed as soon as the `POST` has left"
    KNOWING = "killed when it has the JobId"
    ERROR = "failed, after two `POST`s without an answer"


@dataclass(frozen=True, slots=True)
class Place:
    """
    The Airflow version and the time of the second try.

    :param has_store: whether Airflow has a task state store (3.3 and later).
    :param delay_seconds: how long after the first.
    """

    has_store: bool
    delay_seconds: int

    @property
    def words(self) -> str:
        """The place in the words of the documentation."""
        airflow = "Airflow 3.3 and later" if self.has_store else "before 3.3"
        return f"{airflow}, retry {'at once' if not self.delay_seconds else f'after {self.delay_seconds} s'}"


PLACES = (Place(True, 0), Place(True, 120), Place(False, 0), Place(False, 120))


@dataclass(frozen=True, slots=True)
class Retried:
    """
    The result of the second try.

    :param found: it adopts the job of the first; else it submits.
    :param after_seconds: how long that takes.
    :param jobs: the number of jobs in the end.
    """

    found: bool
    after_seconds: int = 0
    jobs: int = 1

    @property
    def words(self) -> str:
        """The outcome in the words of the documentation."""
        done = "found" if self.found else "submitted"
        when = f"after {self.after_seconds} s" if self.after_seconds else "at once"
        return f"{done} {when}" + (", **two jobs**" if self.jobs == 2 else "")


@dataclass(frozen=True, slots=True)
class TwoTries:
    """
    One row.

    :param first: how the first try ends.
    :param service: the behaviour of the service, for the documentation.
    :param fault: the fault of its request.
    :param lag_seconds: how far the list lags behind.
    :param outcomes: one for each of :data:`PLACES`.
    """

    first: End
    service: str
    fault: Fault | None
    lag_seconds: int
    outcomes: Sequence[Retried]

    def __str__(self) -> str:
        return f"{self.first.value}, {self.service}".replace("`", "")


def late(seconds: int) -> Fault:
    """Return a service that executes the first request this much later."""
    return Fault(FaultKind.LATE, seconds=seconds)


FOUND, SUBMITTED = Retried(found=True), Retried(found=False)
LOST = Fault(FaultKind.RESET, operation="create")
LOST_TWICE = Fault(FaultKind.RESET, operation="create", times=2)


def found(*after_seconds: int) -> tuple[Retried, ...]:
    """Return a row of jobs that are found."""
    return tuple(Retried(True, seconds) for seconds in after_seconds)


def submitted(*after_seconds: int) -> tuple[Retried, ...]:
    """Return a row of new submissions."""
    return tuple(Retried(False, seconds) for seconds in after_seconds)


TWO_TRIES = (
    TwoTries(End.BEFORE_ALL, "", None, 0, submitted(0, 0, 300, 300)),
    TwoTries(End.AFTER_POST, "the request is lost", LOST, 0, submitted(300, 180, 300, 300)),
    TwoTries(End.AFTER_POST, "the job is listed at once", None, 0, found(0, 0, 0, 0)),
    TwoTries(End.AFTER_POST, "the job is listed after 10 s", None, 10, found(15, 0, 15, 0)),
    TwoTries(End.AFTER_POST, "the job is listed after 40 s", None, 40, found(61, 0, 61, 0)),
    TwoTries(End.AFTER_POST, "the job is listed after 90 s", None, 90, found(91, 0, 91, 0)),
    TwoTries(End.AFTER_POST, "the request is executed after 31 s", late(31), 0, found(31, 0, 31, 0)),
    TwoTries(End.AFTER_POST, "the request is executed after 45 s", late(45), 0, found(61, 0, 61, 0)),
    TwoTries(End.AFTER_POST, "the request is executed after 100 s", late(100), 0, found(121, 0, 121, 0)),
    TwoTries(End.AFTER_POST, "the request is executed after 250 s", late(250), 0, found(271, 151, 271, 151)),
    TwoTries(
        End.AFTER_POST,
        "the request is executed after 250 s, and the job is listed 90 s later",
        late(250),
        90,
        (Retried(False, 300, jobs=2), Retried(False, 180, jobs=2), Retried(False, 300, jobs=2), Retried(True, 241)),
    ),
    TwoTries(End.KNOWING, "the job is listed after 40 s", None, 40, found(0, 0, 61, 0)),
    TwoTries(End.KNOWING, "the job is listed after 90 s", None, 90, found(0, 0, 91, 0)),
    TwoTries(End.ERROR, "both requests are lost", LOST_TWICE, 0, submitted(0, 0, 300, 300)),
)
