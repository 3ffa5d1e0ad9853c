"""
Asking about many jobs with few requests.

The list endpoint gives a hundred jobs for the price of one. What is waited for is live, so pages of live jobs answer
for most; what is on none of them has just ended, so that pages of ended jobs answer for many at once; the few that are
left are asked about by their ids.
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
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.core.wire.service_errors import is_transient
from airflow_provider_tencent_ci.exceptions import ApiError, InvalidRequestError, TencentCIError, TransportError

# So few are asked about one by one: a page of other people's jobs would be no cheaper.
_FEW = 2


class BulkPoll:
    """
    Asks about jobs, each once: one request a step, no more than thrice as many as there are jobs, and mostly far fewer.

    What is wrong with one job is that one's reading. When the service fails, it is asked no further: all jobs that are
    not read yet get its error. A page that it refuses for the times in the request, which one odd record may have set,
    is asked for without them.

    :param jobs: ids, and when each was created, as far as it is known.
    :param pages_before: how many pages the last sweep took to find the live ones. Where one by one is cheaper, as for
        a handful in a bucket full of other people's jobs, no page is read.
    """

    def __init__(self, jobs: Mapping[str, datetime | None], pages_before: int = 0) -> None:
        self._left = dict(jobs)
        self._states: list[tuple[str, ...]] = (
            [ACTIVE_STATES, ENDED_STATES] if len(jobs) > max(_FEW, pages_before) else []
        )
        self._listing: _Listing | None = None
        self._takes_times = True
        #: How many pages it took to find the live ones, or could not find them; ``None`` if none was read.
        self.active_pages: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether all jobs are read."""
        return not self._left

    def send_next_request(self) -> Flow[dict[str, PollResult]]:
        """Send the next request; return what it tells, by job: none, one or many readings."""
        readings: dict[str, PollResult]
        try:
            if self._listing is None and self._states and len(self._left) > _FEW:
                self._listing = _Listing(
                    self._left if self._takes_times else dict.fromkeys(self._left), self._states.pop(0)
                )
            readings = yield from self._read_page(self._listing) if self._listing else self._read_one()
        except (ApiError, TransportError) as error:
            return self.fail_remaining(error)
        for job_id in readings:
            del self._left[job_id]
        return readings

    def fail_remaining(self, error: TencentCIError) -> dict[str, PollResult]:
        """End here: return ``error`` as the reading of all jobs that are not read yet."""
        readings: dict[str, PollResult] = dict.fromkeys(self._left, error)
        self._left.clear()
        return readings

    def _read_page(self, listing: _Listing) -> Flow[dict[str, PollResult]]:
        try:
            readings = yield from listing.read_page(self._left)
        except InvalidRequestError:
            if not listing.has_times:
                raise
            self._takes_times, self._listing = False, None
            self._states.insert(0, listing.states)
            return {}
        if listing.states is ACTIVE_STATES:
            self.active_pages = listing.pages_read
        if listing.is_exhausted:  # not worth more: what is left may be anywhere
            self._states.clear()
        if listing.is_over:
            self._listing = None
        return readings

    def _read_one(self) -> Flow[dict[str, PollResult]]:
        job_id = next(iter(self._left))
        try:
            return {job_id: (yield from get_job(job_id, NO_RETRY, delays_seconds=(0,)))}
        except (ApiError, TransportError) as error:
            if is_transient(error):
                raise
            return {job_id: error}


class _Listing:
    """
    Pages of jobs in some states, from the oldest wanted one on.

    :param states: these.
    """

    def __init__(self, wanted: Mapping[str, datetime | None], states: tuple[str, ...]) -> None:
        created = list(wanted.values())
        known = [moment for moment in created if moment]
        bounds = (min(known), max(known)) if known and len(known) == len(created) else (None, None)
        # Live jobs have no upper bound: all that are younger are waited for, too, more often than not.
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
        """Whether the requests name times, which are those of the records."""
        return self._criteria.start_creation_time is not None

    @property
    def is_exhausted(self) -> bool:
        """Whether it has cost as much as asking one by one would have, and goes on."""
        return self.pages_read >= self._most_pages and self._pages.next_token is not None

    @property
    def is_over(self) -> bool:
        return self.is_exhausted or self._pages.next_token is None

    def read_page(self, wanted: Mapping[str, datetime | None]) -> Flow[dict[str, PollResult]]:
        page = yield from send_with_retry(build_list(self._criteria, self._pages.next_token or ""), read_jobs, NO_RETRY)
        self.pages_read += 1
        return {job.job_id: job for job in self._pages.new_items(page) if job.job_id in wanted}
