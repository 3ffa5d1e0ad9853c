"""Progress: count the files of a batch from time to time during a wait. An error here never fails the wait."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.settled_files import IncrementalCount
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import TencentCIError


class ProgressObserver(Protocol):
    """Receives the counts."""

    def counted(self, job: InventoryJob, counts: FileCounts, now: datetime) -> None:
        """Called with each complete count."""

    def not_counted(self, job: InventoryJob, error: TencentCIError, now: datetime) -> None:
        """Called if the files could not be counted."""


class ProgressCounter:
    """
    Counts the files during one wait.

    :param interval_seconds: from the end of one count to the start of the next one, and from the first poll of the job
        to the first count.
    """

    def __init__(self, interval_seconds: float, observer: ProgressObserver) -> None:
        self.interval_seconds = interval_seconds
        self._interval = timedelta(seconds=interval_seconds)
        self._observer = observer
        self._counting: IncrementalCount | None = None
        self._due_at: datetime | None = None

    def counting_of(self, job: InventoryJob) -> IncrementalCount | None:
        """Return the counts of this job, for the count at its end; ``None`` if there was none."""
        return self._counting if self._counting and self._counting.job_id == job.job_id else None

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to start a count, or to continue one."""
        if self._due_at is None or self._due_at > now + self._interval:  # also if the clock was set back
            self._due_at = now + self._interval
        return now >= self._due_at

    def advance(self, job: InventoryJob, until: datetime) -> Flow[None]:
        """
        Count page by page, if it is time to; a count that is not complete at ``until`` continues with the next call.

        :param job: its last record.
        """
        now = yield from current_time()
        while self.is_due(now) and now < until:
            counts = yield from self._read_page(job, now)
            now = yield from current_time()
            if counts is not None:
                self._observer.counted(job, counts, now)
                self._due_at = now + self._interval

    def _read_page(self, job: InventoryJob, now: datetime) -> Flow[FileCounts | None]:
        try:
            self._counting = self._counting or IncrementalCount(job)
            return (yield from self._counting.read_page())
        except TencentCIError as error:
            self._observer.not_counted(job, error, now)
            self._due_at = now + self._interval
            return None
