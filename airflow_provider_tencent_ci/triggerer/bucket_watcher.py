"""
Watching a bucket in the triggerer, for as long as it takes: looks, and what is kept of them in Airflow.

A watcher has no task that would fail and be tried again, so nothing that goes wrong here ends it: it is said, and tried
again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_tencent_ci.core.polling.ended_jobs import (
    BucketSnapshot,
    DetectedJobs,
    EndedJobsDetector,
    JobCriteria,
)
from airflow_provider_tencent_ci.core.wire.request_retry import jittered, retry_after_seconds
from airflow_provider_tencent_ci.triggerer.trigger_retry import retry_until_success

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.wire.messages import Flow
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

ResultT = TypeVar("ResultT")
ReadConfig = Callable[[], Awaitable["ServiceConfig"]]

_log = logging.getLogger(__name__)

_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 86400.0

# Of repeated failures one in so many is said.
_SAID = 20

# Within which Airflow has stored an event, unless it is in trouble.
_SETTLING_SECONDS = 10.0

# Jobs of others move the newest time on and on; what is kept may be so much behind.
_WORTH_WRITING = timedelta(hours=6)

# Far more than a bucket's jobs that end within one look-back; all ids of all times would be megabytes.
_MOST_REPORTED = 100_000


class WatchBackoff:
    """
    Pauses between two looks, and between two attempts where something fails.

    :param interval_seconds: the longest pause, but for the service asking for a longer one.
    """

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = min(max(interval_seconds, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        self._failures = 0

    async def until_done(self, attempt: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Return what comes of ``attempt``, made until it succeeds."""
        result = await retry_until_success(attempt, self.after_failure)
        self.after_success()
        return result

    async def until_next(self) -> None:
        """Wait for the time of the next look."""
        await asyncio.sleep(jittered(self._interval_seconds))

    def after_success(self) -> None:
        """Take note that it works."""
        if self._failures:
            _log.info("The batch jobs can be watched again.")
        self._failures = 0

    async def after_failure(self, error: Exception) -> None:
        """Say why it does not work, not every time, and wait for the time of the next attempt."""
        if self._failures % _SAID == 0:
            _log.warning("Cannot watch the batch jobs; trying on. %s: %s", type(error).__name__, error)
        self._failures += 1
        asked_for = min(retry_after_seconds(error), _LONGEST_SECONDS)
        await asyncio.sleep(max(jittered(self._interval_seconds), asked_for))


async def watch_bucket(
    read_config: ReadConfig, interval_seconds: float, look_back: timedelta
) -> AsyncIterator[DetectedJobs]:
    """
    Look at a bucket again and again, and yield each look; never ends.

    :param read_config: returns the service and the bucket; called again after each failure, since the connection may
        have been put right meanwhile.
    :param interval_seconds: the longest time between two looks; a random part of up to half is taken off.
    :param look_back: see :class:`.core.watching.EndedJobsDetector`.
    """
    from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

    lookout, patience = EndedJobsDetector(look_back), WatchBackoff(interval_seconds)
    while True:
        try:
            async with AsyncTransport(await read_config()) as transport:
                while True:
                    look = await transport.run(lookout.poll())
                    patience.after_success()
                    yield look
                    await patience.until_next()
        except Exception as error:
            await patience.after_failure(error)


async def run_once(read_config: ReadConfig, flow: Flow[ResultT]) -> ResultT:
    """Run one flow over a connection of its own."""
    from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

    async with AsyncTransport(await read_config()) as transport:
        return await transport.run(flow)


class ReportFilter:
    """
    Chooses what a watcher reports: what meets its criteria, each job once.

    :param criteria: which jobs.
    """

    def __init__(self, criteria: JobCriteria) -> None:
        self._criteria = criteria
        self._reported: OrderedDict[str, None] = OrderedDict()

    def new(self, ended: Iterable[InventoryJob]) -> list[InventoryJob]:
        """Return those to report now."""
        chosen = [job for job in ended if job.job_id not in self._reported and self._criteria.is_met_by(job)]
        self._reported.update(dict.fromkeys(job.job_id for job in chosen))
        while len(self._reported) > _MOST_REPORTED:
            self._reported.popitem(last=False)
        return chosen


class StoredSnapshot:
    """
    What a watcher keeps over restarts: in the state store of its asset (Airflow 3.3 and later), else nowhere.

    Airflow stores an event about a second after it was yielded, and does not say when. If the triggerer ends in
    between, the event is lost; so what it told of is kept only some seconds later, and told again if need be.

    :param store: the asset's, or ``None``.
    :param key: tells this watcher from others of the same asset.
    :param criteria: which jobs matter.
    :param interval_seconds: how often there is a look. No wait is longer than the shortest time between two.
    """

    def __init__(self, store: Any, key: str, criteria: JobCriteria, interval_seconds: float) -> None:
        self._store = store
        self._key = key
        self._criteria = criteria
        self._settling_seconds = min(_SETTLING_SECONDS, interval_seconds / 2)
        self._kept: BucketSnapshot | None = None

    async def load(self) -> BucketSnapshot | None:
        """Return what was kept; ``None`` if nothing was."""
        return BucketSnapshot.from_dict(await self._store.aget(self._key)) if self._store is not None else None

    async def save(self, memory: BucketSnapshot, *, has_reported: bool) -> None:
        """
        Keep what a look has seen, if it is worth writing. Never raises.

        :param has_reported: whether something was yielded of it.
        """
        memory = memory.about(self._criteria)
        if self._store is None or not self._is_new(memory):
            return
        if has_reported:
            await asyncio.sleep(self._settling_seconds)
        try:
            await self._store.aset(self._key, memory.to_dict())
            self._kept = memory
        except Exception as error:
            _log.warning("Cannot keep in Airflow which batch jobs have been seen: %s", error)

    def _is_new(self, memory: BucketSnapshot) -> bool:
        """Whether it says more than what is kept: with the same jobs, only the next look would be a little cheaper."""
        kept = self._kept
        return (
            kept is None
            or kept.active.keys() != memory.active.keys()
            or not memory.settled.keys() <= kept.settled.keys()
            or memory.newest_at - kept.newest_at > _WORTH_WRITING
        )
