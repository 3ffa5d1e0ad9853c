"""What it costs the process that waits to ask about one job once, in processor time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp

from airflow_provider_tencent_ci.core.api import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.messages import Response
from airflow_provider_tencent_ci.core.signing import sign
from airflow_provider_tencent_ci.emulator.defaults import BUCKET, REGION, SECRET_ID, SECRET_KEY
from benchmarks.record import Chart, Claim, Record
from benchmarks.service import CREDENTIALS, HOST, RunningService, new_config
from benchmarks.timing import cpu_seconds, medians_of_turns
from benchmarks.waits import waiting

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("cos-python-sdk-v5",)

OURS = "shared poller"
NEW_SESSION = "new aiohttp session per poll"
ONE_SESSION = "one aiohttp session"
SDK = "official SDK in threads"

# At most this part of what the alternative costs.
_WANTED = {NEW_SESSION: 10, ONE_SESSION: 5, SDK: 40}

# How often each job is asked about for one figure; when there are many, once is enough for the alternatives.
_ROUNDS = 10
_AT_ONCE = 50

Round = Callable[[Sequence[str]], Coroutine[Any, Any, int]]

_METHOD = """\
The processor time of the polling process (all its threads; the service is another process), divided by the number of
times that a waiting task was told of its job. Five turns of each way, by turns; the median.

The shared poller runs as it does in a triggerer: a task for each job, each in `wait_together`. The alternatives are
favoured: they are called in a row, fifty at a time, without the tasks that would sleep between two polls; and those
with aiohttp sign and read with this package's own code, so that only the way of asking differs. The SDK runs in
`asyncio.to_thread`, with one client for all.
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
        ways: dict[str, Callable[[], float]] = {OURS: lambda: _ours(service)}
        if size <= 1_000:  # more of the same costs the same, and the SDK would take minutes
            rounds = {NEW_SESSION: _new_session(service), ONE_SESSION: _one_session(service), SDK: _sdk(service)}
            for one_round in rounds.values():
                asyncio.run(one_round(service.job_ids))  # so that neither side does anything for the first time
            ways |= {name: lambda way=way: _in_a_row(way, service.job_ids) for name, way in rounds.items()}
        return medians_of_turns(ways, turns if size <= 1_000 else 2)


def _ours(service: RunningService) -> float:
    return asyncio.run(_waiting(service)) * 1e6


async def _waiting(service: RunningService) -> float:
    size = len(service.job_ids)
    # Long enough for the server to answer, so that ticks do not pile up.
    async with waiting(new_config(service.url), service.job_ids, max(0.1, size / 1_000)) as readings:
        began, before = time.process_time(), readings.number
        await readings.reach(before + _ROUNDS * size)
        return (time.process_time() - began) / (readings.number - before)


def _in_a_row(one_round: Round, job_ids: Sequence[str]) -> float:
    rounds = 1 if len(job_ids) > 300 else _ROUNDS

    async def all_rounds() -> None:
        for _ in range(rounds):
            answered = await one_round(job_ids)
            assert answered == len(job_ids)

    return cpu_seconds(lambda: asyncio.run(all_rounds())) / (rounds * len(job_ids)) * 1e6


def _new_session(service: RunningService) -> Round:
    async def ask(job_id: str) -> bool:
        async with aiohttp.ClientSession() as session:
            return await _ask(session, service.url, job_id)

    return lambda job_ids: _each(ask, job_ids)


def _one_session(service: RunningService) -> Round:
    async def one_round(job_ids: Sequence[str]) -> int:
        async with aiohttp.ClientSession() as session:
            return await _each(lambda job_id: _ask(session, service.url, job_id), job_ids)

    return one_round


async def _ask(session: aiohttp.ClientSession, url: str, job_id: str) -> bool:
    """Read a job by its id; the list endpoint with a filter is how the package asks about one."""
    request, now = build_list(JobFilter(job_id=job_id)), datetime.now(UTC)
    query = {key: value or "" for key, value in request.query}
    async with session.get(url + request.path, params=query, headers=sign(request, HOST, CREDENTIALS, now)) as answer:
        response = Response(answer.status, answer.headers, await answer.read(), now)
    return [job.job_id for job in read_jobs(response).items] == [job_id]


def _sdk(service: RunningService) -> Round:
    client = _sdk_client(service.url)

    def ask(job_id: str) -> bool:
        page = client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, JobId=job_id, Size=100)
        return [job["JobId"] for job in page["JobsDetail"]] == [job_id]

    return lambda job_ids: _each(lambda job_id: asyncio.to_thread(ask, job_id), job_ids)


def _sdk_client(url: str) -> Any:
    import qcloud_cos

    logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL)  # which is cheaper for it, too
    config = qcloud_cos.CosConfig(
        Region=REGION, SecretId=SECRET_ID, SecretKey=SECRET_KEY, Scheme="http", Domain=url.removeprefix("http://")
    )
    return qcloud_cos.CosS3Client(config, retry=0)


async def _each(ask: Callable[[str], Awaitable[bool]], job_ids: Sequence[str]) -> int:
    """Ask about all, ``_AT_ONCE`` at a time; return how many were answered rightly."""
    left, answered = iter(job_ids), 0

    async def work() -> None:
        nonlocal answered
        for job_id in left:
            is_right = await ask(job_id)
            answered += is_right

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return answered
