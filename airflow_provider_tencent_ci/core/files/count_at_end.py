"""
The count of a job's files after the job has ended.

It goes on from what the counts of the wait have settled, or a count of an earlier try, and says from time to time how
far it is. A count that ends halfway leaves what it has settled to the next try of the task, where that can be kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Protocol

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, has_several_workflows
from airflow_provider_tencent_ci.core.files.count_files import RunningCount, count_files
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.settled_files import IncrementalCount, SettledFiles
from airflow_provider_tencent_ci.core.wire.messages import Flow

# A count of a million files makes a few lines, one of a thousand none.
_REPORT_SECONDS = 30.0

# The shortest time between two writes. A process that is killed counts again what was not settled at the last one.
_WRITE_SECONDS = 10.0

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class CountObserver(Protocol):
    """Receives how far a count is."""

    def counting(self, job: InventoryJob, counted: int, expected: int | None) -> None:
        """
        Called about once in 30 seconds.

        :param counted: the files so far.
        :param expected: how many there may be; ``None`` if that is not known.
        """


class CountMemory(Protocol):
    """Keeps what a count has settled for the next try of a task. Neither method raises."""

    def read(self, job_id: str) -> list[SettledFiles]:
        """Return what was settled of a job's lists; empty if nothing is known of this very job."""

    def write(self, job_id: str, settled: list[SettledFiles]) -> None:
        """Keep it; called at most once in ten seconds."""


def count_to_end(
    job: InventoryJob,
    observer: CountObserver,
    now: Callable[[], float],
    counting: IncrementalCount | None = None,
    memory: CountMemory | None = None,
) -> Flow[FileCounts]:
    """
    Count all files of a job that has ended.

    :param job: its last record.
    :param now: the time in seconds, by a clock that is never set back; for the pauses between two reports.
    :param counting: the counts of the wait for this job; what they have settled is not read again.
    :param memory: keeps settled counts for the tries of a task. This count starts from what it returns, and writes to
        it. ``None``: nothing is kept.
    :raises UnreadableResponseError: the record does not say what the batch runs.
    :raises ApiError: the lists could not be read.
    """
    report_is_due, write_is_due = due_every(_REPORT_SECONDS, now), due_every(_WRITE_SECONDS, now)
    settled = _furthest(counting.settled if counting else [], memory.read(job.job_id) if memory is not None else [])

    def observe(running: RunningCount) -> None:
        if report_is_due():
            observer.counting(job, running.so_far.total, expected_total(running, job))
        if memory is not None and write_is_due():
            memory.write(job.job_id, running.settled)

    return count_files(job, settled=settled, observe=observe)


def due_every(seconds: float, now: Callable[[], float]) -> Callable[[], bool]:
    """
    Return a function that returns true at most once in this number of seconds.

    The first true comes after this time.
    """
    last_at = now()

    def is_due() -> bool:
        nonlocal last_at
        if now() - last_at < seconds:
            return False
        last_at = now()
        return True

    return is_due


def _furthest(*settled: list[SettledFiles]) -> list[SettledFiles]:
    """For each list of a job, return the settled counts that reach the latest creation time."""
    return [
        max(each, key=lambda one: one.until or _LONG_AGO) for each in zip_longest(*settled, fillvalue=SettledFiles())
    ]


def expected_total(running: RunningCount, job: InventoryJob) -> int | None:
    """
    Return how many files a job may have, while they are counted; ``None`` if that cannot be told.

    The share of the job's time from which files were counted is about the share of its files. A batch of several
    workflows has several lists, and no such share.
    """
    so_far, covered = running.so_far, running.covered.total_seconds()
    if not (so_far.first_at and job.ended_at) or has_several_workflows(job.operation):
        return None
    whole = (job.ended_at - so_far.first_at).total_seconds()
    return round(so_far.total * whole / min(covered, whole)) if covered > 0 and whole > 0 else None
