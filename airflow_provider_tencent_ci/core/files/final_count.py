"""
The count of a job's files after the job has ended.

It goes on from what the counts of the wait have settled, and says from time to time how far it is. A count that ends
halfway leaves nothing behind: the next try of the task counts again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, has_several_workflows
from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts, IncrementalCount
from airflow_provider_tencent_ci.core.wire.messages import Flow

# A count of a million files makes a few lines, one of a thousand none.
_REPORT_SECONDS = 30.0


class CountObserver(Protocol):
    """Receives how far a count is."""

    def counting(self, job: InventoryJob, counted: int, expected: int | None) -> None:
        """
        Called about once in 30 seconds.

        :param counted: the files so far.
        :param expected: how many there may be; ``None`` if that is not known.
        """


def count_to_end(
    job: InventoryJob, observer: CountObserver, now: Callable[[], float], counting: IncrementalCount | None = None
) -> Flow[FileCounts]:
    """
    Count all files of a job that has ended.

    :param job: its last record.
    :param now: the time in seconds, by a clock that is never set back; for the pauses between two reports.
    :param counting: the counts of the wait for this job; what they have settled is not read again.
    :raises UnreadableResponseError: the record does not say what the batch runs.
    :raises ApiError: the lists could not be read.
    """
    reported_at = now()

    def report(so_far: Callable[[], FileCounts]) -> None:
        nonlocal reported_at
        if now() - reported_at >= _REPORT_SECONDS:
            reported_at, counts = now(), so_far()
            observer.counting(job, counts.total, expected_total(counts, job))

    return count_files(job, settled=counting.settled if counting else (), observe=report)


def expected_total(so_far: FileCounts, job: InventoryJob) -> int | None:
    """
    Return how many files a job may have, while they are counted; ``None`` if that cannot be told.

    A list is read from its oldest files on, in part side by side. So the share of the job's time from which files were
    counted is about the share of its files. A batch of several workflows has several lists, and no such share.

    :param so_far: the counts so far.
    """
    if not (so_far.first_at and so_far.last_at and job.ended_at) or has_several_workflows(job.operation):
        return None
    covered = (so_far.last_at - so_far.first_at).total_seconds()
    whole = (job.ended_at - so_far.first_at).total_seconds()
    return round(so_far.total * whole / covered) if 0 < covered <= whole else None
