"""The load of ten thousand waits on one real triggerer: event loop, memory, processor time."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.record import Chart, Claim, Record
from benchmarks.running_triggerer import AirflowOfTriggerers, Triggerer, longest_blocks, missing_programs, running
from benchmarks.service import RunningService

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("apache-airflow-providers-http",)

OURS, HTTP = "this package", "http provider's sensor"

_POLL_INTERVAL = 30.0
_MOST_BLOCKED_SECONDS = 0.05

_METHOD = """\
One triggerer process of a real Airflow on PostgreSQL. The tasks are put into the database as deferred ones, and the
triggerer starts their triggers by itself. Each polls every 30 seconds; the service answers that the job is running
(the http provider's sensor gets the 404 that makes it wait on). When all run, or after seven minutes as many
as do, and each has been answered at least once, one minute is measured.

In the triggerer, as one more trigger, a probe sleeps for 5 ms again and again, and records the delay of its wake-up.
The table has the longest of these delays, and the most processor time that the loop's thread used between two wake-ups.
The rest of a delay is the machine's: database, service and triggerer share its processors. The memory is that of the
process that runs the triggers; that of its supervisor, which keeps a log file open for each trigger, has its own
column.
"""

Triggers = Callable[[int], "list[BaseTrigger]"]


@dataclass(frozen=True, slots=True)
class Stage:
    """
    A triggerer with this number of waits, after its start-up.

    :param running: how many of them it runs.
    :param blocked_seconds: the longest block, and the most processor time of the loop's thread in one.
    :param often: the number of seconds with a longer block than the target.
    :param runner_bytes: the memory of the process that runs the triggers.
    :param supervisor_bytes: that of the process that talks to the database.
    :param cpu_share: of one processor, by the process that runs the triggers.
    """

    waits: int
    running: int
    blocked_seconds: tuple[float, float]
    often: int
    runner_bytes: float
    supervisor_bytes: int
    cpu_share: float


def missing() -> str | None:
    """Return the missing requirement, if any."""
    if not importlib.util.find_spec("airflow.providers.http"):
        return "the providers in benchmarks/requirements.txt"
    return missing_programs()


def measure(quick: bool) -> Record:
    """Measure 0, 1,000 and 10,000 waits of each kind."""
    sizes, seconds = ((0, 20), 3) if quick else ((0, 1_000, 10_000), 60)
    with RunningService(sizes[-1]) as service, running(_connections(service)) as airflow:
        found = {
            name: list(_stages(airflow, triggers, sizes, seconds))
            for name, triggers in _kinds(service).items()
            if not quick or name == OURS
        }
    return Record(
        name="triggerer",
        title="Waits in one triggerer",
        method=_METHOD,
        columns=(
            "waits",
            "running",
            "longest block of the loop, ms",
            "processor time in one, ms",
            "seconds with a block over 50 ms",
            "processor, % of one",
            "memory, MB",
            "per wait, KB",
            "supervisor, MB",
        ),
        rows=[_row(name, stage, stages[0]) for name, stages in found.items() for stage in stages],
        claims=_claims(found),
        chart=Chart(
            "curves",
            "memory of the process that runs the triggers, MB",
            {
                name: [(stage.waits, stage.runner_bytes / 1e6) for stage in stages if stage.waits]
                for name, stages in found.items()
            },
        ),
        quick=quick,
    )


def _row(name: str, stage: Stage, empty: Stage) -> tuple[str | float | None, ...]:
    wall, cpu = stage.blocked_seconds
    return (
        f"{stage.waits:,}, {name}",
        stage.running,
        round(wall * 1e3),
        round(cpu * 1e3),
        stage.often,
        round(stage.cpu_share * 100, 1),
        round(stage.runner_bytes / 1e6),
        round(_bytes_per_wait(stage, empty) / 1e3, 1) if stage.waits else None,
        round(stage.supervisor_bytes / 1e6),
    )


def _bytes_per_wait(stage: Stage, empty: Stage) -> float:
    return (stage.runner_bytes - empty.runner_bytes) / max(stage.running, 1)


def _claims(found: dict[str, list[Stage]]) -> list[Claim]:
    ours = found[OURS]
    wall = max(stage.blocked_seconds[0] for stage in ours)
    cpu = max(stage.blocked_seconds[1] for stage in ours)
    others = "; ".join(
        f"{name}: {stages[-1].running:,} run, {stages[-1].blocked_seconds[0] * 1e3:.0f} ms, "
        f"{_bytes_per_wait(stages[-1], stages[0]) / 1e3:.0f} KB"
        for name, stages in found.items()
        if name != OURS
    )
    return [
        Claim(
            f"up to {ours[-1].waits:,} waits, the loop blocked never over {_MOST_BLOCKED_SECONDS * 1e3:.0f} ms "
            "by its own processor time",
            f"{cpu * 1e3:.0f} ms ({wall * 1e3:.0f} ms on the clock); "
            f"{_bytes_per_wait(ours[-1], ours[0]) / 1e3:.0f} KB per wait ({others or 'nothing to compare with'})",
            cpu <= _MOST_BLOCKED_SECONDS and ours[-1].running == ours[-1].waits,
        )
    ]


def _connections(service: RunningService) -> dict[str, str]:
    return {"AIRFLOW_CONN_TENCENT_CI_DEFAULT": service.connection, "AIRFLOW_CONN_HTTP_DEFAULT": service.url}


def _kinds(service: RunningService) -> dict[str, Triggers]:
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

    return {
        OURS: lambda number: [
            InventoryJobTrigger(job_id, poll_interval=_POLL_INTERVAL) for job_id in service.job_ids[:number]
        ],
        HTTP: lambda number: [
            HttpSensorTrigger(f"not-there/{job_id}", poke_interval=_POLL_INTERVAL)
            for job_id in service.job_ids[:number]
        ],
    }


def _stages(airflow: AirflowOfTriggerers, triggers: Triggers, sizes: Sequence[int], seconds: float) -> Iterator[Stage]:
    """Yield the results for 0 waits, 1,000 and so on, in the same process."""
    with airflow.triggerer() as triggerer:
        present = 0
        for size in sizes:
            triggerer.defer(triggers(size)[present:])
            present = size
            triggerer.reach(lambda found, size=size: _running(found[-1]) >= size)
            if size:  # until each has been answered
                time.sleep(min(seconds, _POLL_INTERVAL + 10))
            yield _look(triggerer, size, seconds)


def _look(triggerer: Triggerer, size: int, seconds: float) -> Stage:
    """Collect samples for some time and summarise them; for longer if the loop is blocked all the time."""
    before = triggerer.read()
    began_at = time.monotonic()
    time.sleep(seconds)
    if not triggerer.reach(lambda found: len(found) > len(before) + 1):
        # It runs nothing any more; only the duration of the block is known.
        blocked = {"blocked_seconds": time.monotonic() - began_at, "blocked_cpu_seconds": 0.0}
        return _sum_up([sample | blocked for sample in before[-2:]], triggerer.supervisor, size)
    return _sum_up(triggerer.read()[len(before) :], triggerer.supervisor, size)


def _sum_up(found: list[dict[str, Any]], supervisor: int, size: int) -> Stage:
    elapsed = found[-1]["at"] - found[0]["at"]
    return Stage(
        waits=size,
        running=round(median(map(_running, found))),
        blocked_seconds=longest_blocks(found),
        often=sum(sample["blocked_seconds"] > _MOST_BLOCKED_SECONDS for sample in found),
        runner_bytes=median(sample["rss_bytes"] for sample in found),
        supervisor_bytes=psutil.Process(supervisor).memory_info().rss,
        cpu_share=(found[-1]["cpu_seconds"] - found[0]["cpu_seconds"]) / elapsed,
    )


def _running(sample: dict[str, Any]) -> int:
    """Return how many triggers run beside the probe."""
    return int(sample["tasks"]) - 1
