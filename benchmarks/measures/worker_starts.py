"""The number of worker processes that a nightly job starts to submit and wait."""

from __future__ import annotations

import importlib.util
import inspect
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.record import Chart, Claim, Record
from benchmarks.running_airflow import find_scripts
from tests.environment import environment_put_back

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("airflow-provider-tencent-ci",)

_RUN_SECONDS = 20.0
_LONGEST_SECONDS = 240.0

_METHOD = """\
One DAG run of each kind in a running Airflow (scheduler, triggerer, API server, LocalExecutor) against the emulator,
whose job takes 20 seconds. Airflow itself writes into its table `log` whenever a worker process starts to run a part of
a task (`event = 'running'`), and these rows are counted; the work of the triggerer is not among them. With an executor
that starts a container for each task, each of these is a container.
"""

_DAG_FILE = """
from datetime import datetime, timezone

from airflow.sdk import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

for dag_id, operator, sensor in {kinds!r}:
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        submit = TriggerInventoryJobOperator(
            task_id="submit", workflow_ids="w00000000000000000000000000000001", prefix="media/", **operator
        )
        if sensor is not None:
            InventoryJobSensor(task_id="wait", job_id=submit.output, poke_interval=2, **sensor)
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A way to write the nightly job.

    :param operator: arguments of the operator, without the common ones.
    :param sensor: arguments of the sensor; ``None``: no sensor.
    :param wanted: the highest number of starts; ``None`` without a target.
    """

    label: str
    operator: Mapping[str, Any]
    sensor: Mapping[str, Any] | None = None
    wanted: int | None = None

    def is_possible(self, operator: type, sensor: type) -> bool:
        """Return whether both accept their arguments: some were added later."""
        return _knows(operator, self.operator) and (self.sensor is None or _knows(sensor, self.sensor))


_WAITING = {"wait_for_completion": True, "poll_interval": 2}
_DEFERRED = {"deferrable": True}
_ENDED = {**_DEFERRED, "end_from_trigger": True}
_STARTED = {**_ENDED, "start_from_trigger": True}

_KINDS = (
    Kind("operator and sensor that pokes", {}, {"deferrable": False}),
    Kind("operator and deferred sensor", {}, _DEFERRED),
    Kind("operator and deferred sensor that ends from the trigger", {}, _ENDED),
    Kind("operator and sensor that starts and ends in the triggerer", {}, _STARTED, wanted=1),
    Kind("operator that waits", {**_WAITING, "deferrable": False}),
    Kind("operator that waits, deferred", {**_WAITING, **_DEFERRED}),
    Kind("operator that waits, deferred, and ends from the trigger", {**_WAITING, **_ENDED}, wanted=1),
)


def missing() -> str | None:
    """Return the missing requirement, if any."""
    return None if importlib.util.find_spec("airflow.sdk") else "Airflow 3"


def measure(quick: bool) -> Record:
    """Run each kind once; it needs a running Airflow, also with ``quick``."""
    kinds = possible_kinds()[-1:] if quick else possible_kinds()
    found = _run(kinds)
    return Record(
        name="worker_starts",
        title="Worker processes per nightly job",
        method=_METHOD,
        columns=("submit and wait", "worker processes started"),
        rows=[(kind.label, starts) for kind, starts in zip(kinds, found, strict=True)],
        claims=_claims(kinds, found),
        chart=Chart(
            "bars",
            "worker processes started per nightly job",
            {kind.label: float(starts) for kind, starts in zip(kinds[::-1], found[::-1], strict=True)},
        ),
        quick=quick,
    )


def possible_kinds() -> list[Kind]:
    """Return the kinds whose arguments this version knows."""
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
    from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

    return [kind for kind in _KINDS if kind.is_possible(TriggerInventoryJobOperator, InventoryJobSensor)]


def _knows(task: type, arguments: Mapping[str, Any]) -> bool:
    # Airflow wraps the constructor; the wrapped function has the names.
    return arguments.keys() <= inspect.signature(inspect.unwrap(task.__init__)).parameters.keys()


def _claims(kinds: list[Kind], found: list[int]) -> list[Claim]:
    ran = {kind.label: starts for kind, starts in zip(kinds, found, strict=True)}
    return [
        Claim(
            f"{kind.wanted}: {kind.label}",
            str(ran.get(kind.label, "not in this version")),
            ran.get(kind.label, kind.wanted + 1) <= kind.wanted,
        )
        for kind in _KINDS
        if kind.wanted is not None
    ]


def _run(kinds: list[Kind]) -> list[int]:
    """Return for each kind how many worker processes it started."""
    find_scripts()
    from showcase.stack import AirflowStack, free_port

    from airflow_provider_tencent_ci.emulator import Emulator

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        emulator = stack.enter_context(Emulator(submitted_seconds=1, run_seconds=_RUN_SECONDS))
        _write_files(folder, kinds)
        stack.enter_context(environment_put_back(AIRFLOW_CONN_TENCENT_CI_DEFAULT=emulator.connection_json()))
        settings = {
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        }
        airflow = stack.enter_context(AirflowStack(folder / "dags", free_port(), settings))
        airflow.finish_database(airflow.begin_database())
        airflow.start()
        airflow.wait_until_ready()
        airflow.api.log_in()
        _run_all(airflow.api, len(kinds))
        return [_worker_starts(folder / "airflow.db", _dag_id(number)) for number in range(len(kinds))]


def _dag_id(number: int) -> str:
    return f"kind_{number}"


def _write_files(folder: Path, kinds: list[Kind]) -> None:
    (folder / "dags").mkdir()
    arguments = [(_dag_id(number), dict(kind.operator), kind.sensor) for number, kind in enumerate(kinds)]
    (folder / "dags" / "kinds.py").write_text(_DAG_FILE.format(kinds=arguments), "utf-8")


def _run_all(api: Any, number: int) -> None:
    """Run each DAG once, one after the other: many at once would delay workers."""
    for dag_id in map(_dag_id, range(number)):
        _wait_until(lambda dag_id=dag_id: api.has_dag(dag_id), f"Airflow does not know {dag_id}")
        api.trigger(dag_id, "once")
        _wait_until(lambda dag_id=dag_id: api.run_state(dag_id, "once") in ("success", "failed"), f"{dag_id} goes on")
        if (state := api.run_state(dag_id, "once")) != "success":
            raise RuntimeError(f"{dag_id}: {state}: {api.tasks(dag_id, 'once')}")


def _wait_until(reached: Any, otherwise: str) -> None:
    ends_at = time.monotonic() + _LONGEST_SECONDS
    while not reached():
        if time.monotonic() > ends_at:
            raise TimeoutError(f"After {_LONGEST_SECONDS:.0f} s {otherwise}.")
        time.sleep(0.5)


def _worker_starts(database: Path, dag_id: str) -> int:
    of_dag = "SELECT count(*) FROM log WHERE event = 'running' AND dag_id = ?"
    with closing(sqlite3.connect(database)) as connection:
        [number] = connection.execute(of_dag, (dag_id,)).fetchone()
    return int(number)
