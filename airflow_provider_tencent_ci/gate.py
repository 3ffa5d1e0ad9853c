"""
One gate for all tasks that wait in one triggerer for room in a bucket.

A reading of the job list lets go as many as there are places, in the order of their coming. Each looks for itself once
more before it submits (:mod:`.core.capacity`), so the gate need not know what became of those it let go: it saves
hundreds of workers from being started for nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.capacity import CapacityWatch
from airflow_provider_tencent_ci.sharing import Shared

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.config import ServiceConfig

__all__ = ["pass_gate"]


async def pass_gate(config: ServiceConfig, max_active_jobs: int, poll_interval: float, contact_timeout: float) -> None:
    """
    Wait until it is one's turn to submit one more job.

    :param poll_interval: seconds between two questions of the one who came first.
    :param contact_timeout: seconds without one usable answer, likewise.
    :raises TencentCIError: the last error, if there was no usable answer for ``contact_timeout``.
    """

    def make() -> _Gate:
        return _Gate(config, CapacityWatch(max_active_jobs, poll_interval, contact_timeout))

    with _gates.use((config, max_active_jobs), make) as gate:
        await gate.pass_through()


class _Gate:
    def __init__(self, config: ServiceConfig, watch: CapacityWatch) -> None:
        from airflow_provider_tencent_ci.transport.aio import AsyncTransport

        self._transport = AsyncTransport(config)
        self._watch = watch
        self._queue: deque[asyncio.Future[None]] = deque()
        self._opening: asyncio.Task[None] | None = None

    async def pass_through(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        if self._opening is None:
            # In a context of its own: it belongs to no trigger.
            self._opening = asyncio.create_task(self._open(), context=contextvars.Context())
        try:
            await turn
        finally:
            if turn in self._queue:
                self._queue.remove(turn)

    async def _open(self) -> None:
        failure: Exception | None = None
        try:
            async with self._transport:
                while self._queue:
                    pause_seconds = await self._let_go()
                    if self._queue:
                        await self._transport.sleep(pause_seconds)
        except Exception as error:  # theirs to report
            failure = error
        finally:
            self._opening = None
            for turn in self._queue:
                if failure and not turn.done():
                    turn.set_exception(failure)
                else:  # the event loop is being closed
                    turn.cancel()

    async def _let_go(self) -> float:
        """Let go as many as there are places; return how long to wait before the next look, in seconds."""
        places, pause_seconds = await self._transport.run(self._watch.look())
        while self._queue and places:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                places -= 1
        return pause_seconds


_gates = Shared[_Gate]()
