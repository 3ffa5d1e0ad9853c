"""Many waits with the package's shared poller, for measurements of the poller."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.polling.wait import Wait
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.triggerer.shared_poller import wait_together

__all__ = ["Readings", "waiting", "waiting_alone"]

_LONGEST_SECONDS = 600


@dataclass
class Readings:
    """Counts the results of the waits."""

    number: int = 0

    def job_polled(self, job: InventoryJob) -> None:
        """Count a poll's result."""
        self.number += 1

    def poll_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        """Raise: the measurement is not valid."""
        raise error

    async def reach(self, number: int) -> None:
        """Wait until there have been this many."""
        async with asyncio.timeout(_LONGEST_SECONDS):
            while self.number < number:  # noqa: ASYNC110 - an event would be one more thing that costs time
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def waiting(config: ServiceConfig, job_ids: Sequence[str], poll_interval: float) -> AsyncIterator[Readings]:
    """
    Let one task wait for each job, as in a triggerer.

    At the start, each wait has had two results: some requests of the poller are sent only the first time.
    """
    readings = Readings()
    waits = [wait_together(config, _new_wait(job_id, readings), poll_interval) for job_id in job_ids]
    async with _running(waits, readings):
        yield readings


@contextlib.asynccontextmanager
async def waiting_alone(
    ask: Callable[[str], Awaitable[InventoryJob]], job_ids: Sequence[str], poll_interval: float
) -> AsyncIterator[Readings]:
    """Let one task wait for each job, and poll it alone."""
    readings = Readings()

    async def wait_alone(job_id: str) -> None:
        wait = _new_wait(job_id, readings)
        await asyncio.sleep(poll_interval * random.random())
        while not wait.judge(await ask(job_id), datetime.now(UTC)):  # noqa: ASYNC110 - it is what others do
            await asyncio.sleep(poll_interval)

    async with _running([wait_alone(job_id) for job_id in job_ids], readings):
        yield readings


@contextlib.asynccontextmanager
async def _running(waits: Sequence[Coroutine[Any, Any, object]], readings: Readings) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await readings.reach(2 * len(tasks))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _new_wait(job_id: str, readings: Readings) -> Wait:
    return Wait(job_id, deadline_at=None, contact_timeout=600, observer=readings)
