"""How many files of a batch are in which state, and how they are counted one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.wire.service_times import format_time, parse_time


@dataclass(frozen=True, slots=True)
class FileCounts:
    """
    How many files of a batch are in which state.

    :param running: files that are not done; also submitted, paused, or in an unknown state.
    :param first_at: when the work on the first file was created (aware); ``None`` if there is none, or if not known.
    :param last_at: the same for the last file.
    """

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    running: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def done(self) -> int:
        """Files whose state does not change any more."""
        return self.succeeded + self.failed + self.cancelled

    @property
    def total(self) -> int:
        """All files that the service lists."""
        return self.done + self.running

    def after_another_round(self, again: FileCounts) -> FileCounts:
        """
        Return the counts of a batch whose failed files were resubmitted.

        A failed file that the round did not process counts as failed.

        :param again: the counts of that round.
        """
        done = replace(again, failed=-min(self.failed, again.succeeded + again.cancelled + again.running))
        return self + done

    def __add__(self, other: FileCounts) -> FileCounts:
        return FileCounts(
            self.succeeded + other.succeeded,
            self.failed + other.failed,
            self.cancelled + other.cancelled,
            self.running + other.running,
            min(filter(None, (self.first_at, other.first_at)), default=None),
            max(filter(None, (self.last_at, other.last_at)), default=None),
        )

    @classmethod
    def from_dict(cls, counts: Mapping[str, Any]) -> FileCounts:
        """Read what :meth:`to_dict` wrote."""
        return cls(
            succeeded=int(counts["Success"]),
            failed=int(counts["Failed"]),
            cancelled=int(counts["Cancel"]),
            running=int(counts["Running"]),
            first_at=parse_time(counts["FirstAt"]),
            last_at=parse_time(counts["LastAt"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe counts, named as the service names the states."""
        return {
            "Total": self.total,
            "Success": self.succeeded,
            "Failed": self.failed,
            "Running": self.running,
            "Cancel": self.cancelled,
            "FirstAt": format_time(self.first_at) if self.first_at else None,
            "LastAt": format_time(self.last_at) if self.last_at else None,
        }


class CountBuilder:
    """
    Counts files one by one.

    :ivar first_at: when the first of them was created (aware); ``None`` if there is none, or it is not known.
    :ivar last_at: when the last one was.
    """

    def __init__(self) -> None:
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self._states: Counter[JobState] = Counter()

    @property
    def counts(self) -> FileCounts:
        """The counts so far."""
        return FileCounts(
            succeeded=self._states[JobState.SUCCESS],
            failed=self._states[JobState.FAILED],
            cancelled=self._states[JobState.CANCEL],
            running=self._states[JobState.RUNNING],
            first_at=self.first_at,
            last_at=self.last_at,
        )

    def add(self, run: FileRun) -> None:
        """Count a file."""
        self._states[run.state if run.state.is_terminal else JobState.RUNNING] += 1
        if run.created_at is not None:
            self.first_at = min(self.first_at or run.created_at, run.created_at)
            self.last_at = max(self.last_at or run.created_at, run.created_at)

    def add_all(self, runs: Iterable[FileRun]) -> None:
        """Count the files of a page."""
        runs = list(runs)
        for state, number in Counter(run.state for run in runs).items():
            self._states[state if state.is_terminal else JobState.RUNNING] += number
        times = [run.created_at for run in runs if run.created_at is not None]
        if times:
            self.first_at = min(self.first_at or times[0], *times)
            self.last_at = max(self.last_at or times[0], *times)
