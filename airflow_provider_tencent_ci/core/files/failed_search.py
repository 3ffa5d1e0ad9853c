"""
Judging the files of a job without counting all of them.

``fail_on="any"`` or a number needs the failed files only, and no more of them than that number. ``on_empty`` needs one
page. A share needs the totals: :mod:`.file_counts`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from airflow_provider_tencent_ci.core.api.file_lists import file_lists_of, list_files_page
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.paginator import Paginator
from airflow_provider_tencent_ci.core.files.fail_on import FailOn, failure_threshold, no_files, too_many_failed
from airflow_provider_tencent_ci.core.wire.messages import Flow


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
