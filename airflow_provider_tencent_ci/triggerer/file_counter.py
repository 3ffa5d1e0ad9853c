"""
The file counter: progress counts for all waits of an event loop, one count at a time for each bucket.

It runs beside the polls. It sends one request at a time, and after each count it rests nine times as long as the count
took. So it adds few requests, however many jobs there are. An error here is a log line, and never ends a wait.

When a job has ended, its files are counted once more, all of them (:func:`count_in_triggerer`). These counts do not
rest, but all of a loop together take at most a quarter of its time (``processor_share.py``), and block it for no longer
than one page of 100 files takes to read.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.transport.per_loop_registry import PerLoopRegistry
from airflow_provider_tencent_ci.triggerer.processor_share import SHARE_OF_COUNTS, ProcessorShare, within_share

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
    from airflow_provider_tencent_ci.core.polling.wait import Wait
    from airflow_provider_tencent_ci.core.wire.messages import Flow
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

_log = logging.getLogger(__name__)

# How often in an interval the counter checks which jobs are due.
_CHECKS_PER_INTERVAL = 10

# The rest after a count, as a multiple of the time that the count took.
_REST_FACTOR = 9

# How many requests one count has in flight. At 20 ms an answer, 8 requests can fetch 400 pages a second. The share of
# the loop's time is enough to read about 200. Each request is about 60 objects. With 16 requests, twice as many objects
# become old, and the garbage collector searches the whole process twice as often (docs/scale.md).
_MOST_IN_FLIGHT = 8

_NEVER = datetime.max.replace(tzinfo=UTC)


@contextmanager
def background_file_counts(config: ServiceConfig, wait: Wait, progress: ProgressCounter) -> Iterator[None]:
    """Count the files of the job of ``wait`` while the context lasts."""
    with _counters.use(config, lambda: _Counter(config)) as counter:
        one = _Counted(wait, progress, contextvars.copy_context())
        counter.add(one)
        try:
            yield
        finally:
            counter.remove(one)


async def count_in_triggerer(config: ServiceConfig, count: Flow[FileCounts]) -> FileCounts:
    """Run the count of a job that has ended, within the share of the event loop's time; 8 requests at a time."""
    from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

    config = replace(config, max_connections=min(config.max_connections, _MOST_IN_FLIGHT))
    with _shares.use(None, lambda: ProcessorShare(SHARE_OF_COUNTS, time.monotonic)) as share:
        async with AsyncTransport(config) as transport:
            return await transport.run(within_share(count, share))


@dataclass(eq=False, slots=True)
class _Counted:
    """
    One job whose files are counted.

    :param context: the context of the trigger, so that log lines go to its log.
    :param count: the running count.
    """

    wait: Wait
    progress: ProgressCounter
    context: contextvars.Context
    count: asyncio.Task[None] | None = None


class _Counter:
    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self._counted: set[_Counted] = set()
        self._counting: asyncio.Task[None] | None = None

    def add(self, one: _Counted) -> None:
        self._counted.add(one)
        if self._counting is None or self._counting.done():
            # In an empty context: the task belongs to no trigger.
            self._counting = asyncio.get_running_loop().create_task(self._count_all(), context=contextvars.Context())

    def remove(self, one: _Counted) -> None:
        self._counted.discard(one)
        if one.count:
            one.count.cancel()
        if not self._counted and self._counting:
            self._counting.cancel()
            self._counting = None

    async def _count_all(self) -> None:
        while self._counted:
            now = datetime.now(UTC)
            for one in [one for one in self._counted if one.wait.job and one.progress.is_due(now)]:
                if one in self._counted:
                    began_at = time.monotonic()
                    await self._count(one)
                    await asyncio.sleep((time.monotonic() - began_at) * _REST_FACTOR)
            shortest = min((one.progress.interval_seconds for one in self._counted), default=0)
            await asyncio.sleep(shortest / _CHECKS_PER_INTERVAL)

    async def _count(self, one: _Counted) -> None:
        one.count = asyncio.get_running_loop().create_task(self._advance(one), context=one.context)
        try:
            await asyncio.wait([one.count])
            if not one.count.cancelled() and (error := one.count.exception()):
                self._counted.discard(one)
                _log.warning("The files of batch job %s are not counted any more: %r", one.wait.job_id, error)
        finally:
            one.count.cancel()

    async def _advance(self, one: _Counted) -> None:
        from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

        if one.wait.job:
            async with AsyncTransport(self._config) as transport:
                await transport.run(one.progress.advance(one.wait.job, _NEVER))


_counters = PerLoopRegistry[_Counter]()
_shares = PerLoopRegistry[ProcessorShare]()
