"""The log lines about a batch's files: during the wait, and at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.core.wire.texts import readable, shortened

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.file_records import FileFailure
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.exceptions import TencentCIError

__all__ = ["ProgressLog", "closing_table", "counts_text", "duration_text", "failure_table", "record_with_files"]

_LONGEST_KEY, _LONGEST_MESSAGE = 120, 200


@dataclass(frozen=True, slots=True)
class _Count:
    counts: FileCounts
    at: datetime


class ProgressLog:
    """
    Write down how a batch gets on, one line for each count.

    :param log: the task's or the trigger's logger.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._last: _Count | None = None
        self._failing = False

    def counted(self, job: InventoryJob, counts: FileCounts, now: datetime) -> None:
        """Log the counts; if nothing has changed, that the job is still at it."""
        last, self._last, self._failing = self._last, _Count(counts, now), False
        if last is not None and (last.counts.done, last.counts.total) == (counts.done, counts.total):
            self._last = last  # the rate is that since the last change
            self._log.info(
                "Batch job %s is still %s; for %s no file was done: %s.",
                job.job_id,
                job.state.value,
                duration_text(now - last.at),
                _so_far(counts),
            )
            return
        rate = (counts.done - last.counts.done) / ((now - last.at).total_seconds() or 1) if last else 0.0
        # The id last: a screen is not wide enough for both, and all other lines have it.
        self._log.info("%s%s (batch job %s).", _so_far(counts), _outlook(counts, rate, now), job.job_id)

    def not_counted(self, job: InventoryJob, error: TencentCIError, now: datetime) -> None:
        """Log the first failure of a row with its reason, and each time that the job is still waited for."""
        self._log.info("Batch job %s is still %s; its files could not be counted.", job.job_id, job.state.value)
        if not self._failing:
            self._failing = True
            self._log.warning("The files of batch job %s could not be counted; the wait goes on. %s", job.job_id, error)


def closing_table(job: InventoryJob, counts: FileCounts) -> str:
    """Return the closing table of a batch, a few lines of text."""
    took = job.end_time - job.creation_time if job.end_time and job.creation_time else None
    rows = [
        ("files", counts.total, ""),
        ("succeeded", counts.succeeded, _share(counts.succeeded, counts.total)),
        ("failed", counts.failed, _share(counts.failed, counts.total)),
        ("cancelled", counts.cancelled, _share(counts.cancelled, counts.total)),
        ("not done", counts.running, _share(counts.running, counts.total)),
    ]
    shown = rows[:3] + [row for row in rows[3:] if row[1]]
    lines = [f"  {name:<10} {number:>11,} {share:>7}".rstrip() for name, number, share in shown]
    duration = f" after {duration_text(took)}" if took is not None else ""
    return "\n".join([f"Batch job {job.job_id}: {job.state.value}{duration} ({shortened(job.name, 128)}).", *lines])


def record_with_files(job: InventoryJob, counts: FileCounts, failure_list: str | None) -> dict[str, Any]:
    """
    Return the record of a job for XCom, with the counts of its files as ``Files``.

    :param failure_list: where the list of its failed files was written.
    """
    return {**job.to_dict(), "Files": {**counts.to_dict(), "FailureList": failure_list}}


def failure_table(failures: Sequence[FileFailure], total: int) -> str:
    """
    Return the first failed files, one on each line.

    :param total: how many failed in all.
    """
    heading = f"The first {len(failures)} of {total:,} failed files:" if total > len(failures) else "The failed files:"
    return "\n".join([heading, *(f"  {_line(failure)}" for failure in failures)])


def counts_text(counts: FileCounts) -> str:
    """Write counts in one line."""
    parts = (
        (counts.succeeded, "succeeded"),
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
        (counts.running, "not done"),
    )
    said = ", ".join(f"{number:,} {word}" for number, word in parts if number)
    return f"{counts.total:,}: {said}" if said else "0"


def duration_text(duration: timedelta) -> str:
    """Write a duration to the second: ``1:02:03``."""
    return str(timedelta(seconds=round(duration.total_seconds())))


def _line(failure: FileFailure) -> str:
    reason = ": ".join(filter(None, (failure.code, readable(failure.message, _LONGEST_MESSAGE)))) or "no reason given"
    node = f" in {failure.node}" if failure.node else ""
    return f"{readable(failure.key, _LONGEST_KEY)}{node}: {reason} ({failure.run_id})"


def _so_far(counts: FileCounts) -> str:
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"{counts.done:,} of {counts.total:,} files done ({_share(counts.done, counts.total) or '0 %'}){failed}"


def _outlook(counts: FileCounts, per_second: float, now: datetime) -> str:
    """Say how quickly it goes on; of the files that are known so far, since the batch may not have found all yet."""
    if per_second <= 0:
        return ""
    seconds_left = counts.running / per_second
    ends = f", to end about {now + timedelta(seconds=seconds_left):%H:%M} UTC" if seconds_left < 86400 else ""
    return f", {counts.running:,} left, {per_second * 60:,.0f} a minute{ends}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
