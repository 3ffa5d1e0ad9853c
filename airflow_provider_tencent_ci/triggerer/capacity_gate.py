"""
One gate for all tasks that wait in one triggerer for room in a bucket.

A look at the job list lets go as many as there are places, in the order of their coming. Each looks for itself once
more before it submits (``core/submitting/active_jobs.py``), so the gate need not know what became of
those it let go: it saves hundreds of workers from being started for nothing.

The gate only asks. What an answer, or none, means for a wait, each wait judges for itself.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.polling.contact import as_poll_error
from airflow_provider_tencent_ci.core.submitting.active_jobs import count_free_places
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, jittered, retry_after_seconds
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.transport.per_loop import PerLoopRegistry, wait_for_first

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.submitting.active_jobs import CapacityResult, CapacityWait, FreePlaces
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

_log = logging.getLogger(__name__)

# Whatever is asked for: with less the gate would never sleep, and times far beyond a day leave the calendar.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 86400.0

_ALWAYS = datetime.min.replace(tzinfo=UTC)


async def wait_at_capacity_gate(
    config: ServiceConfig, wait: CapacityWait, max_active_jobs: int, poll_interval: float
) -> CapacityResult:
    """
    Wait until it is one's turn to submit one more job, or as ``wait`` says.

    :param poll_interval: the longest time between two looks, in seconds; a random part of up to half is taken off.
    """
    with _gates.use((config, max_active_jobs), lambda: _Gate(config, max_active_jobs)) as gate:
        return await gate.pass_through(wait, poll_interval)


@dataclass(eq=False, slots=True)
class _Waiter:
    """
    One in the line.

    :param interval_seconds: the longest time between two looks.
    :param result: what the trigger waits for.
    """

    wait: CapacityWait
    interval_seconds: float
    result: asyncio.Future[CapacityResult]

    def take(self, places: FreePlaces, now: datetime) -> bool:
        """Have the wait judge a look; whatever comes of it is this one's alone. Return whether it takes a place."""
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


class _Gate:
    def __init__(self, config: ServiceConfig, max_active_jobs: int) -> None:
        from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

        self._transport = AsyncTransport(config)
        self._max_active_jobs = max_active_jobs
        self._line: dict[_Waiter, None] = {}  # in the order of their coming
        self._changed = asyncio.Event()
        self._opening: asyncio.Task[None] | None = None
        self._looked_at = self._next_look_at = self._not_before = self._wakes_at = _ALWAYS
        self._last_look: FreePlaces = 0

    async def pass_through(self, wait: CapacityWait, poll_interval: float) -> CapacityResult:
        """See :func:`wait_at_capacity_gate`."""
        loop = asyncio.get_running_loop()
        interval_seconds = min(max(poll_interval, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        waiter = _Waiter(wait, interval_seconds, loop.create_future())
        self._line[waiter] = None
        self._next_look_at = min(self._next_look_at, self._looked_at + timedelta(seconds=jittered(interval_seconds)))
        if min(self._next_look_at, _limit_of(waiter, self._transport.now())) < self._wakes_at:
            self._changed.set()
        if self._opening is None:
            # In a context of its own: it belongs to no trigger.
            self._opening = loop.create_task(self._open(), context=contextvars.Context())
        try:
            return await waiter.result
        finally:
            del self._line[waiter]
            if not self._line:
                self._changed.set()

    async def _open(self) -> None:
        failure: Exception | None = None
        try:
            while self._line:
                async with self._transport:
                    while self._line:
                        await self._sleep()
                        await self._serve()
        except Exception as error:  # theirs to report
            failure = error
        finally:
            self._opening = None
            for waiter in self._waiting():
                if failure:
                    waiter.result.set_exception(failure)
                else:  # the event loop is being closed
                    waiter.result.cancel()

    async def _sleep(self) -> None:
        """Sleep until it is time to look, or somebody's patience ends, or somebody comes who is in more of a hurry."""
        self._changed.clear()
        now, waiting = self._transport.now(), self._waiting()
        # No longer than an interval: the clock may be set back meanwhile. Those who have their results are about to go.
        longest = min((waiter.interval_seconds for waiter in waiting), default=_LONGEST_SECONDS)
        ends = [max(self._next_look_at, self._not_before)] if waiting else []
        limits = [_limit_of(waiter, now) for waiter in waiting]
        self._wakes_at = min([now + _bounded(longest), *ends, *limits])
        if self._wakes_at > now:
            await wait_for_first(self._transport.sleep((self._wakes_at - now).total_seconds()), self._changed.wait())

    async def _serve(self) -> None:
        """Look if it is time, and let go as many as there are places; tell the others what was seen."""
        now, waiting = self._transport.now(), self._waiting()
        impatient = [waiter for waiter in waiting if _limit_of(waiter, now) <= now]
        if _is_ahead(self._not_before, now):
            # The service wishes to be left alone, and is: what it said last is what is known.
            for waiter in impatient:
                waiter.take(self._last_look, now)
        elif waiting and (impatient or not _is_ahead(self._next_look_at, now)):
            self._last_look = places = await self._look()
            self._plan(self._transport.now())
            for waiter in self._waiting():
                if waiter.take(places, self._looked_at) and isinstance(places, int):
                    places -= 1

    async def _look(self) -> FreePlaces:
        """Return how many places are free, or why that is not known."""
        try:
            return await self._transport.run(count_free_places(self._max_active_jobs, NO_RETRY))
        except TencentCIError as error:
            return error
        except Exception as error:
            _log.exception("Asking for active batch jobs failed unexpectedly.")
            return as_poll_error(error)

    def _plan(self, now: datetime) -> None:
        self._looked_at = now
        shortest = min((waiter.interval_seconds for waiter in self._line), default=_LONGEST_SECONDS)
        self._next_look_at = now + timedelta(seconds=jittered(shortest))
        self._not_before = now + _bounded(retry_after_seconds(self._last_look))

    def _waiting(self) -> list[_Waiter]:
        return [waiter for waiter in self._line if not waiter.result.done()]


def _limit_of(waiter: _Waiter, now: datetime) -> datetime:
    """Return when one has to be told something, whatever the service wishes; after a day in any case."""
    return now + _bounded(waiter.wait.max_delay_seconds(now))


def _is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether a time is still to come; not if it is further away than it can be: the clock was set back."""
    return now < moment <= now + _bounded(_LONGEST_SECONDS)


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(seconds, _LONGEST_SECONDS))


_gates = PerLoopRegistry[_Gate]()
