"""
The page's requests to the service: one request for a list, a limited number for everything else, in a limited time.

No request is retried after an error: the user can reload the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_tencent_ci.compat.connections import get_connection_of_any_team
from airflow_provider_tencent_ci.core.api.file_lists import file_lists_of, list_files_page
from airflow_provider_tencent_ci.core.api.file_records import FileFailure
from airflow_provider_tencent_ci.core.api.job_calls import get_job
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.api.paginator import Page
from airflow_provider_tencent_ci.core.files.file_survey import (
    DoneBy,
    SampledFile,
    Survey,
    done_over_time,
    survey_files,
)
from airflow_provider_tencent_ci.core.polling.cancel_job import cancel_and_confirm
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, TencentCIError
from airflow_provider_tencent_ci.hooks.connection_config import read_extra
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.plugins.ttl_cache import FINAL_SECONDS, Remembered, survey_seconds
from airflow_provider_tencent_ci.submission.resubmit_job import resubmission_among
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport

__all__ = ["Asking", "MissingConnectionError", "PageHook", "Place", "account_of", "asking", "is_ours", "own_bucket"]

AskedT = TypeVar("AskedT")

# 2,000 files are read in order: some seconds, if the service answers a page in 0.1 s. More are estimated.
_MOST_PAGES = 20

# The reason of a workflow's execution needs a separate request.
_FAILED_AT_ONCE = 20

# A thread of the API server waits for the service meanwhile.
_REQUEST_SECONDS, _LOOK_SECONDS = 10.0, 12.0

_STOP_SECONDS = 6.0

_surveys = Remembered[Survey](most=200)
_ends = Remembered["datetime | None"](most=5_000)


class MissingConnectionError(TencentCIError):
    """There is no connection of this id and of type ``tencent_ci``."""


@dataclass(frozen=True, slots=True)
class Asking:
    """
    The service of one connection.

    :param conn_id: the connection. The caller has checked that the user may read it.
    """

    conn_id: str
    transport: BlockingTransport

    @property
    def config(self) -> ServiceConfig:
        """The configuration of the connection."""
        return self.transport.config

    def jobs(self, criteria: JobFilter, next_token: str) -> Page[InventoryJob]:
        """Return one page of jobs."""
        return self.transport.run(send_with_retry(build_list(criteria, next_token), read_jobs, NO_RETRY))

    def job(self, job_id: str) -> InventoryJob:
        """
        Return one job.

        :raises NotFoundError: the list does not show it.
        """
        return self.transport.run(get_job(job_id, NO_RETRY, (0,)))

    def survey(self, job: InventoryJob) -> Survey:
        """Survey the files of a job, once for all readers within some seconds."""

        def look() -> tuple[Survey, float]:
            survey = self.transport.run(survey_files(job, _MOST_PAGES, _LOOK_SECONDS))
            return survey, survey_seconds(job, survey)

        return _surveys.get((self.conn_id, self.config.endpoint, job.job_id, job.state), look)

    def timeline(self, survey: Survey) -> tuple[list[DoneBy], int]:
        """Return the number of finished files over time, and the number of sampled files."""
        ends = [(file.run.state, at) for file in self._in_time(survey.sample) if (at := self._end(file))]
        return done_over_time(ends, survey.counts), len(ends)

    def failed_files(self, job: InventoryJob, cursor: str) -> tuple[list[FileFailure], str]:
        """
        Return some failed files, and the next cursor.

        :param cursor: empty, or the cursor of the last call: the list, the number of files of its page, and the page.
        :raises InvalidArgumentError: it is neither.
        """
        index, offset, token = _read_cursor(cursor)
        lists = file_lists_of(job)
        if index >= len(lists):
            return [], ""
        files = lists[index]
        page = self.transport.run(list_files_page(files, token, states="Failed", retry=NO_RETRY))
        shown = self._in_time(page.items[offset : offset + _FAILED_AT_ONCE])
        failures = [self.transport.run(files.explain(run, NO_RETRY)) for run in shown]
        offset += len(failures)
        if offset < len(page.items):
            return failures, f"{index}.{offset}.{token}"
        if page.next_token and page.next_token != token:
            return failures, f"{index}.0.{page.next_token}"
        return failures, f"{index + 1}.0." if index + 1 < len(lists) else ""

    def resubmission(self, job: InventoryJob) -> str:
        """Return the id of the job that has the failed files, of the youngest 100 jobs; empty if there is none."""
        if not job.state.is_terminal:
            return ""
        later = self.jobs(JobFilter(start_creation_time=job.creation_time, page_size=100), "")
        again = resubmission_among(job, later.items)
        return again.job_id if again else ""

    def time(self) -> datetime:
        """Return the service's time from its answers; this machine's time if they have none."""
        return self.transport.service_time() or self.transport.now()

    def cancel(self, job_id: str) -> InventoryJob:
        """Cancel a job, and return its last read state after some seconds at most."""
        return self.transport.run(cancel_and_confirm(job_id, within_seconds=_STOP_SECONDS))

    def _in_time(self, items: Iterable[AskedT]) -> Iterator[AskedT]:
        """Yield items, each of which costs a request, until the time is over."""
        until = self.transport.now() + timedelta(seconds=_LOOK_SECONDS)
        return takewhile(lambda _: self.transport.now() <= until, items)

    def _end(self, file: SampledFile) -> datetime | None:
        key = (self.conn_id, self.config.endpoint, file.run.run_id)
        return _ends.get(key, lambda: (self.transport.run(file.files.find_end(file.run, NO_RETRY)), FINAL_SECONDS))


class PageHook(TencentCIHook):
    """A hook in the API server, which checks first that the user may read the connection; a team may own it."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """Return a connection, whatever team it belongs to."""
        return get_connection_of_any_team(conn_id)


@dataclass(frozen=True, slots=True)
class Place:
    """
    A bucket, as an address of the page names it.

    :param conn_id: the connection. The caller has checked that the user may read it.
    :param bucket: empty: the connection's. Else another one of the same account, as a task's ``bucket=``.
    :param region: empty: the connection's.
    """

    conn_id: str
    bucket: str = ""
    region: str = ""


@contextmanager
def asking(place: Place) -> Iterator[Asking]:
    """
    Return the service of a connection that the user may read.

    :raises MissingConnectionError: there is none, or it is of another type: its password is not for this service.
    :raises InvalidArgumentError: the bucket is none of the connection's account, or the connection is not complete.
    """
    conn_id = place.conn_id
    with PageHook(conn_id, bucket=place.bucket or None, region=place.region or None) as hook:
        if not is_ours(hook):
            raise MissingConnectionError(f"There is no connection {conn_id!r} of type tencent_ci.")
        if place.bucket:
            _check_account(hook)
        request_timeout = min(hook.config.request_timeout, _REQUEST_SECONDS)
        with BlockingTransport(replace(hook.config, request_timeout=request_timeout)) as transport:
            yield Asking(conn_id, transport)


def is_ours(hook: TencentCIHook) -> bool:
    """Whether a hook's connection exists, in any place where Airflow searches, and is of type ``tencent_ci``."""
    try:
        return bool(hook.get_connection(hook.tencent_ci_conn_id).conn_type == TencentCIHook.conn_type)
    except AirflowNotFoundException:
        return False


def own_bucket(hook: TencentCIHook) -> str:
    """Return the bucket that a hook's connection names; empty if it names none."""
    return str(read_extra(hook.get_connection(hook.tencent_ci_conn_id)).get("bucket") or "")


def account_of(bucket: str) -> str:
    """Return the APPID at the end of a bucket's long name."""
    return bucket.rpartition("-")[2]


def _check_account(hook: TencentCIHook) -> None:
    """Refuse a bucket of another account before the service is asked with this account's key."""
    own, bucket = own_bucket(hook), hook.config.bucket
    if own and account_of(own) != account_of(bucket):
        raise InvalidArgumentError(
            f"Connection {hook.tencent_ci_conn_id!r}: bucket={bucket!r} is of another account. The names of this "
            f"connection's buckets end in -{account_of(own)}."
        )


def _read_cursor(cursor: str) -> tuple[int, int, str]:
    if not cursor:
        return 0, 0, ""
    index, _, rest = cursor.partition(".")
    offset, _, token = rest.partition(".")
    if not (index.isdecimal() and offset.isdecimal() and len(index) + len(offset) < 10):
        raise InvalidArgumentError(f"cursor={cursor!r} is not one that this page gave. Load the page again.")
    return int(index), int(offset), token
