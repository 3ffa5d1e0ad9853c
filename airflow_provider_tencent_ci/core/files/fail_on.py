"""
The rules for the files of a job that succeeded: how many may fail, and whether there must be any.

They decide how far the lists are read. ``fail_on="any"`` or a number needs the failed files only, and no more of them
than that number. ``on_empty`` needs one page. A share needs the totals: :mod:`.count_files`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from airflow_provider_tencent_ci.core.api.file_lists import file_lists_of, list_files_page
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.paginator import Paginator
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import FilesFailedError, NoFilesError

# "job", "any", a share of the files (a float between 0 and 1), or a number of files.
FailOn = str | float


def needs_counts(fail_on: FailOn, on_empty: str) -> bool:
    """Whether the files have to be counted to judge a job that succeeded."""
    return fail_on != "job" or on_empty != "succeed"


def needs_totals(fail_on: FailOn) -> bool:
    """Whether all files have to be counted: a share cannot be judged by the failed ones alone."""
    return not isinstance(fail_on, str) and fail_on < 1


def check_files(job: InventoryJob, counts: FileCounts, fail_on: FailOn, on_empty: str) -> None:
    """
    Judge a job that succeeded by its files.

    :param fail_on: ``"job"``: files do not matter; ``"any"``: no file may fail; a share or a number: at least that
        many failed files are too many.
    :param on_empty: what a job without files means; ``"succeed"`` allows it.
    :raises FilesFailedError: too many failed.
    :raises NoFilesError: there is no file.
    """
    if counts.total == 0 and on_empty != "succeed":
        raise no_files(job, on_empty)
    if counts.failed >= failure_threshold(fail_on, counts.total):
        raise too_many_failed(job, describe_failed(counts), fail_on)


def describe_failed(counts: FileCounts) -> str:
    """Say how many files failed."""
    return f"{counts.failed:,} of its {counts.total:,} files failed ({counts.failed / counts.total:.1%})"


def describe_no_files(job: InventoryJob) -> str:
    """Say that a job found no file, with everything that it looked for."""
    modified = f" modified {job.modified}" if job.modified else ""
    return f"{job.title} succeeded, and no file{modified} matched its input."


def no_files(job: InventoryJob, on_empty: str) -> NoFilesError:
    """Return the error of a job without files that must have some."""
    # A skip has a warning with this advice.
    advice = "" if on_empty == "skip" else " If there should be some, check the input of the task for a slip."
    return NoFilesError(
        f"{describe_no_files(job)} on_empty={on_empty!r} does not take that for success.{advice}",
        job=job,
    )


def too_many_failed(job: InventoryJob, how_many: str, fail_on: FailOn) -> FilesFailedError:
    """
    Return the error of a job with too many failed files.

    :param how_many: failed, in words.
    """
    return FilesFailedError(
        f"{job.title} succeeded, but {how_many}, which is too many for fail_on={fail_on!r}.", job=job
    )


def failure_threshold(fail_on: FailOn, total: int = 0) -> float:
    """
    Return how many failed files are too many; infinite for ``"job"``.

    :param total: of all files; only a share needs it.
    """
    if isinstance(fail_on, str):
        return 1 if fail_on == "any" else float("inf")
    # Without files, no share of them has failed.
    return fail_on if fail_on >= 1 else max(fail_on * total, 1)


@dataclass(frozen=True, slots=True)
class FailedSearch:
    """
    The result of a search.

    :param failed: the failed files that were found, no more than the rule allows to decide.
    :param is_empty: whether the job has no file; ``None`` if that was not asked.
    """

    failed: int
    is_empty: bool | None

    def check(self, job: InventoryJob, fail_on: FailOn, on_empty: str) -> None:
        """
        Judge a job that succeeded by its files.

        :raises FilesFailedError: too many failed.
        :raises NoFilesError: there is no file, and that was asked.
        """
        if self.is_empty:
            raise no_files(job, on_empty)
        if self.failed >= failure_threshold(fail_on):
            raise too_many_failed(job, f"{self.failed:,} or more of its files failed", fail_on)


def search_failed(job: InventoryJob, fail_on: FailOn, on_empty: str) -> Flow[FailedSearch]:
    """
    Search for failed files until there are enough to decide, and for any file if ``on_empty`` is about it.

    :param fail_on: ``"job"``, ``"any"`` or a number; not a share.
    :raises UnreadableResponseError: the record does not say what the batch runs.
    :raises ApiError: the lists could not be read.
    """
    most = failure_threshold(fail_on)
    failed = (yield from _count_failed(job, math.ceil(most))) if most < math.inf else 0
    if on_empty == "succeed":
        return FailedSearch(failed, None)
    return FailedSearch(failed, not failed and (yield from _is_empty(job)))


def _count_failed(job: InventoryJob, most: int) -> Flow[int]:
    """Return how many files failed; ``most`` if there may be more."""
    failed = 0
    for files in file_lists_of(job):
        pages = Paginator()
        while pages.next_token is not None:
            page = yield from list_files_page(files, pages.next_token, states=JobState.FAILED.value)
            failed += sum(run.state is JobState.FAILED for run in pages.new_items(page))
            if failed >= most:
                return most
    return failed


def _is_empty(job: InventoryJob) -> Flow[bool]:
    for files in file_lists_of(job):
        pages = Paginator()
        while pages.next_token is not None:
            if any(pages.new_items((yield from list_files_page(files, pages.next_token)))):
                return False
    return True
