"""The time that importing operator and sensor adds to the parsing of each DAG file."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from statistics import median

from benchmarks.record import Chart, Claim, Record

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("apache-airflow-providers-amazon", "apache-airflow-providers-dbt-cloud")

OURS = "this package"

_MOST_MILLISECONDS, _MOST_MODULES = 15, 20

_IMPORTS = {
    OURS: (
        "airflow_provider_tencent_ci.operators.inventory_job:TriggerInventoryJobOperator",
        "airflow_provider_tencent_ci.sensors.inventory_job:InventoryJobSensor",
    ),
    "amazon, Batch": (
        "airflow.providers.amazon.aws.operators.batch:BatchOperator",
        "airflow.providers.amazon.aws.sensors.batch:BatchSensor",
    ),
    "dbt Cloud": (
        "airflow.providers.dbt.cloud.operators.dbt:DbtCloudRunJobOperator",
        "airflow.providers.dbt.cloud.sensors.dbt:DbtCloudJobRunSensor",
    ),
}

# Run in a separate process. The imports that every DAG file needs come first.
_PROGRAM = """
import json, sys, time
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
before, began, cpu_began = set(sys.modules), time.perf_counter(), time.process_time()
for place in sys.argv[1:]:
    module, _, name = place.partition(":")
    getattr(__import__(module, fromlist=[name]), name)
took, cpu = time.perf_counter() - began, time.process_time() - cpu_began
print(json.dumps([took * 1e3, cpu * 1e3, len(set(sys.modules) - before)]))
"""

_METHOD = """\
A new process for each import, fifteen of each, in turn; medians. Each first imports `DAG`, `BaseOperator` and
`BaseSensorOperator` from `airflow.sdk`, as every DAG file does in one way or another; the figures are what the operator
and the sensor of a provider add to that. Processor time is the relevant figure: the elapsed time includes other work
of the machine.
"""


def missing() -> str | None:
    """Return the missing requirement, if any."""
    roots = ("airflow.providers.amazon", "airflow.providers.dbt")
    return None if all(map(importlib.util.find_spec, roots)) else "the providers in benchmarks/requirements.txt"


def measure(quick: bool) -> Record:
    """Import each in new processes, in turns."""
    found = _medians(1 if quick else 15)
    milliseconds, cpu, modules = found[OURS]
    return Record(
        name="importing",
        title="Importing operator and sensor",
        method=_METHOD,
        columns=("provider", "elapsed, ms", "processor, ms", "new modules"),
        rows=[(name, round(figures[0], 1), round(figures[1], 1), round(figures[2])) for name, figures in found.items()],
        claims=[
            Claim(
                f"under {_MOST_MILLISECONDS} ms",
                f"{cpu:.1f} ms of processor time, {milliseconds:.1f} ms elapsed",
                cpu < _MOST_MILLISECONDS,
            ),
            Claim(f"fewer than {_MOST_MODULES} new modules", f"{modules:.0f}", modules < _MOST_MODULES),
        ],
        chart=Chart(
            "bars",
            "processor time to import operator and sensor, ms",
            {name: figures[1] for name, figures in found.items()},
        ),
        quick=quick,
    )


def _medians(turns: int) -> dict[str, tuple[float, float, float]]:
    figures: dict[str, list[list[float]]] = {name: [] for name in _IMPORTS}
    with tempfile.TemporaryDirectory() as home:
        _import(home)  # writes the configuration, and bytecode where there is none
        for _ in range(turns):
            for name, places in _IMPORTS.items():
                figures[name].append(_import(home, *places))
    return {name: tuple(map(median, zip(*found, strict=True))) for name, found in figures.items()}


def _import(home: str, *places: str) -> list[float]:
    environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [sys.executable, "-c", _PROGRAM, *places]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    figures: list[float] = json.loads(done.stdout.splitlines()[-1])
    return figures
