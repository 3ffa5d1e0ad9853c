"""
One poller for all tasks that wait for jobs of one bucket in one triggerer.

.. code-block:: text

    trigger ─┐                       ┌─ at once: a new one, or one whose deadline has come
    trigger ─┼─ a question ─ Poller ─┤                                                       ── few list requests
    trigger ─┘    a reading          └─ at each tick: all whose turn comes before the next one

A trigger leaves a question and is given a reading, which it judges in a task of its own. So what one of them makes of
it, and says in its log, is no concern of the poller, nor of the others.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_tencent_ci.core.api import check_job_id
from airflow_provider_tencent_ci.core.polling import Reading, read_together
from airflow_provider_tencent_ci.core.repeating import retry_after_seconds
from airflow_provider_tencent_ci.exceptions import TencentCIError

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.config import ServiceConfig
    from airflow_provider_tencent_ci.core.waiting import Wait, WaitResult

__all__ = ["Poller", "wait_together"]

# Whatever is asked for: with less the poller would never sleep, and times far beyond a day leave the calendar.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 86400.0

# Pollers of different buckets, and of different triggerers, must not fall into step.
_SHORTEST_TICK = 0.8


async def wait_together(config: ServiceConfig, wait: Wait, poll_interval: float) -> WaitResult:
    """
    Wait until a job has ended, or as ``wait`` says; with the poller of all who wait with this configuration here.

    :param poll_interval: seconds between two questions; a random part of up to a fifth is taken off.
    :raises InvalidArgumentError: this can be no job's id.
    """
    check_job_id(wait.job_id)
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.setdefault(config, Poller(config))
    try:
        return await poller.wait(wait, poll_interval)
    finally:
        if poller.is_idle and pollers.get(config) is poller:
            del pollers[config]


@dataclass(eq=False, slots=True)
class _Waiter:
    """
    One who waits.

    :param interval: the longest time between two readings.
    :param limit_at: when it has to be served, whatever the ticks are and the service wishes: at its deadline, or when
        contact counts as lost; after a day in any case.
    :param read_at: when there was a reading last; ``None`` if there was none: it need not wait for a tick.
    :param created_at: when its job was created, once that is known.
    :param question: waits for the next reading; ``None`` while the last one is judged.
    """

    job_id: str
    interval: timedelta
    limit_at: datetime | None = None
    read_at: datetime | None = None
    created_at: datetime | None = None
    question: asyncio.Future[Reading] | None = None

    @property
    def is_asking(self) -> bool:
        return self.question is not None and not self.question.done()

    def is_due_by(self, moment: datetime) -> bool:
        return self.read_at is None or self.read_at + self.interval < moment


class Poller:
    """
    Asks about the jobs of one bucket for as long as anybody waits, over one pool of connections.

    :param config: the service, the bucket and the credentials.
    """

    def __init__(self, config: ServiceConfig) -> None:
        from airflow_provider_tencent_ci.transport.aio import AsyncTransport

        self._transport = AsyncTransport(config)
        self._waiters: set[_Waiter] = set()
        self._changed = asyncio.Event()
        self._answering: asyncio.Task[None] | None = None
        self._tick_at = self._not_before = datetime.min.replace(tzinfo=UTC)

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits."""
        return not self._waiters

    async def wait(self, wait: Wait, poll_interval: float) -> WaitResult:
        """See :func:`wait_together`."""
        waiter = _Waiter(wait.job_id, _bounded(max(poll_interval, _SHORTEST_SECONDS)))
        self._waiters.add(waiter)
        try:
            while True:
                reading = await self._read(waiter)
                now = self._transport.now()
                if result := wait.judge(reading, now):
                    return result
                waiter.limit_at = now + _bounded(wait.longest_pause_seconds(now))
        finally:
            self._waiters.discard(waiter)
            self._changed.set()

    async def _read(self, waiter: _Waiter) -> Reading:
        """Leave a question, and see to it that questions are answered."""
        waiter.question = asyncio.get_running_loop().create_future()
        self._changed.set()
        if self._answering is None:
            # In a context of its own: it belongs to no trigger, and what it says goes to no trigger's log.
            self._answering = asyncio.create_task(self._answer_all(), context=contextvars.Context())
        try:
            return await waiter.question
        finally:
            waiter.question = None

    async def _answer_all(self) -> None:
        failure: Exception | None = None
        try:
            while self._waiters:
                async with self._transport:
                    while self._waiters:
                        await self._sleep()
                        await self._answer(self._turn())
        except Exception as error:  # theirs to report
            failure = error
        finally:
            self._answering = None
            for waiter in self._waiters:
                _give_up(waiter, failure)

    async def _sleep(self) -> None:
        """Sleep until it is somebody's turn, or something changes."""
        self._changed.clear()
        asking = [waiter for waiter in self._waiters if waiter.is_asking]
        if not asking:
            if self._waiters:
                await self._changed.wait()
            return
        now = self._transport.now()
        next_at = now if any(waiter.read_at is None for waiter in asking) else self._tick_at
        limits = [waiter.limit_at for waiter in asking if waiter.limit_at]
        # No longer than a tick: the clock may be set back meanwhile.
        wake_at = min([max(next_at, self._not_before), now + self._interval, *limits])
        if wake_at > now:
            await _first_of(self._transport.sleep((wake_at - now).total_seconds()), self._changed.wait())

    def _turn(self) -> list[_Waiter]:
        """Return whose turn it is, and set the next tick if one has come."""
        now = self._transport.now()
        asking = [waiter for waiter in self._waiters if waiter.is_asking]
        at_limit = {waiter for waiter in asking if waiter.limit_at and waiter.limit_at <= now}
        if not asking or now < self._not_before:
            return list(at_limit)
        if now < self._tick_at <= now + self._interval:
            return [waiter for waiter in asking if waiter.read_at is None or waiter in at_limit]
        self._tick_at = now + self._interval * random.uniform(_SHORTEST_TICK, 1)  # noqa: S311 - spreads load
        return [waiter for waiter in asking if waiter in at_limit or waiter.is_due_by(self._tick_at)]

    async def _answer(self, turn: list[_Waiter]) -> None:
        if not turn:
            return
        jobs = {waiter.job_id: waiter.created_at for waiter in turn}
        readings = await self._transport.run(read_together(jobs))
        now = self._transport.now()
        errors = [reading for reading in readings.values() if isinstance(reading, TencentCIError)]
        self._not_before = now + _bounded(max(map(retry_after_seconds, errors), default=0))
        for waiter in turn:
            reading = readings[waiter.job_id]
            waiter.read_at = now
            if not isinstance(reading, TencentCIError):
                waiter.created_at = reading.creation_time
            if waiter.question and not waiter.question.done():
                waiter.question.set_result(reading)

    @property
    def _interval(self) -> timedelta:
        return min(waiter.interval for waiter in self._waiters)


def _give_up(waiter: _Waiter, failure: Exception | None) -> None:
    """End a question that nobody answers any more."""
    if waiter.question and not waiter.question.done():
        if failure:
            waiter.question.set_exception(failure)
        else:  # the event loop is being closed
            waiter.question.cancel()


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(seconds, _LONGEST_SECONDS))


async def _first_of(*sleeps: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(sleep) for sleep in sleeps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[ServiceConfig, Poller]] = WeakKeyDictionary()
