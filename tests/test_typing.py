"""``mypy --strict`` accepts a DAG that gives results of tasks to others, as the README does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

pytest.importorskip("mypy")

ROOT = Path(__file__).parents[1]
DAG = """
from airflow.sdk import DAG, ObjectStoragePath, task
from airflow_provider_tencent_ci.operators.cancel_inventory_job import CancelInventoryJobOperator
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor


@task
def find() -> str:
    return "media/"


with DAG("typed"):
    place = find()
    submit = TriggerInventoryJobOperator(
        task_id="submit", workflow_ids=[place], prefix=place, start_time=place, name=place, bucket=place, region=place,
        tencent_ci_conn_id=place, failures_path=ObjectStoragePath("file:///tmp/failed.jsonl"),
    )
    wait = InventoryJobSensor(task_id="wait", job_id=submit.output, bucket=place, failures_path=place)
    stop = CancelInventoryJobOperator(task_id="stop", job_id=submit.output["job_id"], region=place)
    InventoryJobSensor(task_id="again", job_id="{{ ti.xcom_pull('submit') }}") >> stop

    @task.tencent_ci_inventory_job(wait_for_completion=True, deferrable=True)
    def transcode(prefix: str) -> dict[str, str]:
        return {"workflow_ids": "w1", "prefix": prefix}

    transcode("media/")
    transcode.expand(prefix=["media/1/", "media/2/"])
"""
WRONG = """
TriggerInventoryJobOperator(task_id="wrong", prefix=5)
"""


@pytest.mark.slow
@pytest.mark.skipif(airflow_version < "3.3", reason="the types of the newest Airflow are checked")
def test_results_of_tasks_have_the_types_of_arguments(tmp_path):
    (tmp_path / "right.py").write_text(DAG)
    (tmp_path / "wrong.py").write_text(DAG + WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}/cache", "--config-file="]
    files = [tmp_path / "right.py", tmp_path / "wrong.py"]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    errors = [line for line in done.stdout.splitlines() if line.startswith(str(tmp_path)) and ": error: " in line]
    assert len(errors) == 1, done.stdout + done.stderr
    assert errors[0].startswith(f"{files[1]}:")
    assert 'Argument "prefix"' in errors[0]
