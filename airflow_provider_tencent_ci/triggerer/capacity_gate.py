"""
The capacity gate: one for all tasks of an event loop that wait until a bucket has fewer than ``max_active_jobs``.

How it works:

1. A wait joins the line.
2. The gate's task polls the job list and counts the free places.
3. It lets as many waits through as there are places, first come, first served.
4. A task that got through counts once more on its worker before it submits
   (``core/submitting/max_active_jobs.py``). So the gate need not know what the tasks do afterwards. It only prevents
   useless worker starts.

Each wait judges by itself what a poll result means for it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.polling.contact_budget import as_poll_error
from airflow_provider_tencent_ci.core.submitting.max_active_jobs import count_free_places
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, jittered, retry_after_seconds
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.transport.per_loop_registry import PerLoopRegistry, wait_for_first
from airflow_provider_tencent_ci.triggerer.shared_task import (
    ALWAYS,
    MAX_INTERVAL_SECONDS,
    SharedTask,
    bounded,
    bounded_interval_seconds,
)

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.submitting.max_active_jobs import CapacityResult, CapacityWait, FreePlaces
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

_log = logging.getLogger(__name__)


async def wait_at_capacity_gate(
    config: ServiceConfig, wait: CapacityWait, max_active_jobs: int, poll_interval: float
) -> CapacityResult:
    """
    Wait until there is a free place for one more job, or until ``wait`` ends.

    :param poll_interval: the longest time between two polls, in seconds; each delay is 50 to 100 % of it.
    """
    with _gates.use((config, max_active_jobs), lambda: _Gate(config, max_active_jobs)) as gate:
        return await gate.pass_through(wait, poll_interval)


@dataclass(eq=False, slots=True)
class _Waiter:
    """
    One wait in the line.

    :param interval_seconds: the longest time between two polls.
    :param result: the trigger awaits it.
    """

    wait: CapacityWait
    interval_seconds: float
    result: asyncio.Future[CapacityResult]

    def judge(self, places: FreePlaces, now: datetime) -> bool:
        """Have the wait judge a poll result; pass its end, or its exception, on. Return whether it takes a place."""
        if self.result.done():
            return False
        try:
            result = self.wait.judge(places, now)
        except Exception as error:
            self.result.set_exception(error)
            return False
        if result:
            self.result.set_result(result)
        return bool(result and not result.message)


class _Gate(SharedTask[_Waiter]):
    def __init__(self, config: ServiceConfig, max_active_jobs: int) -> None:
        super().__init__(config)
        self._max_active_jobs = max_active_jobs
        self._polled_at = self._next_poll_at = self._retry_at = self._wakes_at = ALWAYS
        self._last_result: FreePlaces = 0

    async def pass_through(self, wait: CapacityWait, poll_interval: float) -> CapacityResult:
        """See :func:`wait_at_capacity_gate`."""
        interval_seconds = bounded_interval_seconds(poll_interval)
        waiter = _Waiter(wait, interval_seconds, asyncio.get_running_loop().create_future())
        self._next_poll_at = min(self._next_poll_at, self._polled_at + timedelta(seconds=jittered(interval_seconds)))
        if min(self._next_poll_at, _tell_at(waiter, self._transport.now())) < self._wakes_at:
            self._changed.set()
        with self._joined_by(waiter):
            return await waiter.result

    async def _sleep(self) -> None:
        """Sleep until the next poll is due, a wait has to get the last error, or a wait with an earlier poll comes."""
        self._changed.clear()
        now, pending = self._transport.now(), self._pending()
        # At most one interval: the clock may be set back meanwhile.
        longest = min((waiter.interval_seconds for waiter in pending), default=MAX_INTERVAL_SECONDS)
        poll_at = [max(self._next_poll_at, self._retry_at)] if pending else []
        tell_at = [_tell_at(waiter, now) for waiter in pending]
        self._wakes_at = min([now + bounded(longest), *poll_at, *tell_at])
        if self._wakes_at > now:
            await wait_for_first(self._transport.sleep((self._wakes_at - now).total_seconds()), self._changed.wait())

    async def _poll_due(self) -> None:
        """Poll if it is due; let as many waits through as there are places, and tell the others the result."""
        now, waiting = self._transport.now(), self._pending()
        to_tell = [waiter for waiter in waiting if _tell_at(waiter, now) <= now]
        if _is_future(self._retry_at, now):
            # Nothing is sent until the Retry-After time: the last result is all that is known.
            for waiter in to_tell:
                waiter.judge(self._last_result, now)
        elif waiting and (to_tell or not _is_future(self._next_poll_at, now)):
            self._last_result = places = await self._count_places()
            self._plan(self._transport.now())
            for waiter in self._pending():
                if waiter.judge(places, self._polled_at) and isinstance(places, int):
                    places -= 1

    async def _count_places(self) -> FreePlaces:
        """Return how many places are free, or why that is not known."""
        try:
            return await self._transport.run(count_free_places(self._max_active_jobs, NO_RETRY))
        except TencentCIError as error:
            return error
        except Exception as error:
            _log.exception("Counting the active batch jobs failed unexpectedly.")
            return as_poll_error(error)

    def _plan(self, now: datetime) -> None:
        self._polled_at = now
        shortest = min((waiter.interval_seconds for waiter in self._waiters), default=MAX_INTERVAL_SECONDS)
        self._next_poll_at = now + timedelta(seconds=jittered(shortest))
        self._retry_at = now + bounded(retry_after_seconds(self._last_result))

    def _pending(self) -> list[_Waiter]:
        return [waiter for waiter in self._waiters if not waiter.result.done()]


def _tell_at(waiter: _Waiter, now: datetime) -> datetime:
    """Return when a wait has to be told something, even during a backoff; after a day at the latest."""
    return now + bounded(waiter.wait.max_delay_seconds(now))


def _is_future(moment: datetime, now: datetime) -> bool:
    """Whether a time is still to come. A time further away than a day does not count: the clock was set back."""
    return now < moment <= now + bounded(MAX_INTERVAL_SECONDS)


_gates = PerLoopRegistry[_Gate]()
