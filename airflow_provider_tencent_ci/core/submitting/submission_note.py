"""The note that the tries of one series write about their submission, and the store that keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TwoClockTime:
    """
    A time by two clocks, which are never compared with each other.

    :param machine: by the clock of the machine that noted it (aware, UTC).
    :param service: by the service's clock (aware, UTC), ``None`` if it was not known.
    """

    machine: datetime
    service: datetime | None

    def seconds_until(self, later: TwoClockTime) -> float:
        """
        Return how many seconds lie between for certain: what both clocks agree on, and 0 if they cannot be asked.

        Each of the two may jump, or be another machine's.
        """
        if self.service is None or later.service is None:
            return 0.0
        by_service, by_machine = later.service - self.service, later.machine - self.machine
        return max(0.0, min(by_service, by_machine).total_seconds())


@dataclass(frozen=True, slots=True)
class SubmissionNote:
    """
    The knowledge of the tries of one series about their submission.

    :param token: the token in the job's name.
    :param job_id: the job; ``None`` while it is not known.
    :param posts: how many requests were sent that the service may have acted upon.
    :param posted_at: when the last one of them was sent; ``None`` if there is none.
    :param foreign_ids: ended jobs of this name that the series did not submit: those of a DAG run that was deleted and
        made again.
    :param noted_by: the key of the try that wrote the note, so that an older try sees that a newer one has gone on even
        if that has only adopted the job.
    :param answered: how many of ``posts`` were answered with their job. If all were, the tries know each job of theirs.
    """

    token: str
    job_id: str | None = None
    posts: int = 0
    posted_at: TwoClockTime | None = None
    foreign_ids: tuple[str, ...] = ()
    noted_by: str = ""
    answered: int = 0

    @property
    def has_unknown_job(self) -> bool:
        """Whether the service may have made a job for the series that no try knows."""
        return self.posts > self.answered


class NoteStore(Protocol):
    """Where the tries of one series keep their note."""

    @property
    def is_reliable(self) -> bool:
        """Whether no note means that nothing was sent. Without a store that outlives a try, it means nothing."""

    def read(self) -> SubmissionNote | None:
        """Return the note of this series and request, if there is one."""

    def write(self, note: SubmissionNote) -> None:
        """Keep a note; raises if that fails, so that nothing is sent that is not noted."""

    def try_to_write(self, note: SubmissionNote, kept: SubmissionNote | None) -> bool:
        """
        Keep a note that only saves time; never raises.

        :param kept: what this try has kept last. Nothing is written if another try has written since.
        :return: whether it is kept.
        """


class NoNotes:
    """For a submission without a record."""

    is_reliable = False

    def read(self) -> None:
        return None

    def write(self, note: SubmissionNote) -> None:
        pass

    def try_to_write(self, note: SubmissionNote, kept: SubmissionNote | None) -> bool:
        return False
