"""The progress lines of a wait: how many files are done, at what rate, and until when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.outcome.human_units import duration_text, share_text
from airflow_provider_tencent_ci.outcome.time_zone import airflow_time_zone

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.exceptions import TencentCIError

__all__ = ["ProgressLog", "counted_text"]


@dataclass(frozen=True, slots=True)
class _Count:
    counts: FileCounts
    at: datetime


class ProgressLog:
    """
    Write down how a batch gets on, one line for each count.

    :param log: the task's or the trigger's logger.
    :param clock: writes the expected end, hour and minute; by default in ``[core] default_timezone``.
    """

    def __init__(self, log: Any, clock: Callable[[datetime], str] | None = None) -> None:
        self._log = log
        self._clock = clock or airflow_time_zone().clock
        self._last: _Count | None = None
        self._failing = False

    def counted(self, job: InventoryJob, counts: FileCounts, now: datetime) -> None:
        """Log the counts; if nothing has changed, that the job has not ended."""
        last, self._last, self._failing = self._last, _Count(counts, now), False
        if last is not None and (last.counts.done, last.counts.total) == (counts.done, counts.total):
            self._last = last  # the rate is that since the last change
            self._log.info(
                "Batch job %s is still %s; nothing has changed for %s: %s.",
                job.job_id,
                job.state.value,
                duration_text(now - last.at),
                _so_far(counts),
            )
            return
        rate = (counts.done - last.counts.done) / ((now - last.at).total_seconds() or 1) if last else 0.0
        # The id last: a screen is not wide enough for both, and all other lines have it.
        so_far = _so_far(counts)
        self._log.info(
            "%s%s (batch job %s).", so_far[0].upper() + so_far[1:], self._outlook(counts, rate, now), job.job_id
        )

    def counting(self, job: InventoryJob, counted: int, expected: int | None) -> None:
        """Log how far the count of a job that has ended is."""
        self._log.info("%s", counted_text(job, counted, expected))

    def not_counted(self, job: InventoryJob, error: TencentCIError, now: datetime) -> None:
        """Log the first failure of a row with its reason, and the others with the last known state."""
        if self._failing:
            self._log.info(
                "The files of batch job %s could not be counted; at the last poll it was %s.",
                job.job_id,
                job.state.value,
            )
            return
        self._failing = True
        self._log.warning("The files of batch job %s could not be counted; the wait goes on. %s", job.job_id, error)

    def _outlook(self, counts: FileCounts, per_second: float, now: datetime) -> str:
        """Say how quickly it goes on; of the files known so far, since the batch may not have found all yet."""
        if per_second <= 0:
            return ""
        seconds_left = counts.running / per_second
        ends = f", to end about {self._clock(now + timedelta(seconds=seconds_left))}" if seconds_left < 86400 else ""
        return f", {counts.running:,} left, {per_second * 60:,.0f} a minute{ends}"


def counted_text(job: InventoryJob, counted: int, expected: int | None) -> str:
    """
    Write how far the count of a job's files is.

    :param counted: the files so far.
    :param expected: how many there may be; ``None`` if that is not known.
    """
    of = f" of about {max(expected, counted):,}" if expected else ""
    return f"Counted {counted:,} files so far{of} (batch job {job.job_id})."


def _so_far(counts: FileCounts) -> str:
    if not counts.total:
        return "no file found yet"
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"{counts.done:,} of {counts.total:,} files done ({share_text(counts.done, counts.total)}){failed}"
