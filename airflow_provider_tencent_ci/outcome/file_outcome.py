"""
The outcome of a batch job that has ended: its files are counted, reported and judged.

The operator and the sensor end here in every mode, always on a worker but for one case: a job none of whose files
failed may be ended in the triggerer (:mod:`airflow_provider_tencent_ci.waiting.end_from_trigger`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.airflow_names import AirflowFailException, AirflowSkipException
from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.files.fail_on import (
    FailedSearch,
    FailOn,
    check_files,
    describe_failed,
    failure_threshold,
    needs_counts,
    needs_totals,
    search_failed,
)
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.exceptions import FilesFailedError, FilesUnknownError, NoFilesError, TencentCIError
from airflow_provider_tencent_ci.metrics.recording import files_counted
from airflow_provider_tencent_ci.outcome.closing_summary import (
    closing_table,
    empty_warning,
    failure_table,
    failures_warning,
    record_with_files,
)
from airflow_provider_tencent_ci.outcome.commands import CommandPlace, resubmission_advice
from airflow_provider_tencent_ci.outcome.failures_path import (
    check_failures_path,
    failures_file,
    write_failures,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_tencent_ci.core.api.file_records import FileFailure
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["CountFiles", "FileRules", "Outcome", "count_and_log_files", "count_and_report_files", "report_files"]

_FIRST = 10

# Counts the files of a job that has ended; raises TencentCIError.
CountFiles = Callable[["InventoryJob"], FileCounts]


@dataclass(frozen=True, slots=True)
class FileRules:
    """
    The rules for the files of a job; see the operator's arguments of the same names.

    :param count_files: count them when the job has ended.
    :param fail_on: how many may fail.
    :param on_empty: ``succeed``, ``skip`` or ``fail`` when there is none.
    :param failures_path: where the list of failed files goes; ``None`` for nowhere.
    """

    count_files: bool = True
    fail_on: FailOn = "job"
    on_empty: str = "succeed"
    failures_path: str | ObjectStoragePath | None = None

    @property
    def need_totals(self) -> bool:
        """Whether all files have to be counted."""
        return self.count_files or bool(self.failures_path) or needs_totals(self.fail_on)

    @property
    def need_search(self) -> bool:
        """Whether the failed files decide, and it is enough to search for them."""
        return not self.need_totals and needs_counts(self.fail_on, self.on_empty)

    def check_path(self) -> None:
        """
        Check where the list of failed files goes, before anything is submitted.

        :raises InvalidArgumentError: nothing can be written there.
        """
        check_failures_path(self.failures_path)


@dataclass(frozen=True)
class Outcome:
    """
    A job at its end.

    :param record: for XCom: the job's record, with ``Files`` if they were counted.
    :param counts: of its files; ``None`` if they were not counted.
    :param search: for failed files, where that is enough; else ``None``.
    :param files_error: why the files are not known, or why the list of failed files could not be written.
    :param advice: the advice if too many of them failed.
    """

    rules: FileRules
    job: InventoryJob
    record: dict[str, Any]
    counts: FileCounts | None = None
    search: FailedSearch | None = None
    files_error: FilesUnknownError | None = None
    advice: str = ""

    def check(self, place: str) -> None:
        """
        Judge the job, and the files if it succeeded.

        :param place: the connection and the bucket, for Airflow's errors (:attr:`.TencentCIHook.place`).
        :raises JobError: the job failed or was cancelled.
        :raises AirflowFailException: too many files failed, or there was none: nothing that a retry would change.
        :raises AirflowSkipException: there was no file, and ``on_empty="skip"``.
        :raises FilesUnknownError: the files decide, and could not be counted; or their list could not be written.
        """
        self.job.raise_for_state()
        if self.files_error:
            raise self.files_error
        try:
            self._check_files()
        except NoFilesError as error:
            kind = AirflowSkipException if self.rules.on_empty == "skip" else AirflowFailException
            raise kind(f"{place}{error}") from error
        except FilesFailedError as error:
            listed = self.record.get("Files", {}).get("FailureList")
            where = f"all are in {listed}" if listed else "with failures_path, the task writes a list of all"
            all_named = self.counts is not None and self.counts.failed <= _FIRST and not listed
            named = "The log names them." if all_named else f"The log names the first of them; {where}."
            text = f"{place}{error} {named} {self.advice}"
            raise AirflowFailException(text.rstrip()) from error

    def _check_files(self) -> None:
        if self.counts is not None:
            check_files(self.job, self.counts, self.rules.fail_on, self.rules.on_empty)
        elif self.search is not None:
            self.search.check(self.job, self.rules.fail_on, self.rules.on_empty)
        elif needs_counts(self.rules.fail_on, self.rules.on_empty):
            raise FilesUnknownError(
                f"{self.job.title} succeeded, but its files could not be counted, and fail_on="
                f"{self.rules.fail_on!r} and on_empty={self.rules.on_empty!r} are about them. The log says why. "
                "A retry finds the job again and counts once more."
            )


def count_and_report_files(rules: FileRules, hook: TencentCIHook, job: InventoryJob, count: CountFiles) -> Outcome:
    """
    Count the files of a job that has ended, log the counts, and write the list of those that failed.

    It does not raise where the service or the storage fails; what that means is for :meth:`Outcome.check`.

    :param count: counts the files, or returns the counts that the wait has made.
    :raises InvalidArgumentError: see :meth:`FileRules.check_path`.
    """
    rules.check_path()
    if rules.need_search:
        return _search_and_report(rules, hook, job)
    if not rules.need_totals:
        return Outcome(rules, job, job.to_dict())
    counts = count_and_log_files(hook, job, count)
    return report_files(rules, hook, job, counts) if counts else Outcome(rules, job, job.to_dict())


def _search_and_report(rules: FileRules, hook: TencentCIHook, job: InventoryJob) -> Outcome:
    if job.state is not JobState.SUCCESS:  # its files decide nothing
        return Outcome(rules, job, job.to_dict())
    try:
        search = hook.run(search_failed(job, rules.fail_on, rules.on_empty))
    except TencentCIError as error:
        hook.log.warning("The failed files of batch job %s could not be listed. %s", job.job_id, error)
        return Outcome(rules, job, job.to_dict())
    if search.is_empty and rules.on_empty != "fail":
        hook.log.warning("%s", empty_warning(job, rules.on_empty))
    if search.failed:
        _log_first(hook, hook.list_failed_files(job), None)
    advice = _advice(hook, [job], search.failed)
    if 0 < search.failed < failure_threshold(rules.fail_on):
        hook.log.warning("%s", failures_warning(job, f"{search.failed:,} of its files failed", rules.fail_on, advice))
    return Outcome(rules, job, job.to_dict(), search=search, advice=advice)


def count_and_log_files(hook: TencentCIHook, job: InventoryJob, count: CountFiles) -> FileCounts | None:
    """Count the files of a job that has ended, and log a table; ``None``, with a warning, if that cannot be done."""
    try:
        counts = count(job)
    except TencentCIError as error:
        hook.log.warning("The files of batch job %s could not be counted. %s", job.job_id, error)
        return None
    hook.log.info("%s", closing_table(job, counts))
    files_counted(counts)
    return counts


def report_files(
    rules: FileRules, hook: TencentCIHook, job: InventoryJob, counts: FileCounts, last: Sequence[InventoryJob] = ()
) -> Outcome:
    """
    Log the first failed files, and write all of them to ``failures_path``.

    :param counts: of the job's files.
    :param last: the jobs that have those which failed to the end; by default ``job`` itself.
    """
    last = last or [job]
    if not counts.total and rules.on_empty != "fail" and job.state is JobState.SUCCESS:
        hook.log.warning("%s", empty_warning(job, rules.on_empty))
    path, files_error = _report_failures(rules, hook, job, counts, last)
    record, advice = record_with_files(job, counts, path), _advice(hook, last, counts.failed)
    if job.state is JobState.SUCCESS and 0 < counts.failed < failure_threshold(rules.fail_on, counts.total):
        hook.log.warning("%s", failures_warning(job, describe_failed(counts), rules.fail_on, advice))
    return Outcome(rules, job, record, counts, files_error=files_error, advice=advice)


def _advice(hook: TencentCIHook, last: Sequence[InventoryJob], failed: int) -> str:
    return resubmission_advice(last, CommandPlace.of_hook(hook)) if failed else ""


def _report_failures(
    rules: FileRules, hook: TencentCIHook, job: InventoryJob, counts: FileCounts, last: Sequence[InventoryJob]
) -> tuple[str | None, FilesUnknownError | None]:
    """Return where the list of failed files was written to, or why not."""
    failures = (failure for one in last if counts.failed for failure in hook.list_failed_files(one))
    if not rules.failures_path:
        _log_first(hook, failures, counts.failed)
        return None, None
    path = failures_file(rules.failures_path, job.job_id)
    try:
        first = write_failures(path, failures, keep=_FIRST)
    except Exception as error:
        return None, FilesUnknownError(
            f"{job.title} has ended ({job.state.value}), but the list of its failed files could not be "
            f"written to {path}: {type(error).__name__}: {error}. A retry finds the job and writes the list."
        )
    if first:
        hook.log.warning("%s\nAll of them: %s", failure_table(first, counts.failed), path)
    return str(path), None


def _log_first(hook: TencentCIHook, failures: Iterator[FileFailure], total: int | None) -> None:
    try:
        first = list(islice(failures, _FIRST))
    except TencentCIError as error:
        hook.log.warning("The failed files could not be listed. %s", error)
        return
    if first:
        hook.log.warning("%s", failure_table(first, total))
