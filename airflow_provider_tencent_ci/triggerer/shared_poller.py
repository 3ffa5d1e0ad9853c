"""
The shared poller: one for all tasks that wait for jobs of one bucket in one event loop of a triggerer.

.. code-block:: text

    trigger ─┐                 ┌─ a new wait: polled at once
    trigger ─┼─ wait ─ Poller ─┤                                            ── few list requests
    trigger ─┘  result         └─ a due wait: in a bulk poll, with those that are due soon

How it works:

1. A trigger hands in its wait and awaits the result.
2. The poller's own task sleeps until a wait is due, a wait has to be told something, or a new wait comes in.
3. It polls the due jobs in one bulk poll (``core/polling/bulk_poll.py``). Jobs that are due soon join it. Jobs of new
   waits are polled in between.
4. Each poll result is judged by its wait, in the context of its trigger. So what the wait logs goes to that trigger's
   log, and an exception of the wait reaches that trigger alone. No task is woken, and no new object is kept: with
   10,000 waits, Python's garbage collector, which stops the event loop, has little to do.
5. After a ``Retry-After``, nothing is sent until that time. A wait that has to be told something before gets the last
   error.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.api.job_id import check_job_id
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.polling.bulk_poll import BulkPoll
from airflow_provider_tencent_ci.core.polling.contact_budget import as_poll_error
from airflow_provider_tencent_ci.core.polling.earlier_durations import DurationHistory
from airflow_provider_tencent_ci.core.polling.wait import next_poll_delay_seconds
from airflow_provider_tencent_ci.core.wire.request_retry import retry_after_seconds
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
    from airflow_provider_tencent_ci.core.polling.wait import PollResult, Wait, WaitResult
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

_log = logging.getLogger(__name__)

# Bulk polls may follow each other closely, as long as they send at most this many requests in the shortest interval.
_MAX_REQUESTS_PER_INTERVAL = 11

# A job that is due within this share of its interval joins a bulk poll.
_JOIN_SHARE = 0.5

# After this many results, other tasks of the event loop get a chance to run.
_RESULTS_BEFORE_YIELD = 100


async def wait_together(config: ServiceConfig, wait: Wait, poll_interval: float) -> WaitResult:
    """
    Wait until ``wait`` ends, with the poller that all waits of this configuration and event loop share.

    :param poll_interval: the longest time between two polls of the job, in seconds (``core/polling/poll_schedule.py``).
    :raises InvalidArgumentError: the job id cannot be one.
    """
    check_job_id(wait.job_id)
    with _pollers.use(config, lambda: SharedPoller(config)) as poller:
        return await poller.wait(wait, poll_interval)


@dataclass(eq=False, slots=True)
class _Waiter:
    """
    One trigger's wait.

    :param interval: the longest time between two polls of the job.
    :param history: knows when jobs of this kind usually end.
    :param result: the trigger awaits it.
    :param context: the context of the trigger.
    :param due_at: when the job is polled next; at first, at once.
    :param tell_at: when the wait has to be told something, even while the poller backs off: when contact counts as
        lost, after a day at the latest.
    :param created_at: when the job was created; ``None`` if not known yet.
    """

    wait: Wait
    interval: timedelta
    history: DurationHistory
    result: asyncio.Future[WaitResult]
    context: contextvars.Context
    due_at: datetime = ALWAYS
    tell_at: datetime | None = None
    created_at: datetime | None = None

    def is_due(self, by: datetime, now: datetime) -> bool:
        """Whether the job is due at ``by``. A due time further away than an interval counts: the clock was set back."""
        return self.due_at <= by or self.due_at > now + self.interval

    def judge(self, polled: PollResult, now: datetime, service_time: datetime | None) -> None:
        """Have the wait judge a poll result; pass its end, or its exception, to the trigger."""
        if self.result.done():
            return
        try:
            if result := self.context.run(self.wait.judge, polled, now):
                self.result.set_result(result)
            else:
                self._plan(polled, now, service_time)
        except Exception as error:
            self.result.set_exception(error)

    def _plan(self, polled: PollResult, now: datetime, service_time: datetime | None) -> None:
        if isinstance(polled, InventoryJob):
            self.created_at = polled.creation_time
        interval_seconds = self.interval.total_seconds()
        step = timedelta(seconds=next_poll_delay_seconds(polled, interval_seconds, self.history, now, service_time))
        self.tell_at = now + bounded(self.wait.max_delay_seconds(now))
        self.due_at = min(now + step, self.tell_at)


class SharedPoller(SharedTask[_Waiter]):
    """Polls the jobs of one bucket."""

    def __init__(self, config: ServiceConfig) -> None:
        super().__init__(config)
        self._new_waiters: set[_Waiter] = set()
        self._history = DurationHistory()
        self._active_pages_before = 0
        self._next_poll_at = self._retry_at = ALWAYS
        self._last_error: TencentCIError | None = None
        self._config = config
        self._reported_waits = 0

    async def wait(self, wait: Wait, poll_interval: float) -> WaitResult:
        """See :func:`wait_together`."""
        waiter = _Waiter(
            wait,
            timedelta(seconds=bounded_interval_seconds(poll_interval)),
            self._history,
            asyncio.get_running_loop().create_future(),
            contextvars.copy_context(),
        )
        self._new_waiters.add(waiter)
        self._changed.set()
        try:
            with self._joined_by(waiter):
                return await waiter.result
        finally:
            self._new_waiters.discard(waiter)
            if not self._waiters:
                self._report_waits()

    async def _sleep(self) -> None:
        """Sleep until a wait is due or has to be told something, or the set of waits changes."""
        self._changed.clear()
        self._report_waits()
        pending = self._pending()
        if not pending:  # waits that have their results are about to leave
            await self._changed.wait()
            return
        now, interval = self._transport.now(), self._interval
        poll_at = ALWAYS if self._new_waiters else max(self._next_poll_at, min(waiter.due_at for waiter in pending))
        limits = [waiter.tell_at for waiter in pending if waiter.tell_at]
        # At most one interval: the clock may be set back meanwhile.
        wake_at = min([max(poll_at, self._retry_at), now + interval, *limits])
        if wake_at > now:
            await wait_for_first(self._transport.sleep((wake_at - now).total_seconds()), self._changed.wait())

    async def _poll_due(self) -> None:
        """Poll the jobs that are due; while the poller backs off, tell the waits that cannot wait any longer."""
        now, interval = self._transport.now(), self._interval
        pending = self._pending()
        due = {waiter for waiter in pending if waiter.tell_at and waiter.tell_at <= now}
        if self._last_error and self._is_backing_off(now):
            # Nothing is sent until the Retry-After time: the last error is all that is known.
            await self._judge_all(dict.fromkeys(due, self._last_error).items())
            return
        due |= self._new_waiters
        # A next poll further away than an interval counts as due: the clock was set back.
        may_poll = self._next_poll_at <= now or self._next_poll_at > now + interval
        if may_poll and any(waiter.is_due(now, now) for waiter in pending):
            due |= {waiter for waiter in pending if waiter.is_due(now + waiter.interval * _JOIN_SHARE, now)}
        if due:
            requests = await self._poll_jobs(due) + await self._fetch_durations()
            self._next_poll_at = self._transport.now() + interval * min(1, requests / _MAX_REQUESTS_PER_INTERVAL)

    async def _poll_jobs(self, due: set[_Waiter]) -> int:
        """Poll the jobs of ``due``, one request after the other; return the number of requests."""
        self._new_waiters -= due
        waiters: dict[str, list[_Waiter]] = {}
        for waiter in due:
            waiters.setdefault(waiter.wait.job_id, []).append(waiter)
        bulk_poll = BulkPoll(
            {job_id: of_job[0].created_at for job_id, of_job in waiters.items()}, self._active_pages_before
        )
        requests = 0
        while not bulk_poll.is_over and self._waiters and not self._is_backing_off(self._transport.now()):
            results = await self._send_next_request(bulk_poll)
            requests += 1
            self._note_retry_after(results.values())
            await self._judge_all((waiter, polled) for job, polled in results.items() for waiter in waiters[job])
            if self._new_waiters and not bulk_poll.is_over:  # they are polled before the bulk poll goes on
                requests += await self._poll_jobs({self._new_waiters.pop()})
        if bulk_poll.active_pages is not None:
            self._active_pages_before = bulk_poll.active_pages
        elif len(waiters) > 1:  # step by step: some day pages may be cheaper again
            self._active_pages_before = max(0, self._active_pages_before - 1)
        return requests

    async def _send_next_request(self, bulk_poll: BulkPoll) -> dict[str, PollResult]:
        """Send the next request of a bulk poll. An unexpected exception counts as a failed poll."""
        try:
            return await self._transport.run(bulk_poll.send_next_request())
        except Exception as error:
            _log.exception("Polling the batch jobs failed unexpectedly.")
            return bulk_poll.fail_remaining(as_poll_error(error))

    async def _fetch_durations(self) -> int:
        """Fetch the durations of one kind of jobs, if one is wanted; return the number of requests."""
        now = self._transport.now()
        if not self._history.kinds_to_fetch or self._is_backing_off(now):
            return 0
        try:
            error = await self._transport.run(self._history.fetch_durations(now))
        except Exception:  # without the durations, a wait only polls less precisely
            _log.exception("Could not read how long earlier batch jobs took.")
            return 1
        if error:
            self._note_retry_after([error])
        return 1

    async def _judge_all(self, results: Iterable[tuple[_Waiter, PollResult]]) -> None:
        now, service_time = self._transport.now(), self._transport.service_time()
        for number, (waiter, polled) in enumerate(results, 1):
            waiter.judge(polled, now, service_time)
            if number % _RESULTS_BEFORE_YIELD == 0:
                await asyncio.sleep(0)
                now, service_time = self._transport.now(), self._transport.service_time()

    def _note_retry_after(self, results: Iterable[PollResult]) -> None:
        """Remember the last error and its ``Retry-After``; a good answer ends the backoff."""
        self._last_error = next((polled for polled in results if isinstance(polled, TencentCIError)), None)
        self._retry_at = self._transport.now() + bounded(retry_after_seconds(self._last_error))

    def _is_backing_off(self, now: datetime) -> bool:
        """Whether the ``Retry-After`` time of the last error is still to come."""
        return self._last_error is not None and now < self._retry_at

    def _report_waits(self) -> None:
        change, self._reported_waits = len(self._waiters) - self._reported_waits, len(self._waiters)
        if self._config.observer:
            self._config.observer.waits_changed(self._config.bucket, change)

    def _pending(self) -> list[_Waiter]:
        return [waiter for waiter in self._waiters if not waiter.result.done()]

    @property
    def _interval(self) -> timedelta:
        return min((waiter.interval for waiter in self._waiters), default=bounded(MAX_INTERVAL_SECONDS))


_pollers = PerLoopRegistry[SharedPoller]()
