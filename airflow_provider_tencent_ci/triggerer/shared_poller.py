"""
One poller for all tasks that wait for jobs of one bucket in one triggerer.

.. code-block:: text

    trigger ─┐                 ┌─ at once: a new one
    trigger ─┼─ wait ─ Poller ─┤                                                     ── few list requests
    trigger ─┘  result         └─ in sweeps: whose time has come, and whose has almost

A trigger leaves its wait and is given the result. In between the poller has the wait judge each reading, in the
trigger's context: what it says goes to that trigger's log, and where it fails, that trigger alone is told. No task is
woken for that, and nothing stays in memory of it: with ten thousand waits Python's collector of garbage, which stops
everybody, has little to do.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_requests import check_job_id
from airflow_provider_tencent_ci.core.polling.bulk_poll import BulkPoll
from airflow_provider_tencent_ci.core.polling.contact import as_poll_error
from airflow_provider_tencent_ci.core.polling.earlier_durations import DurationHistory
from airflow_provider_tencent_ci.core.polling.wait import next_poll_delay_seconds
from airflow_provider_tencent_ci.core.wire.request_retry import retry_after_seconds
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.transport.per_loop import PerLoopRegistry, wait_for_first

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.polling.wait import PollResult, Wait, WaitResult
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

_log = logging.getLogger(__name__)

# Whatever is asked for: with less the poller would never sleep, and times far beyond a day leave the calendar.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 86400.0

# Sweeps may follow each other closely as long as they are cheap: so many requests in the shortest `poll_interval`.
_REQUESTS_PER_INTERVAL = 11

# Whose time comes within this share of its interval joins a sweep.
_ALMOST = 0.5

# So many are given their readings at once, before others of the event loop have their turn.
_AT_ONCE = 100

_ALWAYS = datetime.min.replace(tzinfo=UTC)


async def wait_together(config: ServiceConfig, wait: Wait, poll_interval: float) -> WaitResult:
    """
    Wait until a job has ended, or as ``wait`` says; with the poller of all who wait with this configuration here.

    :param poll_interval: the longest time between two questions, in seconds (``core/polling/poll_schedule.py``).
    :raises InvalidArgumentError: this can be no job's id.
    """
    check_job_id(wait.job_id)
    with _pollers.use(config, lambda: SharedPoller(config)) as poller:
        return await poller.wait(wait, poll_interval)


@dataclass(eq=False, slots=True)
class _Waiter:
    """
    One who waits.

    :param longest_step: the longest time between two readings, in seconds.
    :param history: tells when jobs of its kind end.
    :param result: what the trigger waits for.
    :param context: the trigger's.
    :param due_at: when it wants to be read again; in the beginning, at once.
    :param limit_at: when it has to be told something, even while the service wishes to be left alone: when contact
        counts as lost. After a day in any case.
    :param created_at: when its job was created, once that is known.
    """

    wait: Wait
    longest_step: float
    history: DurationHistory
    result: asyncio.Future[WaitResult]
    context: contextvars.Context
    due_at: datetime = _ALWAYS
    limit_at: datetime | None = None
    created_at: datetime | None = None

    @property
    def interval(self) -> timedelta:
        return timedelta(seconds=self.longest_step)

    def is_due(self, by: datetime, now: datetime) -> bool:
        """Whether its time comes by then; also if that seems further away than it can be: the clock was set back."""
        return not by < self.due_at <= now + self.interval

    def take(self, reading: PollResult, now: datetime, service_time: datetime | None) -> None:
        """Have the wait judge a reading; whatever comes of it is the trigger's."""
        if self.result.done():
            return
        try:
            if result := self.context.run(self.wait.judge, reading, now):
                self.result.set_result(result)
            else:
                self._plan(reading, now, service_time)
        except Exception as error:
            self.result.set_exception(error)

    def _plan(self, reading: PollResult, now: datetime, service_time: datetime | None) -> None:
        if isinstance(reading, InventoryJob):
            self.created_at = reading.creation_time
        step = timedelta(seconds=next_poll_delay_seconds(reading, self.longest_step, self.history, now, service_time))
        self.limit_at = now + _bounded(self.wait.max_delay_seconds(now))
        self.due_at = min(now + step, self.limit_at)


class SharedPoller:
    """
    Asks about the jobs of one bucket for as long as anybody waits, over one pool of connections.

    :param config: the service, the bucket and the credentials.
    """

    def __init__(self, config: ServiceConfig) -> None:
        from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

        self._transport = AsyncTransport(config)
        self._waiters: set[_Waiter] = set()
        self._newcomers: set[_Waiter] = set()
        self._changed = asyncio.Event()
        self._answering: asyncio.Task[None] | None = None
        self._history = DurationHistory()
        self._pages_before = 0
        self._next_sweep_at = self._not_before = _ALWAYS
        self._last_error: TencentCIError | None = None

    async def wait(self, wait: Wait, poll_interval: float) -> WaitResult:
        """See :func:`wait_together`."""
        loop = asyncio.get_running_loop()
        longest_step = min(max(poll_interval, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        waiter = _Waiter(wait, longest_step, self._history, loop.create_future(), contextvars.copy_context())
        self._waiters.add(waiter)
        self._newcomers.add(waiter)
        self._changed.set()
        if self._answering is None:
            # In a context of its own: it belongs to no trigger, and what it says goes to no trigger's log.
            self._answering = loop.create_task(self._answer_all(), context=contextvars.Context())
        try:
            return await waiter.result
        finally:
            self._waiters.discard(waiter)
            self._newcomers.discard(waiter)
            self._changed.set()

    async def _answer_all(self) -> None:
        failure: Exception | None = None
        try:
            while self._waiters:
                async with self._transport:
                    while self._waiters:
                        await self._sleep()
                        await self._serve()
        except Exception as error:  # theirs to report
            failure = error
        finally:
            self._answering = None
            for waiter in self._waiters:
                _give_up(waiter, failure)

    async def _sleep(self) -> None:
        """Sleep until it is somebody's turn, or something changes."""
        self._changed.clear()
        asking = self._asking()
        if not asking:  # those who have their results are about to leave
            await self._changed.wait()
            return
        now, interval = self._transport.now(), self._interval
        sweep_at = _ALWAYS if self._newcomers else max(self._next_sweep_at, min(waiter.due_at for waiter in asking))
        limits = [waiter.limit_at for waiter in asking if waiter.limit_at]
        # No longer than an interval: the clock may be set back meanwhile.
        wake_at = min([max(sweep_at, self._not_before), now + interval, *limits])
        if wake_at > now:
            await wait_for_first(self._transport.sleep((wake_at - now).total_seconds()), self._changed.wait())

    async def _serve(self) -> None:
        """Answer those whose turn it is."""
        now, interval = self._transport.now(), self._interval
        asking = self._asking()
        turn = {waiter for waiter in asking if waiter.limit_at and waiter.limit_at <= now}
        if self._last_error and self._is_held(now):
            # The service wishes to be left alone, and is: what it said last is what is known.
            await self._hand_out(dict.fromkeys(turn, self._last_error).items())
            return
        turn |= self._newcomers
        if not now < self._next_sweep_at <= now + interval and any(waiter.is_due(now, now) for waiter in asking):
            turn |= {waiter for waiter in asking if waiter.is_due(now + waiter.interval * _ALMOST, now)}
        if turn:
            requests = await self._sweep(turn) + await self._learn()
            self._next_sweep_at = self._transport.now() + interval * min(1, requests / _REQUESTS_PER_INTERVAL)

    async def _sweep(self, turn: set[_Waiter]) -> int:
        """Read the jobs of ``turn``, a request at a time; return how many it took."""
        self._newcomers -= turn
        waiters: dict[str, list[_Waiter]] = {}
        for waiter in turn:
            waiters.setdefault(waiter.wait.job_id, []).append(waiter)
        sweep = BulkPoll({job_id: of_job[0].created_at for job_id, of_job in waiters.items()}, self._pages_before)
        requests = 0
        while not sweep.is_over and self._waiters and not self._is_held(self._transport.now()):
            readings = await self._ask(sweep)
            requests += 1
            self._heed(readings.values())
            await self._hand_out((waiter, reading) for job, reading in readings.items() for waiter in waiters[job])
            if self._newcomers and not sweep.is_over:  # they need not wait for its end
                requests += await self._sweep({self._newcomers.pop()})
        if sweep.active_pages is not None:
            self._pages_before = sweep.active_pages
        elif len(waiters) > 1:  # bit by bit, lest pages be forgotten for good
            self._pages_before = max(0, self._pages_before - 1)
        return requests

    async def _ask(self, sweep: BulkPoll) -> dict[str, PollResult]:
        """Make the next step of a sweep. A failure that nobody expects is ridden out like one of the service."""
        try:
            return await self._transport.run(sweep.send_next_request())
        except Exception as error:
            _log.exception("Asking for batch jobs failed unexpectedly.")
            return sweep.fail_remaining(as_poll_error(error))

    async def _learn(self) -> int:
        """Learn of one kind of jobs, if there is one to learn of; return how many requests it took."""
        now = self._transport.now()
        if not self._history.kinds_to_fetch or self._is_held(now):
            return 0
        try:
            error = await self._transport.run(self._history.fetch_durations(now))
        except Exception:  # a wait is only less sharp without it
            _log.exception("How long earlier batch jobs took could not be read.")
            return 1
        if error:
            self._heed([error])
        return 1

    async def _hand_out(self, readings: Iterable[tuple[_Waiter, PollResult]]) -> None:
        for number, (waiter, reading) in enumerate(readings, 1):
            waiter.take(reading, self._transport.now(), self._transport.service_time())
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _heed(self, readings: Iterable[PollResult]) -> None:
        """Take note of what the service wishes; a good answer ends that."""
        self._last_error = next((reading for reading in readings if isinstance(reading, TencentCIError)), None)
        self._not_before = self._transport.now() + _bounded(retry_after_seconds(self._last_error))

    def _is_held(self, now: datetime) -> bool:
        """Whether the service wishes to be left alone."""
        return self._last_error is not None and now < self._not_before

    def _asking(self) -> list[_Waiter]:
        return [waiter for waiter in self._waiters if not waiter.result.done()]

    @property
    def _interval(self) -> timedelta:
        return min((waiter.interval for waiter in self._waiters), default=_bounded(_LONGEST_SECONDS))


def _give_up(waiter: _Waiter, failure: Exception | None) -> None:
    """End a wait that nobody goes on with."""
    if not waiter.result.done():
        if failure:
            waiter.result.set_exception(failure)
        else:  # the event loop is being closed
            waiter.result.cancel()


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(seconds, _LONGEST_SECONDS))


_pollers = PerLoopRegistry[SharedPoller]()
