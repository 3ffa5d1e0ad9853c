"""
Resubmission: after a batch job of a task has ended, the outcome, or another round over the files that failed.

The state of the rounds is in the task's own XComs: ``rounds`` (the JobIds, the first one first) and ``job`` (the record
of the first job with the counts of the whole batch so far). A deferred task that resumes finds them there. A retry,
whose XComs are gone, replays the rounds: each one finds its earlier job, and counts its files again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.task_context import own_xcom
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.put_object import check_object_key
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.submitting.round_request import Resubmission, check_one_workflow, url_list_key
from airflow_provider_tencent_ci.exceptions import FilesUnknownError, InvalidArgumentError, TencentCIError
from airflow_provider_tencent_ci.outcome.closing_summary import record_with_files
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures
from airflow_provider_tencent_ci.outcome.file_outcome import (
    CountFiles,
    FileRules,
    Outcome,
    count_and_log_files,
    count_and_report_files,
    report_files,
)
from airflow_provider_tencent_ci.task_state.submission_xcom import recorded_specification

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["RoundOptions", "finish_or_start_round", "last_round", "pending_round", "push_round", "replace_last_round"]

_LONGEST_NAME = "\u4e2d" * 128


@dataclass(frozen=True, slots=True)
class RoundOptions:
    """
    Whether failed files are submitted again.

    :param max_rounds: how often at most; 0 for not at all.
    :param url_list_prefix: where in the bucket the lists of failed files are put.
    """

    max_rounds: int = 0
    url_list_prefix: str = ""

    def check(self, specification: InventoryJobSpecification) -> None:
        """
        Check what depends on rendered templates, before anything is submitted.

        :raises InvalidArgumentError: an argument is wrong, or does not go together with rounds; the message names it.
        """
        if not self.max_rounds:
            return
        check_object_key(url_list_key(self.url_list_prefix, _LONGEST_NAME, self.max_rounds))
        try:
            check_one_workflow(specification.operation)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"resubmit_rounds={self.max_rounds}: {error}") from None


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


def push_round(options: RoundOptions, context: Context, round_number: int, job_id: str) -> None:
    """Push the JobIds of all rounds up to this one, if there may be several."""
    if not options.max_rounds:
        return
    earlier = _rounds(context)[:round_number]
    context["ti"].xcom_push(key="rounds", value=[*earlier, job_id])


def replace_last_round(context: Context, job_id: str) -> None:
    """Name another job of the same submission as the last round, if there may be several rounds."""
    if rounds := _rounds(context):
        context["ti"].xcom_push(key="rounds", value=[*rounds[:-1], job_id])


def last_round(context: Context) -> int:
    """Return how many submissions of the same files came before a task's last one."""
    return max(0, len(_rounds(context)) - 1)


def pending_round(
    options: RoundOptions, context: Context, hook: TencentCIHook, round_number: int
) -> Resubmission | None:
    """
    Return the round that a task was about to submit when it had to wait for capacity; it counts no file again.

    :param round_number: which one.
    :return: ``None`` if the XComs do not tell; then the task counts again.
    :raises FilesUnknownError: the failed files could not be listed.
    """
    rounds, record = _rounds(context), own_xcom(context["ti"], "job")
    if len(rounds) != round_number or not isinstance(record, dict) or "Files" not in record:
        return None
    batch = _Batch(InventoryJob.from_dict(record), FileCounts.from_dict(record["Files"]))
    return _next_round(options, context, hook, batch, hook.get_inventory_job(rounds[-1]), round_number)


def finish_or_start_round(
    options: RoundOptions,
    rules: FileRules,
    context: Context,
    hook: TencentCIHook,
    job: InventoryJob,
    count: CountFiles,
) -> tuple[Outcome, Resubmission | None]:
    """
    Count the files of a job that has ended, and decide whether those that failed get another round.

    :param count: counts the files, or returns the counts that the wait has made.
    :return: the outcome, and the next round. Call ``check()`` of the outcome only if there is no next round.
    :raises FilesUnknownError: it is not known which files failed; nothing was submitted again.
    """
    if not options.max_rounds:
        return count_and_report_files(rules, hook, job, count), None
    round_number, batch = _so_far(context, job)
    if job.state is not JobState.SUCCESS:
        return (Outcome(rules, job, batch.record) if batch else count_and_report_files(rules, hook, job, count)), None
    counts = count_and_log_files(hook, job, count)
    if counts is None:
        return Outcome(
            rules, job, batch.record if batch else job.to_dict(), files_error=_not_known(job, "The log says why.")
        ), None
    batch = _Batch(batch.job, batch.counts.after_another_round(counts)) if batch else _Batch(job, counts)
    if (
        counts.failed
        and round_number < options.max_rounds
        and (again := _next_round(options, context, hook, batch, job, round_number + 1))
    ):
        return Outcome(rules, batch.job, batch.record, batch.counts), again
    return report_files(rules, hook, batch.job, batch.counts, job), None


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
    options: RoundOptions,
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
        hook.log.warning("The service does not say which files of batch job %s failed: no further round.", last.job_id)
        return None
    url_list = _url_list(hook, last, failures)
    # Not by its id: of two jobs of one name, which are the same submission, another try may find the other one.
    key = url_list_key(options.url_list_prefix, batch.job.name or batch.job.job_id, round_number)
    hook.log.info(
        "Round %d of at most %d: the failed files of batch job %s are submitted again (%s). Their list is %s.",
        round_number,
        options.max_rounds,
        last.job_id,
        f"{len(failures):,}",
        key,
    )
    return Resubmission.of(recorded_specification(context["ti"]), round_number, key, url_list)


def _url_list(hook: TencentCIHook, job: InventoryJob, failures: InventoryJobFailures) -> bytes:
    try:
        return failures.url_list(hook.config.bucket, hook.config.region)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"The {len(failures):,} failed files of batch job {job.job_id} cannot be submitted again as one list, so "
            f"nothing was submitted. {error} Submit them in parts by hand: hook.list_failed_keys(job) lists their "
            "keys, and InventoryJobFailures(keys).upload(hook, key) writes the list of a part for url_file."
        ) from error


def _not_known(job: InventoryJob, why: str) -> FilesUnknownError:
    return FilesUnknownError(
        f"Batch job {job.job_id} has ended ({job.state.value}), but which of its files failed is not known, so "
        f"none was submitted again. {why} A retry finds the job and lists its files again."
    )
