"""
A night of tasks, run as ``airflow dags test`` does, in a process of its own: Airflow reads its settings at the start.

The environment has the connection and the settings of ``[metrics]``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

__all__ = ["FILES", "TASKS", "run_night"]

ROOT = Path(__file__).parents[2]

# Three ways to wait; the files of each job.
TASKS, FILES = 3, 40

DAG = """
from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

WORK = {"workflow_ids": "w00000000000000000000000000000001", "prefix": "media/", "poll_interval": 0.2}

with DAG("DAG_UNDER_TEST", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    first = TriggerInventoryJobOperator(task_id="on_a_worker", wait_for_completion=True, deferrable=False, **WORK)
    second = TriggerInventoryJobOperator(task_id="deferred", wait_for_completion=True, deferrable=True, **WORK)
    third = TriggerInventoryJobOperator(task_id="submitted", wait_for_completion=False, **WORK)
    sensor = InventoryJobSensor(
        task_id="sensed", job_id="{{ ti.xcom_pull(task_ids='submitted') }}", poke_interval=0.2, mode="poke"
    )
    first >> second >> third >> sensor
"""

# The first task alone.
SHORT_DAG = DAG[: DAG.index("    second =")]


def run_night(settings: dict[str, str], length: str = "short") -> str:
    """
    Run it, and return what it printed.

    :param settings: environment variables of Airflow.
    :param length: ``whole``, or ``short`` for one task; ``complete``: that task, and each metric with each value.
    """
    command = [sys.executable, "-m", "tests.metrics.night", length]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "scripts"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": paths, **settings},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def main() -> None:
    from airflow import __version__ as airflow_version

    from tests.runs.dag_test import run_dag_file

    if airflow_version < "3":  # as the command ``airflow`` does: a table of Airflow refers to one of these
        import_module("airflow.providers.fab.auth_manager.models")
    run = run_dag_file(DAG if sys.argv[1] == "whole" else SHORT_DAG)
    assert run.state == "success", (run.states, run.failures)
    if sys.argv[1] == "complete":
        record_each_value()


def record_each_value() -> None:
    """Send each metric with each value of its tags, for what a night does not have, such as duplicates."""
    from airflow_provider_tencent_ci.metrics.table import METRICS

    for metric in METRICS:
        for tag in metric.tags or (None,):
            for value in (tag and (*tag.values, *tag.codes)) or ("media-1250000000",):
                others = {one.name: next(iter(one.values), "triggerer-0") for one in metric.tags}
                metric.record(1, **{**others, **({tag.name: value} if tag else {})})


if __name__ == "__main__":
    main()
