"""The load of ten thousand waits on one real triggerer: event loop, memory, processor time."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.record import Chart, Claim, Record
from benchmarks.running_airflow import ROOT, find_scripts
from benchmarks.service import RunningService
from tests.environment import environment_put_back

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("apache-airflow-providers-http",)

OURS, HTTP = "this package", "http provider's sensor"

_POLL_INTERVAL = 30.0
_MOST_BLOCKED_SECONDS = 0.05
# After this time a triggerer is measured even if not all its triggers run.
_LONGEST_SECONDS = 420

_METHOD = """\
One triggerer process of a real Airflow on PostgreSQL. The tasks are put into the database as deferred ones, and the
triggerer starts their triggers by itself. Each polls every 30 seconds; the service answers that the job is running
(the http provider's sensor gets the 404 that makes it wait on). When all run, or after seven minutes as many
as do, and each has been answered at least once, one minute is measured.

In the triggerer, as one more trigger, a probe sleeps for 5 ms again and again, and records the delay of its wake-up.
The table has the longest of these delays, and the processor time of the loop's thread in it. The rest of the delay is
the machine's: database, service and triggerer share its processors. The memory is that of the process that runs the
triggers; that of its supervisor, which keeps a log file open for each trigger, has its own column.
"""

_DAG_FILE = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("waits", schedule=None):
    EmptyOperator(task_id="wait")
"""

Triggers = Callable[[int], list[tuple[str, dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Stage:
    """
    A triggerer with this number of waits, after its start-up.

    :param running: how many of them it runs.
    :param blocked_seconds: the longest block, and the processor time of the loop's thread in it.
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
    find_scripts()
    from tests.stack import postgresql

    if not importlib.util.find_spec("airflow.providers.http"):
        return "the providers in benchmarks/requirements.txt"
    return None if postgresql.programs() else "PostgreSQL's server programs"


def measure(quick: bool) -> Record:
    """Measure 0, 1,000 and 10,000 waits of each kind."""
    sizes, seconds = ((0, 20), 3) if quick else ((0, 1_000, 10_000), 60)
    with RunningService(sizes[-1]) as service, _airflow(service) as triggerer:
        found = {
            name: list(triggerer.stages(triggers, sizes, seconds))
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
            "of it processor time, ms",
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
    wall, cpu = ours[-1].blocked_seconds
    others = "; ".join(
        f"{name}: {stages[-1].running:,} run, {stages[-1].blocked_seconds[0] * 1e3:.0f} ms, "
        f"{_bytes_per_wait(stages[-1], stages[0]) / 1e3:.0f} KB"
        for name, stages in found.items()
        if name != OURS
    )
    return [
        Claim(
            f"{ours[-1].waits:,} waits, the loop blocked never over {_MOST_BLOCKED_SECONDS * 1e3:.0f} ms",
            f"{wall * 1e3:.0f} ms, {cpu * 1e3:.0f} ms of it processor time; "
            f"{_bytes_per_wait(ours[-1], ours[0]) / 1e3:.0f} KB per wait ({others or 'nothing to compare with'})",
            wall <= _MOST_BLOCKED_SECONDS and ours[-1].running == ours[-1].waits,
        )
    ]


def _kinds(service: RunningService) -> dict[str, Triggers]:
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

    return {
        OURS: lambda number: [
            InventoryJobTrigger(job_id, poll_interval=_POLL_INTERVAL).serialize() for job_id in service.job_ids[:number]
        ],
        HTTP: lambda number: [
            HttpSensorTrigger(f"not-there/{job_id}", poke_interval=_POLL_INTERVAL).serialize()
            for job_id in service.job_ids[:number]
        ],
    }


class _Triggerer:
    """Starts a triggerer for each kind of trigger, on one database."""

    def __init__(self, airflow: Any, database: Any) -> None:
        self._airflow, self._database = airflow, database

    def stages(self, triggers: Triggers, sizes: Sequence[int], seconds: float) -> Iterator[Stage]:
        """Yield the results for 0 waits, 1,000 and so on, in the same process."""
        from benchmarks.probe_triggers import LoopProbe

        self._database.query("DELETE FROM task_instance WHERE map_index >= 0")
        self._database.query('DELETE FROM "trigger"')
        samples = self._airflow.home / f"samples-{time.monotonic_ns()}.jsonl"
        _defer([LoopProbe(str(samples)).serialize()])
        component = self._airflow.start_triggerer()
        try:
            if not _reached(samples, lambda found: len(found) > 5):
                raise TimeoutError(f"The triggerer did not run its first trigger within {_LONGEST_SECONDS} s.")
            present = 0
            for size in sizes:
                _defer(triggers(size)[present:])
                present = size
                _reached(samples, lambda found, size=size: _running(found[-1]) >= size)
                if size:  # until each has been answered
                    time.sleep(min(seconds, _POLL_INTERVAL + 10))
                yield _look(samples, component.process.pid, size, seconds)
        finally:
            self._airflow.give_up(component)


@contextmanager
def _airflow(service: RunningService) -> Iterator[_Triggerer]:
    from showcase.stack import AirflowStack, free_port

    from tests.stack import postgresql

    with ExitStack() as stack:
        dags = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (dags / "waits.py").write_text(_DAG_FILE, "utf-8")
        programs = postgresql.programs()
        assert programs
        database = stack.enter_context(postgresql.PostgreSQL(programs))
        connections = {
            "AIRFLOW_CONN_TENCENT_CI_DEFAULT": service.connection,
            "AIRFLOW_CONN_HTTP_DEFAULT": service.url,
        }
        stack.enter_context(environment_put_back(**connections))
        settings = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.url,
            "AIRFLOW__TRIGGERER__CAPACITY": "20000",
            "PYTHONPATH": str(ROOT),
        }
        airflow = stack.enter_context(AirflowStack(dags, free_port(), settings))
        airflow.finish_database(airflow.begin_database())
        _run("-m", "airflow", "dags", "reserialize")
        _run("-m", "airflow", "dags", "trigger", "waits", "--run-id", "once")
        yield _Triggerer(airflow, database)


def _defer(triggers: list[tuple[str, dict[str, Any]]]) -> None:
    if triggers:
        _run("-m", "benchmarks.deferred_tasks", given=json.dumps(triggers))


def _run(*arguments: str, given: str | None = None) -> None:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed: {done.stdout[-2000:]} {done.stderr[-2000:]}")


def _look(samples: Path, supervisor: int, size: int, seconds: float) -> Stage:
    """Collect samples for some time and summarise them; for longer if the loop is blocked all the time."""
    before = _read(samples)
    began_at = time.monotonic()
    time.sleep(seconds)
    if not _reached(samples, lambda found: len(found) > len(before) + 1):
        # It runs nothing any more; only the duration of the block is known.
        blocked = {"blocked_seconds": time.monotonic() - began_at, "blocked_cpu_seconds": 0.0}
        return _sum_up([sample | blocked for sample in before[-2:]], supervisor, size)
    return _sum_up(_read(samples)[len(before) :], supervisor, size)


def _sum_up(found: list[dict[str, Any]], supervisor: int, size: int) -> Stage:
    elapsed = found[-1]["at"] - found[0]["at"]
    return Stage(
        waits=size,
        running=round(median(map(_running, found))),
        blocked_seconds=max((sample["blocked_seconds"], sample["blocked_cpu_seconds"]) for sample in found),
        often=sum(sample["blocked_seconds"] > _MOST_BLOCKED_SECONDS for sample in found),
        runner_bytes=median(sample["rss_bytes"] for sample in found),
        supervisor_bytes=psutil.Process(supervisor).memory_info().rss,
        cpu_share=(found[-1]["cpu_seconds"] - found[0]["cpu_seconds"]) / elapsed,
    )


def _running(sample: dict[str, Any]) -> int:
    """Return how many triggers run beside the probe."""
    return int(sample["tasks"]) - 1


def _reached(samples: Path, reached: Callable[[list[dict[str, Any]]], bool]) -> bool:
    """Wait until a sample meets the condition; return whether one did in time."""
    ends_at = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < ends_at:
        if (found := _read(samples)) and reached(found):
            return True
        time.sleep(0.5)
    return False


def _read(samples: Path) -> list[dict[str, Any]]:
    if not samples.exists():
        return []
    return [json.loads(line) for line in samples.read_text("utf-8").splitlines() if line.endswith("}")]
