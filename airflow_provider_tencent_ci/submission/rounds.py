"""
What an ended batch job of a task leads to: the outcome, or another round over the files that failed.

The state of the rounds is in the task's own XComs: ``rounds`` (the JobIds, the first one first) and ``job`` (the record
of the first job with the counts of the whole batch so far). A deferred task that resumes finds them there. A retry,
whose XComs are gone, replays the rounds: each finds its job of before, and the service is asked anew about its files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.task_context import own_xcom
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.submitting.resubmission import Resubmission, url_list_key
from airflow_provider_tencent_ci.exceptions import FilesUnknownError, TencentCIError
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures
from airflow_provider_tencent_ci.outcome.file_log import record_with_files
from airflow_provider_tencent_ci.outcome.file_outcome import (
    Outcome,
    find_counts,
    find_outcome,
    report_outcome,
)
from airflow_provider_tencent_ci.task_state.stored_request import recorded_specification

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

__all__ = ["conclude", "last_round", "note_round", "pending_round", "replace_last_round"]


@dataclass(frozen=True)
class _Batch:
    """
    The files that the task was given, whatever number of jobs they took so far.

    :param job: the first job.
    :param counts: of all its files, as they are after the last round.
    """

    job: InventoryJob
    counts: FileCounts

    @property
    def record(self) -> dict[str, Any]:
        return record_with_files(self.job, self.counts, None)


def note_round(
    task: TriggerInventoryJobOperator, context: Context, specification: InventoryJobSpecification, job_id: str
) -> None:
    """Push the JobIds of all rounds so far, if there may be several."""
    if task.on_partial_failure == "report":
        return
    earlier = _rounds(context)[: specification.round] if specification.round else []
    context["ti"].xcom_push(key="rounds", value=[*earlier, job_id])


def replace_last_round(context: Context, job_id: str) -> None:
    """Name another job of the same submission as the last round, if there may be several rounds."""
    if rounds := _rounds(context):
        context["ti"].xcom_push(key="rounds", value=[*rounds[:-1], job_id])


def last_round(context: Context) -> int:
    """Return how many submissions of the same files came before a task's last one."""
    return max(0, len(_rounds(context)) - 1)


def pending_round(
    task: TriggerInventoryJobOperator, context: Context, hook: TencentCIHook, round_number: int
) -> Resubmission | None:
    """
    Return the round that a task was about to submit when it had to wait for room; no file is counted again.

    :param round_number: which one.
    :return: ``None`` if the task has to find out once more.
    :raises FilesUnknownError: the failed files could not be listed.
    """
    rounds, record = _rounds(context), own_xcom(context["ti"], "job")
    if len(rounds) != round_number or not isinstance(record, dict) or "Files" not in record:
        return None
    batch = _Batch(InventoryJob.from_dict(record), FileCounts.from_dict(record["Files"]))
    return _next_round(task, context, hook, batch, hook.get_inventory_job(rounds[-1]), round_number)


def conclude(
    task: TriggerInventoryJobOperator, context: Context, hook: TencentCIHook, job: InventoryJob
) -> tuple[Outcome, Resubmission | None]:
    """
    Find out what became of the files of a job that has ended, and whether those that failed get another round.

    :return: the outcome, and the round; the outcome is to be checked only if there is none.
    :raises FilesUnknownError: it is not known which files failed, so that nothing may be submitted again.
    """
    if task.on_partial_failure == "report":
        return find_outcome(task, hook, job), None
    round_number, batch = _so_far(context, job)
    if job.state is not JobState.SUCCESS:
        return (Outcome(task, job, batch.record) if batch else find_outcome(task, hook, job)), None
    counts = find_counts(task, hook, job)
    if counts is None:
        return Outcome(
            task, job, batch.record if batch else job.to_dict(), unwritten=_not_known(job, "The log says why.")
        ), None
    batch = _Batch(batch.job, batch.counts.after_another_round(counts)) if batch else _Batch(job, counts)
    if (
        counts.failed
        and round_number < task.resubmit_rounds
        and (again := _next_round(task, context, hook, batch, job, round_number + 1))
    ):
        return Outcome(task, batch.job, batch.record, batch.counts), again
    return report_outcome(task, hook, batch.job, batch.counts, job), None


def _rounds(context: Context) -> list[str]:
    rounds = own_xcom(context["ti"], "rounds")
    return rounds if isinstance(rounds, list) else []


def _so_far(context: Context, job: InventoryJob) -> tuple[int, _Batch | None]:
    """Return the number of the round that a job is, and the batch before it; ``None`` if it is the first job."""
    rounds = _rounds(context)
    if not rounds or rounds[-1] != job.job_id:
        raise _not_known(job, f"It is none of the rounds that this try knows of: {rounds}.")
    if len(rounds) == 1:
        return 0, None
    record = own_xcom(context["ti"], "job")
    if not isinstance(record, dict) or record.get("JobId") != rounds[0] or "Files" not in record:
        raise _not_known(job, "The counts of the rounds before it are gone.")
    return len(rounds) - 1, _Batch(InventoryJob.from_dict(record), FileCounts.from_dict(record["Files"]))


def _next_round(
    task: TriggerInventoryJobOperator,
    context: Context,
    hook: TencentCIHook,
    batch: _Batch,
    last: InventoryJob,
    round_number: int,
) -> Resubmission | None:
    """Return the round over the failed files of ``last``; ``None`` if the service does not say which ones they are."""
    try:
        failures = InventoryJobFailures.of_job(hook, last)
    except TencentCIError as error:
        raise _not_known(last, f"They could not be listed: {error}") from error
    if not failures:
        task.log.warning("The service does not say which files of batch job %s failed: no further round.", last.job_id)
        return None
    # Not by its id: of two jobs of one name, which are the same submission, another try may find the other one.
    key = url_list_key(task.url_list_prefix, batch.job.name or batch.job.job_id, round_number)
    task.log.info(
        "Round %d of at most %d: %s failed files of batch job %s are submitted again, by the list %s.",
        round_number,
        task.resubmit_rounds,
        f"{len(failures):,}",
        last.job_id,
        key,
    )
    url_list = failures.url_list(hook.config.bucket, hook.config.region)
    return Resubmission.of(recorded_specification(context["ti"]), round_number, key, url_list)


def _not_known(job: InventoryJob, why: str) -> FilesUnknownError:
    return FilesUnknownError(
        f"Batch job {job.job_id} has ended ({job.state.value}), but which of its files failed is not known, so "
        f"none was submitted again. {why} A retry finds the job again and asks anew."
    )
