"""
The task that all waits of one kind share in an event loop: it starts with the first wait and ends with the last one.

:mod:`.shared_poller` and :mod:`.capacity_gate` say what the task polls, and when.
"""

from __future__ import annotations

import asyncio
import contextvars
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

# Bounds of `poll_interval`: below 0.1 s the task would never sleep; far more than a day could overflow `datetime`.
_MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS = 0.1, 86400.0

ALWAYS = datetime.min.replace(tzinfo=UTC)


class Waiter(Protocol):
    """One trigger's wait; the trigger awaits ``result``."""

    result: asyncio.Future[Any]


WaiterT = TypeVar("WaiterT", bound=Waiter)


class SharedTask(ABC, Generic[WaiterT]):
    """
    Polls while there are waits, over one pool of connections.

    :param config: the service, the bucket and the credentials.
    """

    def __init__(self, config: ServiceConfig) -> None:
        from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

        self._transport = AsyncTransport(config)
        self._waiters: dict[WaiterT, None] = {}  # in the order in which they came
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def _sleep(self) -> None:
        """Clear ``_changed``; sleep until there is something to do, or until ``_changed`` is set."""

    @abstractmethod
    async def _poll_due(self) -> None:
        """Poll if it is due, and set the results of the waits that are over."""

    @contextmanager
    def _joined_by(self, waiter: WaiterT) -> Iterator[None]:
        """Poll for ``waiter``, too, until the block ends; start the task if it is the first."""
        self._waiters[waiter] = None
        if self._task is None:
            # In an empty context: the task belongs to no trigger, and its log lines go to no trigger's log.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
        try:
            yield
        finally:
            del self._waiters[waiter]
            if not self._waiters:
                self._changed.set()

    async def _run(self) -> None:
        failure: Exception | None = None
        try:
            while self._waiters:
                async with self._transport:
                    while self._waiters:
                        await self._sleep()
                        await self._poll_due()
        except Exception as error:  # each trigger reports it
            failure = error
        finally:
            self._task = None
            for waiter in self._waiters:
                if waiter.result.done():
                    continue
                if failure:
                    waiter.result.set_exception(failure)
                else:  # the event loop is being closed
                    waiter.result.cancel()


def bounded_interval_seconds(poll_interval: float) -> float:
    """Return ``poll_interval``, within 0.1 s and a day."""
    return min(max(poll_interval, _MIN_INTERVAL_SECONDS), MAX_INTERVAL_SECONDS)


def bounded(seconds: float) -> timedelta:
    """Return a duration of a day at the most."""
    return timedelta(seconds=min(seconds, MAX_INTERVAL_SECONDS))
