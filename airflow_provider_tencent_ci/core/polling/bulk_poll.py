"""
The bulk poll: the states of many jobs with few requests.

One page of the list has up to 100 jobs. Most jobs that are waited for are active, so pages of active jobs come first. A
job that is on none of them has just ended, so pages of ended jobs come next. The few jobs that are left are polled by
their ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from airflow_provider_tencent_ci.core.api.job_calls import get_job
from airflow_provider_tencent_ci.core.api.job_records import ACTIVE_STATES, ENDED_STATES
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.api.paginator import Paginator
from airflow_provider_tencent_ci.core.polling.wait import PollResult
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, RequestRetry, send_with_retry
from airflow_provider_tencent_ci.core.wire.retryable_errors import is_transient
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    InvalidRequestError,
    TencentCIError,
    TransportError,
    UnreadableResponseError,
)

# Up to this many jobs are polled one by one: a page full of other jobs would not be cheaper.
_MAX_JOBS_ONE_BY_ONE = 2


class BulkPoll:
    """
    Polls each of its jobs once, one request a step; at most three requests for each job, usually far fewer.

    If the service ignored the filter by id, there would be one more (:func:`.get_job`).

    An error about one job becomes that job's result. If the service itself fails, the bulk poll stops, and all
    remaining jobs get that error. If the service refuses a page because of the times in the request, which one odd
    record may have set, the page is requested without times.

    :param jobs: ids, and when each was created; ``None`` if not known.
    :param pages_before: how many pages the last bulk poll needed for the active jobs. No page is read where one by one
        is cheaper: for a few jobs in a bucket full of other jobs.
    :param retry: the retries of each request; none by default, since a wait polls again anyway.
    """

    def __init__(
        self, jobs: Mapping[str, datetime | None], pages_before: int = 0, retry: RequestRetry = NO_RETRY
    ) -> None:
        self._left = dict(jobs)
        self._retry = retry
        self._states: list[tuple[str, ...]] = (
            [ACTIVE_STATES, ENDED_STATES] if len(jobs) > max(_MAX_JOBS_ONE_BY_ONE, pages_before) else []
        )
        self._listing: _Listing | None = None
        self._takes_times = True
        #: How many pages of active jobs were read; ``None`` if none was.
        self.active_pages: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether all jobs have a result."""
        return not self._left

    def send_next_request(self) -> Flow[dict[str, PollResult]]:
        """Send the next request; return its results by job id: none, one or many."""
        results: dict[str, PollResult]
        try:
            if self._listing is None and self._states and len(self._left) > _MAX_JOBS_ONE_BY_ONE:
                self._listing = _Listing(
                    self._left if self._takes_times else dict.fromkeys(self._left), self._states.pop(0)
                )
            results = yield from self._read_page(self._listing) if self._listing else self._read_one()
        except (ApiError, TransportError) as error:
            return self.fail_remaining(error)
        for job_id in results:
            del self._left[job_id]
        return results

    def fail_remaining(self, error: TencentCIError) -> dict[str, PollResult]:
        """Stop: return ``error`` as the result of all remaining jobs."""
        results: dict[str, PollResult] = dict.fromkeys(self._left, error)
        self._left.clear()
        return results

    def _read_page(self, listing: _Listing) -> Flow[dict[str, PollResult]]:
        try:
            results = yield from listing.read_page(self._left, self._retry)
        except InvalidRequestError:
            if not listing.has_times:
                raise
            self._takes_times, self._listing = False, None
            self._states.insert(0, listing.states)
            return {}
        except UnreadableResponseError as error:
            if not error.request_id:
                raise
            # The service's own answer: one odd record may make the page unreadable, and must not cost the others.
            self._states.clear()
            self._listing = None
            return {}
        if listing.states is ACTIVE_STATES:
            self.active_pages = listing.pages_read
        if listing.is_exhausted:  # further pages are not worth it: the remaining jobs may be on any of them
            self._states.clear()
        if listing.is_over:
            self._listing = None
        return results

    def _read_one(self) -> Flow[dict[str, PollResult]]:
        job_id = next(iter(self._left))
        try:
            return {job_id: (yield from get_job(job_id, self._retry, delays_seconds=(0,)))}
        except (ApiError, TransportError) as error:
            is_about_one = isinstance(error, UnreadableResponseError) and error.request_id
            if is_transient(error) and not is_about_one:
                raise
            return {job_id: error}


class _Listing:
    """
    Pages of the jobs in some states, from the oldest wanted job on.

    :param states: the states.
    """

    def __init__(self, wanted: Mapping[str, datetime | None], states: tuple[str, ...]) -> None:
        created = list(wanted.values())
        known = [moment for moment in created if moment]
        bounds = (min(known), max(known)) if known and len(known) == len(created) else (None, None)
        # Active jobs have no upper bound: younger ones are usually waited for, too.
        self._criteria = JobFilter(
            states=states,
            start_creation_time=bounds[0],
            end_creation_time=bounds[1] if states is ENDED_STATES else None,
        )
        self._pages = Paginator()
        self._most_pages = len(wanted)
        self.states = states
        self.pages_read = 0

    @property
    def has_times(self) -> bool:
        """Whether the requests have times, which come from the records."""
        return self._criteria.start_creation_time is not None

    @property
    def is_exhausted(self) -> bool:
        """Whether it has cost as many requests as polling one by one, and there are more pages."""
        return self.pages_read >= self._most_pages and self._pages.next_token is not None

    @property
    def is_over(self) -> bool:
        return self.is_exhausted or self._pages.next_token is None

    def read_page(self, wanted: Mapping[str, datetime | None], retry: RequestRetry) -> Flow[dict[str, PollResult]]:
        page = yield from send_with_retry(build_list(self._criteria, self._pages.next_token or ""), read_jobs, retry)
        self.pages_read += 1
        return {job.job_id: job for job in self._pages.new_items(page) if job.job_id in wanted}
