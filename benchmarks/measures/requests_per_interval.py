"""The number of requests to the service within one ``poll_interval``."""

from __future__ import annotations

import asyncio
import time

from airflow_provider_tencent_ci.core.api.job_calls import get_job
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
from benchmarks.record import Chart, Claim, Record
from benchmarks.service import RunningService, new_config
from benchmarks.waits import Readings, waiting

__all__ = ["measure", "missing"]

OURS, ALTERNATIVE = "shared poller", "one request per job"

_WANTED = 12

_METHOD = """\
Each of these tasks waits for its own job of one bucket, all with the same `poll_interval`. After each job was polled
once, the service counts the list requests of about twenty intervals. The alternative is one task per job that polls it
by its id and sleeps for the interval; with ten thousand of them the benchmark would measure the server.

A page has a hundred jobs. The poller polls a little more often than `poll_interval`, by a random part of up to a fifth,
so that pollers do not poll in step; this is the reason for the extra tenth.
"""


def missing() -> None:
    """It needs nothing special."""


def measure(quick: bool) -> Record:
    """Count with 10 to 10,000 waiting jobs."""
    sizes = (120,) if quick else (10, 100, 1_000, 10_000)
    found = {size: _count(size, 3 if quick else 20) for size in sizes}
    curves: dict[str, list[tuple[float, float]]] = {OURS: [], ALTERNATIVE: []}
    for size, (ours, alternative) in found.items():
        curves[OURS].append((size, ours))
        if alternative is not None:
            curves[ALTERNATIVE].append((size, alternative))
    return Record(
        name="requests_per_interval",
        title="Requests per poll interval",
        method=_METHOD,
        columns=("waiting jobs", OURS, ALTERNATIVE, "ratio"),
        rows=[
            (size, round(ours, 1), alternative and round(alternative), alternative and f"1 : {alternative / ours:.0f}")
            for size, (ours, alternative) in found.items()
        ],
        claims=_claims(found),
        chart=Chart("curves", "list requests per poll interval", curves),
        quick=quick,
    )


def _claims(found: dict[int, tuple[float, float | None]]) -> list[Claim]:
    size = 1_000 if 1_000 in found else max(found)
    return [Claim(f"at most {_WANTED} with {size:,} waiting", f"{found[size][0]:.1f}", found[size][0] <= _WANTED)]


def _count(size: int, intervals: int) -> tuple[float, float | None]:
    # Long enough for the server to answer all; ten times as many jobs get ten times as long.
    interval = max(0.3, size / 500)
    intervals = intervals if size <= 1_000 else max(3, intervals // 4)
    with RunningService(size) as service:
        ours = asyncio.run(_ours(service, interval, intervals))
        # With ten thousand, the measurement would show the server's limit.
        alternative = asyncio.run(_one_by_one(service, interval, intervals)) if size <= 1_000 else None
    return ours, alternative


async def _ours(service: RunningService, interval: float, intervals: int) -> float:
    async with waiting(new_config(service.url), service.job_ids, interval) as readings:
        return await _rate(service, interval, readings, intervals)


async def _one_by_one(service: RunningService, interval: float, intervals: int) -> float:
    readings = Readings()
    async with AsyncTransport(new_config(service.url)) as transport:

        async def ask_for_ever(job_id: str) -> None:
            while True:
                next_at = time.monotonic() + interval
                readings.job_polled(await transport.run(get_job(job_id, NO_RETRY)))
                await asyncio.sleep(max(0, next_at - time.monotonic()))

        tasks = [asyncio.create_task(ask_for_ever(job_id)) for job_id in service.job_ids]
        try:
            await readings.reach(2 * len(tasks))
            return await _rate(service, interval, readings, intervals)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def _rate(service: RunningService, interval: float, readings: Readings, rounds: int) -> float:
    """Return the requests per interval while each job is read this many times on average."""
    before, began = await asyncio.to_thread(service.count), time.monotonic()
    await readings.reach(readings.number + rounds * len(service.job_ids))
    after, ended = await asyncio.to_thread(service.count), time.monotonic()
    return (after - before) * interval / (ended - began)
