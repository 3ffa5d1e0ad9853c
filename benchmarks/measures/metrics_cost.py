"""The processor time of a poll with and without metrics."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec

from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.core.wire.service_observer import ServiceObserver
from benchmarks.record import Chart, Claim, Record
from benchmarks.service import RunningService, new_config
from benchmarks.timing import medians_of_turns
from benchmarks.waits import waiting

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("statsd",)

OFF, ON = "metrics off", "StatsD on"

# The target: at most this much of the time without metrics.
_WANTED = 1.10

_ROUNDS = 20

_METHOD = """\
The processor time of the polling process for one poll of one job, with the shared poller, as in a triggerer. With
StatsD on, Airflow's own client sends the metrics as UDP packets, with tags, to a port of this machine. The median of
seven runs of each way, in turn. One job is the most expensive case: each poll is a request of its own.
"""


def missing() -> str | None:
    """It needs Airflow's client of StatsD, which comes with the extra ``test``."""
    return None if find_spec("statsd") else "the package statsd"


def measure(quick: bool) -> Record:
    """Measure with one and with a hundred waiting jobs."""
    sizes = (1,) if quick else (1, 100)
    with _statsd_on() as on:
        found = {size: _microseconds(size, 1 if quick else 7, on) for size in sizes}
    return Record(
        name="metrics_cost",
        title="Cost of metrics",
        method=_METHOD,
        columns=("waiting jobs", f"{OFF}, µs", f"{ON}, µs", "ratio"),
        rows=[
            (size, round(figures[OFF], 1), round(figures[ON], 1), round(figures[ON] / figures[OFF], 3))
            for size, figures in found.items()
        ],
        claims=[_claim(size, figures) for size, figures in found.items()],
        chart=Chart(
            "curves",
            "processor time per job and poll, µs",
            {way: [(size, figures[way]) for size, figures in found.items()] for way in (OFF, ON)},
        ),
        quick=quick,
    )


def _claim(size: int, figures: dict[str, float]) -> Claim:
    ratio = figures[ON] / figures[OFF]
    return Claim(
        f"at most {_WANTED} times the time without metrics ({size:,} waiting)", f"{ratio:.3f}", ratio <= _WANTED
    )


def _microseconds(size: int, turns: int, on: ServiceObserver | None) -> dict[str, float]:
    with RunningService(size) as service:
        off = new_config(service.url)
        ways = {OFF: off, ON: replace(off, observer=on)}
        return medians_of_turns(
            {way: lambda config=config: asyncio.run(_one_run(service, config)) * 1e6 for way, config in ways.items()},
            turns,
        )


async def _one_run(service: RunningService, config: ServiceConfig) -> float:
    number = _ROUNDS * len(service.job_ids)
    async with waiting(config, service.job_ids, min(2.0, max(0.1, len(service.job_ids) / 500))) as readings:
        began, before = time.process_time(), readings.number
        await readings.reach(before + number)
        return (time.process_time() - began) / (readings.number - before)


@contextlib.contextmanager
def _statsd_on() -> Iterator[ServiceObserver | None]:
    """Switch Airflow's metrics on in this process, and return the observer of a connection."""
    from airflow_provider_tencent_ci.compat.stats_and_tags import airflow_stats
    from airflow_provider_tencent_ci.metrics.recording import service_observer

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        settings = {"STATSD_ON": "True", "STATSD_INFLUXDB_ENABLED": "True", "STATSD_HOST": "127.0.0.1"}
        settings["STATSD_PORT"] = str(receiver.getsockname()[1])
        os.environ.update({f"AIRFLOW__METRICS__{name}": value for name, value in settings.items()})
        airflow_stats.cache_clear()
        try:
            yield service_observer()
        finally:
            for name in settings:
                del os.environ[f"AIRFLOW__METRICS__{name}"]
            airflow_stats.cache_clear()
