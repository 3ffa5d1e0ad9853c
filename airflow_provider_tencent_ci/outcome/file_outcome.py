"""
What is made of a batch job that has ended: its files are counted, reported and judged.

The operator and the sensor end here in every mode, always on a worker but for one case: a job none of whose files
failed may be ended in the triggerer (:mod:`airflow_provider_tencent_ci.waiting.trigger_end`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_tencent_ci.compat.airflow_names import AirflowFailException, AirflowSkipException
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts, count_files
from airflow_provider_tencent_ci.core.files.file_rules import FailOn, check_files, check_rules, needs_counts
from airflow_provider_tencent_ci.core.polling.wait import raise_for_state
from airflow_provider_tencent_ci.exceptions import FilesFailedError, FilesUnknownError, NoFilesError, TencentCIError
from airflow_provider_tencent_ci.outcome.failure_list import (
    check_failures_path,
    failures_file,
    write_failures,
)
from airflow_provider_tencent_ci.outcome.file_log import closing_table, failure_table, record_with_files

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.file_records import FileFailure
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["Judged", "Outcome", "check_arguments", "counts_files", "find_counts", "find_outcome", "report_outcome"]

_FIRST = 10


class Judged(Protocol):
    """The arguments of a task that this module looks at; see the operator."""

    count_files: bool
    fail_on: FailOn
    on_empty: str
    failures_path: str | None

    @property
    def log(self) -> Any: ...


@dataclass(frozen=True)
class Outcome:
    """
    A job at its end.

    :param record: for XCom: the job's record, with ``Files`` if they were counted.
    :param counts: of its files; ``None`` if they were not counted.
    :param unwritten: why the list of failed files, which was asked for, was not written, or else what of them is not
        known.
    """

    task: Judged
    job: InventoryJob
    record: dict[str, Any]
    counts: FileCounts | None = None
    unwritten: FilesUnknownError | None = None

    def check(self) -> None:
        """
        Judge the job, and the files if it succeeded.

        :raises JobError: the job failed or was cancelled.
        :raises AirflowFailException: too many files failed, or there was none: nothing that a retry would change.
        :raises AirflowSkipException: there was no file, and ``on_empty="skip"``.
        :raises FilesUnknownError: the files decide, and could not be counted; or their list could not be written.
        """
        raise_for_state(self.job)
        if self.unwritten:
            raise self.unwritten
        if self.counts is None:
            self._check_without_counts()
            return
        try:
            check_files(self.job, self.counts, self.task.fail_on, self.task.on_empty)
        except NoFilesError as error:
            kind = AirflowSkipException if self.task.on_empty == "skip" else AirflowFailException
            raise kind(str(error)) from error
        except FilesFailedError as error:
            raise AirflowFailException(str(error)) from error

    def _check_without_counts(self) -> None:
        if needs_counts(self.task.fail_on, self.task.on_empty):
            raise FilesUnknownError(
                f"Batch job {self.job.job_id} succeeded, but its files could not be counted, and fail_on="
                f"{self.task.fail_on!r} and on_empty={self.task.on_empty!r} are about them. The log says why. A retry "
                "finds the job again and counts anew."
            )


def check_arguments(task: Judged) -> None:
    """
    Check what the user gave, before anything is submitted.

    :raises InvalidArgumentError: an argument is wrong; the message names it.
    """
    check_rules(task.fail_on, task.on_empty)
    check_failures_path(task.failures_path)


def counts_files(task: Judged) -> bool:
    """Whether the files have to be counted before a job that succeeded may end the task."""
    return task.count_files or needs_counts(task.fail_on, task.on_empty)


def find_outcome(task: Judged, hook: TencentCIHook, job: InventoryJob) -> Outcome:
    """
    Count the files of a job that has ended, say in the log what became of them, and write down those that failed.

    It does not raise where the service or the storage fails; what that means is for :meth:`Outcome.check`.

    :raises InvalidArgumentError: see :func:`check_arguments`.
    """
    check_arguments(task)
    if not (counts_files(task) or task.failures_path):
        return Outcome(task, job, job.to_dict())
    counts = find_counts(task, hook, job)
    return report_outcome(task, hook, job, counts) if counts else Outcome(task, job, job.to_dict())


def find_counts(task: Judged, hook: TencentCIHook, job: InventoryJob) -> FileCounts | None:
    """Count the files of a job that has ended, and log a table; ``None``, with a warning, if that cannot be done."""
    try:
        counts = hook.run(count_files(job))
    except TencentCIError as error:
        task.log.warning("The files of batch job %s could not be counted. %s", job.job_id, error)
        return None
    task.log.info("%s", closing_table(job, counts))
    return counts


def report_outcome(
    task: Judged, hook: TencentCIHook, job: InventoryJob, counts: FileCounts, last: InventoryJob | None = None
) -> Outcome:
    """
    Log the first failed files and write all of them, if asked to.

    :param counts: of the job's files.
    :param last: the job that has those which failed to the end; by default ``job`` itself.
    """
    path, unwritten = _report_failures(task, hook, job, counts, last or job)
    return Outcome(task, job, record_with_files(job, counts, path), counts, unwritten)


def _report_failures(
    task: Judged, hook: TencentCIHook, job: InventoryJob, counts: FileCounts, last: InventoryJob
) -> tuple[str | None, FilesUnknownError | None]:
    """Return where the list of failed files was written to, or why not."""
    failures = hook.list_failed_files(last) if counts.failed else iter(())
    if not task.failures_path:
        _log_first(task, failures, counts)
        return None, None
    path = failures_file(task.failures_path, job.job_id)
    try:
        first = write_failures(path, failures, keep=_FIRST)
    except Exception as error:
        return None, FilesUnknownError(
            f"Batch job {job.job_id} has ended ({job.state.value}), but the list of its failed files could not be "
            f"written to {path}: {type(error).__name__}: {error}. A retry finds the job again and writes anew."
        )
    if first:
        task.log.warning("%s\nAll of them: %s", failure_table(first, counts.failed), path)
    return str(path), None


def _log_first(task: Judged, failures: Iterator[FileFailure], counts: FileCounts) -> None:
    try:
        first = list(islice(failures, _FIRST))
    except TencentCIError as error:
        task.log.warning("The failed files could not be listed. %s", error)
        return
    if first:
        task.log.warning("%s", failure_table(first, counts.failed))
