"""
Resubmission: after a batch job of a task has ended, the outcome, or another round over the files that failed.

A round of more files than one list holds has several parts, each a job of its own, one after the other
(``core/submitting/round_parts.py``). The *position* of a job is its place among all jobs of the task: 0 for the first
one.

The state of the rounds is in the task's own XComs: ``rounds`` (the JobIds, the first one first) and ``job`` (the record
of the first job with the counts of the whole batch so far). A deferred task that resumes finds them there. A retry,
whose XComs are gone, replays the rounds: each part finds its earlier job, and counts its files again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.task_context import own_xcom
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.put_object import check_object_key
from airflow_provider_tencent_ci.core.api.url_list import keys_of_part, parts_needed
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.submitting.round_parts import RoundPart
from airflow_provider_tencent_ci.core.submitting.round_request import (
    Resubmission,
    check_one_workflow,
    url_list_folder,
)
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

# Of 64 MB each.
_MOST_PARTS = 999


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
        longest = RoundPart(self.max_rounds, _MOST_PARTS, _MOST_PARTS).list_name
        check_object_key(f"{url_list_folder(self.url_list_prefix, _LONGEST_NAME)}{longest}")
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


def push_round(options: RoundOptions, context: Context, position: int, job_id: str) -> None:
    """Push the JobIds of all jobs up to this one, if there may be several."""
    if not options.max_rounds:
        return
    earlier = _rounds(context)[:position] if position else []  # Airflow logs an error for an XCom that is not there
    context["ti"].xcom_push(key="rounds", value=[*earlier, job_id])


def replace_last_round(context: Context, job_id: str) -> None:
    """Name another job of the same submission as the last round, if there may be several rounds."""
    if rounds := _rounds(context):
        context["ti"].xcom_push(key="rounds", value=[*rounds[:-1], job_id])


def last_round(context: Context) -> int:
    """Return how many submissions of the same files came before a task's last one."""
    return max(0, len(_rounds(context)) - 1)


def pending_round(options: RoundOptions, context: Context, hook: TencentCIHook, position: int) -> Resubmission | None:
    """
    Return the submission that a task was about to make when it had to wait for capacity; it counts no file again.

    :param position: which one.
    :return: ``None`` if the XComs do not tell; then the task counts again.
    :raises FilesUnknownError: the failed files could not be listed.
    """
    rounds, record = _rounds(context), own_xcom(context["ti"], "job")
    if len(rounds) != position or not isinstance(record, dict) or "Files" not in record:
        return None
    last = hook.get_inventory_job(rounds[-1])
    return _Rounds(options, context, hook, InventoryJob.from_dict(record), last).next_submission()


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
    batch = _so_far(context, job)
    if job.state is not JobState.SUCCESS:
        return (Outcome(rules, job, batch.record) if batch else count_and_report_files(rules, hook, job, count)), None
    counts = count_and_log_files(hook, job, count)
    if counts is None:
        return Outcome(
            rules, job, batch.record if batch else job.to_dict(), files_error=_not_known(job, "The log says why.")
        ), None
    batch = _Batch(batch.job, batch.counts.after_another_round(counts)) if batch else _Batch(job, counts)
    rounds = _Rounds(options, context, hook, batch.job, job)
    if again := rounds.next_submission(counts):
        return Outcome(rules, batch.job, batch.record, batch.counts), again
    return report_files(rules, hook, batch.job, batch.counts, rounds.jobs_of(rounds.place.round)), None


def _rounds(context: Context) -> list[str]:
    rounds = own_xcom(context["ti"], "rounds")
    return rounds if isinstance(rounds, list) else []


def _so_far(context: Context, job: InventoryJob) -> _Batch | None:
    """Return the batch before a job; ``None`` if it is the first job."""
    rounds = _rounds(context)
    if not rounds or rounds[-1] != job.job_id:
        raise _not_known(job, f"It is none of the rounds that this try knows of: {rounds}.")
    if len(rounds) == 1:
        return None
    record = own_xcom(context["ti"], "job")
    if not isinstance(record, dict) or record.get("JobId") != rounds[0] or "Files" not in record:
        raise _not_known(job, "The counts of the rounds before it are gone.")
    return _Batch(InventoryJob.from_dict(record), FileCounts.from_dict(record["Files"]))


@dataclass(frozen=True)
class _Rounds:
    """
    The rounds of a task, one of whose jobs has ended.

    :param first: the first job of the task.
    :param last: the job that has ended, the last one of the task.
    """

    options: RoundOptions
    context: Context
    hook: TencentCIHook
    first: InventoryJob
    last: InventoryJob

    @property
    def place(self) -> RoundPart:
        """Which round and part the last job is."""
        return self._place_of(self.last)

    def jobs_of(self, round_number: int) -> list[InventoryJob]:
        """Return the jobs of a round, in order."""
        found: list[InventoryJob] = []
        for job_id in reversed(_rounds(self.context)):
            job = self.last if job_id == self.last.job_id else self.hook.get_inventory_job(job_id)
            place = self._place_of(job)
            if place.round == round_number:
                found.insert(0, job)
            if place.round < round_number or (place.round == round_number and place.part == 1):
                break
        return found

    def next_submission(self, counts: FileCounts | None = None) -> Resubmission | None:
        """
        Return what is submitted next: the next part of the round, or the first one of the next round.

        :param counts: of the files of the last job; ``None`` if not known.
        :return: ``None`` if no file failed, or all rounds are done.
        :raises FilesUnknownError: the failed files could not be listed.
        """
        place = self.place
        if not place.is_last and (again := self._next_part(place)):
            return again
        may_have_failed = counts is None or counts.failed > 0 or place.parts > 1
        return self._next_round(place) if may_have_failed and place.round < self.options.max_rounds else None

    def _next_part(self, place: RoundPart) -> Resubmission | None:
        """Return the next part that has any file."""
        failures = self._failures_of(place.round - 1)
        return next(filter(None, (self._submission(part, failures) for part in place.following)), None)

    def _next_round(self, place: RoundPart) -> Resubmission | None:
        failures = self._failures_of(place.round)
        if not failures and place.parts == 1:
            self.hook.log.warning(
                "The service does not say which files of batch job %s failed: no further round.", self.last.job_id
            )
        config = self.hook.config
        parts = parts_needed(failures.keys, config.bucket, config.region)
        return self._submission(RoundPart(place.round + 1, 1, parts), failures)

    def _submission(self, place: RoundPart, failures: InventoryJobFailures) -> Resubmission | None:
        """Return the request for one part of these files; ``None`` if it has none."""
        of_part = InventoryJobFailures(keys_of_part(failures, place.part, place.parts))
        if not of_part:
            return None
        # The folder is named after the job's name, not after its id. Two jobs with this name are the same submission,
        # and another try may find the second one.
        folder = url_list_folder(self.options.url_list_prefix, self.first.name or self.first.job_id)
        url_list = of_part.url_list(self.hook.config.bucket, self.hook.config.region)
        self.hook.log.info(
            "Round %d of at most %d%s: the failed files of batch job %s are submitted again (%s). Their list is %s.",
            place.round,
            self.options.max_rounds,
            f", part {place.part} of {place.parts}" if place.parts > 1 else "",
            self.first.job_id,
            f"{len(of_part):,}",
            f"{folder}{place.list_name}",
        )
        specification = recorded_specification(self.context["ti"])
        return Resubmission.of(specification, len(_rounds(self.context)), folder, place, url_list)

    def _failures_of(self, round_number: int) -> InventoryJobFailures:
        """Return the failed files of all jobs of a round."""
        try:
            jobs = self.jobs_of(round_number)
            return InventoryJobFailures(key for job in jobs for key in self.hook.list_failed_keys(job))
        except TencentCIError as error:
            raise _not_known(self.last, f"They could not be listed: {error}") from error

    def _place_of(self, job: InventoryJob) -> RoundPart:
        position = _rounds(self.context).index(job.job_id)
        # The first job may have a list of failed files of another task as its input.
        return (RoundPart.of_job(job) or RoundPart(position)) if position else RoundPart(0)


def _not_known(job: InventoryJob, why: str) -> FilesUnknownError:
    return FilesUnknownError(
        f"{job.title} has ended ({job.state.value}), but which of its files failed is not known, so "
        f"none was submitted again. {why} A retry finds the job and lists its files again."
    )
