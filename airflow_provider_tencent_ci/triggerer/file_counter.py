"""
Counting the files of all jobs that are waited for in one triggerer, now and then, one count at a time for each bucket.

It is beside the waits: it sends one request at a time, and none for nine tenths of the time, however many jobs are
waited for; so what it adds to the requests that ask for ends is little. Whatever goes wrong with it is a line in a log.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.transport.per_loop import PerLoopRegistry

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
    from airflow_provider_tencent_ci.core.polling.wait import Wait
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

_log = logging.getLogger(__name__)

# So many times in an interval it is looked whose time has come.
_LOOKS_PER_INTERVAL = 10

# How long a bucket is left alone after a count, in times of what the count took.
_REST = 9

_NEVER = datetime.max.replace(tzinfo=UTC)


@contextmanager
def background_file_counts(config: ServiceConfig, wait: Wait, progress: ProgressCounter) -> Iterator[None]:
    """Count the files of the job that ``wait`` is about for as long as the context lasts."""
    with _counters.use(config, lambda: _Counter(config)) as counter:
        one = _Counted(wait, progress, contextvars.copy_context())
        counter.add(one)
        try:
            yield
        finally:
            counter.remove(one)


@dataclass(eq=False, slots=True)
class _Counted:
    """
    One whose files are counted.

    :param context: the trigger's, so that what is said goes to its log.
    :param count: the count that is under way.
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
            # In a context of its own: it belongs to no trigger.
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
                    await asyncio.sleep((time.monotonic() - began_at) * _REST)
            shortest = min((one.progress.interval_seconds for one in self._counted), default=0)
            await asyncio.sleep(shortest / _LOOKS_PER_INTERVAL)

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
