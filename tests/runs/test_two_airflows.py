"""Two Airflows, with a database each, that run the same DAG with the same run id on one bucket."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator import Emulator
from tests.snippets import snippet

PROJECT = Path(__file__).parents[2]
SECTION = "tencent_ci"
SHOWN = snippet("deployment.sh")

DAG_FILE = """
from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

with DAG("DAG_UNDER_TEST", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    TriggerInventoryJobOperator(
        task_id="submit", name="nightly", workflow_ids="w00000000000000000000000000000001", prefix="media/"
    )
"""

# The run id depends on the number of runs in a process, so all of these have the same id.
RUN = """
import json, sys
from tests.runs.dag_test import run_dag_file
run = run_dag_file(sys.argv[1])
print(json.dumps({"state": run.state, **run.xcoms["submit"]}))
"""

pytestmark = [
    pytest.mark.skipif("3" < airflow_version < "3.3", reason="the newest Airflow and the oldest are run"),
    pytest.mark.xdist_group("two_airflows"),
]


class OtherAirflow:
    """
    A separate Airflow: another home and another database.

    :param settings: more environment variables, a line each.
    """

    def __init__(self, home, settings=""):
        home.mkdir()
        # A copy of the migrated database of this process; a new migration takes many seconds. SQLite makes it: a file
        # that this process opens and closes by itself loses SQLite's locks, and another process then corrupts it.
        with (
            closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db")) as migrated,
            closing(sqlite3.connect(home / "airflow.db")) as copy,
        ):
            migrated.backup(copy)
        self.environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "PYTHONPATH": str(PROJECT),
        }
        self.environment |= dict(line.split("=") for line in settings.splitlines())

    def call(self, *command):
        done = subprocess.run(
            [sys.executable, *command], env=self.environment, capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self):
        """Run the DAG; return the task's XComs, and the whole output."""
        output = self.call("-c", RUN, DAG_FILE)
        return json.loads(output.strip().splitlines()[-1]), output


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The run in an Airflow, and at the same time in a second equal one and in one with a deployment; and the jobs."""
    homes = tmp_path_factory.mktemp("homes")
    first, second, staging = (
        OtherAirflow(homes / name, settings) for name, settings in (("1", ""), ("2", ""), ("3", SHOWN))
    )
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator, ThreadPoolExecutor() as threads:
        for airflow in (first, second, staging):
            airflow.environment["AIRFLOW_CONN_TENCENT_CI_DEFAULT"] = emulator.connection_json()
        runs = {"first": first.run()}
        later = {"second": threads.submit(second.run), "staging": threads.submit(staging.run)}
        runs |= {name: run.result() for name, run in later.items()}
        yield runs, emulator.jobs


def test_two_airflows_of_different_deployments_submit_a_job_each(runs):
    runs, jobs = runs
    (first, _), (staging, said) = runs["first"], runs["staging"]
    assert (first["state"], staging["state"]) == ("success", "success")
    assert [job.job_id for job in jobs] == [first["job_id"], staging["job_id"]]
    assert first["job_name"] != staging["job_name"]
    assert "was there already" not in said


def test_two_airflows_without_a_deployment_share_one_job_and_the_second_logs_it(runs):
    runs, _ = runs
    (first, _), (second, said) = runs["first"], runs["second"]
    assert (second["job_id"], second["job_name"]) == (first["job_id"], first["job_name"])
    assert "its batch job was there already" in said


def test_airflow_lists_the_setting_and_its_value(tmp_path):
    airflow = OtherAirflow(tmp_path / "home", SHOWN)
    listing = airflow.call("-m", "airflow", "config", "list", "--section", SECTION, "--include-descriptions")
    assert "deployment = " in listing
    assert "Two Airflows that run the same DAG on the same bucket must have different ones" in listing
    assert airflow.call("-m", "airflow", "config", "get-value", SECTION, "deployment").strip() == "staging"
