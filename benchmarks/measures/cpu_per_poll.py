"""The processor time of a waiting process for one poll of one job."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.core.wire.signing import sign
from airflow_provider_tencent_ci.emulator.model.defaults import BUCKET, REGION, SECRET_ID, SECRET_KEY
from benchmarks.record import Chart, Claim, Record
from benchmarks.service import CREDENTIALS, HOST, RunningService, new_config
from benchmarks.timing import medians_of_turns
from benchmarks.waits import Readings, waiting, waiting_alone

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("cos-python-sdk-v5",)

OURS = "shared poller"
NEW_SESSION = "new aiohttp session per poll"
ONE_SESSION = "one aiohttp session"
SDK = "official SDK in threads"

# The target: at most this share of the alternative's cost.
_WANTED = {NEW_SESSION: 10, ONE_SESSION: 5, SDK: 40}

# The number of polls of each job for one figure.
_ROUNDS = 5

Ask = Callable[[str], Awaitable[InventoryJob]]

_METHOD = """\
The processor time of the polling process (all its threads; the service is another process), divided by the number of
polls of all jobs. The median of five runs of each way, in turn.

Every way has a task for each job, which checks each reading with this package's `Wait`, and all have the same interval
between two polls: two milliseconds for each job, from 0.1 to 2 s. With the shared poller each task is in
`wait_together`, as in a triggerer. In the alternatives each task polls on its own and sleeps, starting at a random
moment; those with aiohttp sign and read with this package's own code, so that only the way of polling differs. The SDK
runs in `asyncio.to_thread`, with one client for all.
"""


def missing() -> None:
    """It needs nothing special; the SDK comes with the extra ``test``."""


def measure(quick: bool) -> Record:
    """Measure with 10 to 10,000 waiting jobs; the alternatives with up to 1,000."""
    sizes = (120,) if quick else (10, 100, 1_000, 10_000)
    found = {size: _microseconds(size, 1 if quick else 5) for size in sizes}
    names = (OURS, *_WANTED)
    return Record(
        name="cpu_per_poll",
        title="Processor time per job and poll",
        method=_METHOD,
        columns=("waiting jobs", *(f"{name}, µs" for name in names)),
        rows=[(size, *(_rounded(figures.get(name)) for name in names)) for size, figures in found.items()],
        claims=_claims(found),
        chart=Chart(
            "curves",
            "processor time per job and poll, µs",
            {name: [(size, figures[name]) for size, figures in found.items() if name in figures] for name in names},
        ),
        quick=quick,
    )


def _claims(found: dict[int, dict[str, float]]) -> list[Claim]:
    size = max(size for size, figures in found.items() if ONE_SESSION in figures)
    figures = found[size]
    return [
        Claim(
            f"at most 1/{part} of: {name} ({size:,} waiting)",
            f"1/{figures[name] / figures[OURS]:.1f} ({figures[OURS]:.0f} and {figures[name]:,.0f} µs)",
            figures[OURS] * part <= figures[name],
        )
        for name, part in _WANTED.items()
    ]


def _rounded(figure: float | None) -> int | None:
    return None if figure is None else round(figure)


def _microseconds(size: int, turns: int) -> dict[str, float]:
    """Return the processor time per job and poll of each way."""
    with RunningService(size) as service:
        ways: dict[str, Callable[[], float]] = {OURS: lambda: asyncio.run(_together(service)) * 1e6}
        if size <= 1_000:  # more jobs cost the same per job, and the SDK would take minutes
            alone = {NEW_SESSION: _new_session, ONE_SESSION: _one_session, SDK: _sdk}
            ways |= {name: lambda way=way: asyncio.run(_alone(service, way)) * 1e6 for name, way in alone.items()}
        return medians_of_turns(ways, turns if size <= 1_000 else 2)


def _interval(service: RunningService) -> float:
    """Return an interval in seconds that the slowest alternative can keep."""
    return min(2.0, max(0.1, len(service.job_ids) / 500))


async def _together(service: RunningService) -> float:
    async with waiting(new_config(service.url), service.job_ids, _interval(service)) as readings:
        return await _seconds_of_each(readings, _ROUNDS * len(service.job_ids))


async def _alone(service: RunningService, way: Callable[[RunningService], AbstractAsyncContextManager[Ask]]) -> float:
    async with way(service) as ask, waiting_alone(ask, service.job_ids, _interval(service)) as readings:
        return await _seconds_of_each(readings, _ROUNDS * len(service.job_ids))


async def _seconds_of_each(readings: Readings, number: int) -> float:
    began, before = time.process_time(), readings.number
    await readings.reach(before + number)
    return (time.process_time() - began) / (readings.number - before)


@asynccontextmanager
async def _new_session(service: RunningService) -> AsyncIterator[Ask]:
    async def ask(job_id: str) -> InventoryJob:
        async with aiohttp.ClientSession() as session:
            return await _ask(session, service.url, job_id)

    yield ask


@asynccontextmanager
async def _one_session(service: RunningService) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession() as session:
        yield lambda job_id: _ask(session, service.url, job_id)


async def _ask(session: aiohttp.ClientSession, url: str, job_id: str) -> InventoryJob:
    """Read a job by its id; the package itself uses the list endpoint with a filter."""
    request, now = build_list(JobFilter(job_id=job_id)), datetime.now(UTC)
    query = {key: value or "" for key, value in request.query}
    async with session.get(url + request.path, params=query, headers=sign(request, HOST, CREDENTIALS, now)) as answer:
        response = Response(answer.status, answer.headers, await answer.read(), now)
    [job] = read_jobs(response).items
    return job


@asynccontextmanager
async def _sdk(service: RunningService) -> AsyncIterator[Ask]:
    client = _sdk_client(service.url)

    def ask(job_id: str) -> InventoryJob:
        page = client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, JobId=job_id, Size=100)
        [job] = page["JobsDetail"]
        return InventoryJob.from_dict(job)

    yield lambda job_id: asyncio.to_thread(ask, job_id)


def _sdk_client(url: str) -> Any:
    import qcloud_cos

    logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL)  # which is cheaper for it, too
    config = qcloud_cos.CosConfig(
        Region=REGION, SecretId=SECRET_ID, SecretKey=SECRET_KEY, Scheme="http", Domain=url.removeprefix("http://")
    )
    return qcloud_cos.CosS3Client(config, retry=0)
