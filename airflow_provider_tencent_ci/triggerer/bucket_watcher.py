"""
The watcher of a bucket: polls without end.

A watcher has no task that could fail and be retried. So no error ends it: each error is logged, and the watcher retries
with a backoff.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_tencent_ci.core.polling.ended_jobs import (
    DetectedJobs,
    EndedJobsDetector,
    JobCriteria,
)
from airflow_provider_tencent_ci.core.wire.request_retry import jittered, retry_after_seconds
from airflow_provider_tencent_ci.triggerer.connection_retry import retry_until_success

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.wire.messages import Flow
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

ResultT = TypeVar("ResultT")
ReadConfig = Callable[[], Awaitable["ServiceConfig"]]

_log = logging.getLogger(__name__)

_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 86400.0

# Of repeated failures, every 20th is logged.
_FAILURES_PER_LOG_LINE = 20

# Far more than the jobs that end within one detected-back. All ids ever reported would take megabytes.
_MAX_REPORTED_IDS = 100_000


class WatchBackoff:
    """
    The delay between two polls, and the backoff after a failure.

    :param interval_seconds: the longest delay, except for a longer ``Retry-After``.
    """

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = min(max(interval_seconds, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        self._failures = 0

    async def until_done(self, attempt: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Repeat ``attempt`` until it succeeds, and return its result."""
        result = await retry_until_success(attempt, self.after_failure)
        self.after_success()
        return result

    async def until_next(self) -> None:
        """Wait until the next poll."""
        await asyncio.sleep(jittered(self._interval_seconds))

    def after_success(self) -> None:
        """Note a success; log it after failures."""
        if self._failures:
            _log.info("The batch jobs can be polled again.")
        self._failures = 0

    async def after_failure(self, error: Exception) -> None:
        """Log every 20th failure, and wait until the next attempt."""
        if self._failures % _FAILURES_PER_LOG_LINE == 0:
            _log.warning("Cannot poll the batch jobs; will keep trying. %s: %s", type(error).__name__, error)
        self._failures += 1
        asked_for = min(retry_after_seconds(error), _LONGEST_SECONDS)
        await asyncio.sleep(max(jittered(self._interval_seconds), asked_for))


async def watch_bucket(
    read_config: ReadConfig, interval_seconds: float, look_back: timedelta
) -> AsyncIterator[DetectedJobs]:
    """
    Poll a bucket without end, and yield the result of each poll.

    :param read_config: returns the configuration; called again after each failure, since the connection may have been
        corrected.
    :param interval_seconds: the longest time between two polls; each delay is 50 to 100 % of it.
    :param look_back: see :class:`~airflow_provider_tencent_ci.core.polling.ended_jobs.EndedJobsDetector`.
    """
    from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

    detector, backoff = EndedJobsDetector(look_back), WatchBackoff(interval_seconds)
    while True:
        try:
            async with AsyncTransport(await read_config()) as transport:
                while True:
                    detected = await transport.run(detector.poll())
                    backoff.after_success()
                    yield detected
                    await backoff.until_next()
        except Exception as error:
            await backoff.after_failure(error)


async def run_once(read_config: ReadConfig, flow: Flow[ResultT]) -> ResultT:
    """Run one flow over a connection of its own."""
    from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

    async with AsyncTransport(await read_config()) as transport:
        return await transport.run(flow)


class ReportFilter:
    """
    Deduplication: chooses the jobs that a watcher reports, each job once.

    :param criteria: which jobs are reported.
    """

    def __init__(self, criteria: JobCriteria) -> None:
        self._criteria = criteria
        self._has_chosen_or_said = False
        self._reported: OrderedDict[str, None] = OrderedDict()

    def new(self, ended: Iterable[InventoryJob]) -> list[InventoryJob]:
        """Return the jobs to report now."""
        unreported = [job for job in ended if job.job_id not in self._reported]
        chosen = [job for job in unreported if self._criteria.is_met_by(job)]
        if unreported and not self._has_chosen_or_said:
            self._has_chosen_or_said = True
            if not chosen:
                _log.info(
                    "The first batch jobs that have ended are not reported: none matches %s. One is %s (%s). This is "
                    "said once.",
                    self._criteria,
                    unreported[0].name,
                    unreported[0].state.value,
                )
        self._reported.update(dict.fromkeys(job.job_id for job in chosen))
        while len(self._reported) > _MAX_REPORTED_IDS:
            self._reported.popitem(last=False)
        return chosen
