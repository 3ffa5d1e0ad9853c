"""The summary of a batch that has ended: the log lines about its files, and the record with their counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.core.files.fail_on import describe_no_files
from airflow_provider_tencent_ci.core.wire.texts import readable, shortened
from airflow_provider_tencent_ci.outcome.human_units import duration_text, share_text

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.file_records import FileFailure
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts

__all__ = ["closing_table", "empty_warning", "failure_table", "failures_warning", "record_with_files"]

_LONGEST_KEY, _LONGEST_MESSAGE = 120, 200


def closing_table(job: InventoryJob, counts: FileCounts) -> str:
    """Return the closing table of a batch, a few lines of text."""
    took = job.end_time - job.creation_time if job.end_time and job.creation_time else None
    rows = [
        ("files", counts.total, ""),
        ("succeeded", counts.succeeded, share_text(counts.succeeded, counts.total)),
        ("failed", counts.failed, share_text(counts.failed, counts.total)),
        ("cancelled", counts.cancelled, share_text(counts.cancelled, counts.total)),
        ("not done", counts.running, share_text(counts.running, counts.total)),
    ]
    shown = rows[:3] + [row for row in rows[3:] if row[1]]
    lines = [f"  {name:<10} {number:>11,} {share:>7}".rstrip() for name, number, share in shown]
    duration = f" after {duration_text(took)}" if took is not None else ""
    return "\n".join([f"Batch job {job.job_id}: {job.state.value}{duration} ({shortened(job.name, 128)}).", *lines])


def empty_warning(job: InventoryJob, on_empty: str) -> str:
    """Return the warning about a job without files whose task does not fail: a slip in a prefix looks the same."""
    result = "succeeds" if on_empty == "succeed" else "is skipped, and its DAG run may succeed"
    return (
        f"{describe_no_files(job)} If there should be some, check the input of the task for a slip. With "
        f'on_empty="{on_empty}" the task {result}; with "fail" it fails.'
    )


def failures_warning(job: InventoryJob, how_many: str, fail_on: object, advice: str) -> str:
    """
    Return the warning about failed files that do not fail the task: even a night without one result would be green.

    :param how_many: failed, in words.
    """
    return f"{job.title} succeeded, and {how_many}, which fail_on={fail_on!r} allows. {advice}".rstrip()


def record_with_files(job: InventoryJob, counts: FileCounts, failure_list: str | None) -> dict[str, Any]:
    """
    Return the record of a job for XCom, with the counts of its files as ``Files``.

    :param failure_list: where the list of its failed files was written.
    """
    return {**job.to_dict(), "Files": {**counts.to_dict(), "FailureList": failure_list}}


def failure_table(failures: Sequence[FileFailure], total: int | None, total_text: str = "") -> str:
    """
    Return the first failed files, one on each line.

    :param total: how many failed in all; ``None`` if they were not counted.
    :param total_text: the same in words, if it is not the exact number.
    """
    if total is None:
        heading = "Failed files, ten at most:"
    elif total > len(failures):
        heading = f"The first {len(failures)} of {total_text or f'{total:,}'} failed files:"
    else:
        heading = "The failed files:"
    return "\n".join([heading, *(f"  {_line(failure)}" for failure in failures)])


def _line(failure: FileFailure) -> str:
    reason = ": ".join(filter(None, (failure.code, readable(failure.message, _LONGEST_MESSAGE)))) or "no reason given"
    node = f" in {failure.node}" if failure.node else ""
    return f"{readable(failure.key, _LONGEST_KEY)}{node}: {reason} ({failure.run_id})"
