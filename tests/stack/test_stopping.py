"""Stopping tasks of a running Airflow: what becomes of the batch job when a person, a worker or a clear ends a task."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator import Emulator

pytestmark = [
    pytest.mark.stack,
    pytest.mark.xdist_group("stack"),  # one Airflow for all of them
    pytest.mark.skipif(airflow_version < "3.3", reason="earlier versions call no on_kill of a trigger"),
]

DAGS = """
from datetime import datetime, timedelta, timezone
from airflow.sdk import DAG
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

for mode, deferrable in (("deferred", True), ("blocking", False)):
    with DAG(f"stop_{mode}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        TriggerInventoryJobOperator(
            task_id="submit", workflow_ids="w00000000000000000000000000000001", prefix="media/", retries=1,
            retry_delay=timedelta(seconds=1), wait_for_completion=True, deferrable=deferrable, poll_interval=1,
        )
"""


@pytest.fixture(scope="module")
def emulator():
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def airflow(emulator, tmp_path_factory):
    from showcase.stack import AirflowStack, free_port

    folder = tmp_path_factory.mktemp("dags")
    (folder / "stop.py").write_text(DAGS, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in os.environ.items():
            patch.setenv(name, value)  # the stack writes its settings here; this puts ours back
        patch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        patch.setenv("AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT", "20")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        with AirflowStack(folder, free_port()) as stack:
            os.environ["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] = "False"
            os.environ["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"] = "20"
            os.environ["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL"] = "5"
            stack.finish_database(stack.begin_database())
            stack.start()
            stack.wait_until_ready()
            stack.api.log_in()
            yield stack


class Task:
    """The one task of a new run of a DAG."""

    def __init__(self, airflow, emulator, dag_id):
        self.api, self.emulator, self.dag_id = airflow.api, emulator, dag_id
        before = {job.job_id for job in emulator.jobs}
        wait_for(lambda: self.api._call("GET", f"/api/v2/dags/{dag_id}", missing_ok=True), 120, "the DAG")
        run = self.api._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
        self.run_id = run["dag_run_id"]
        self.before = before

    @property
    def state(self):
        tasks = self.api.tasks(self.dag_id, self.run_id)  # none, for a moment
        return tasks[0].state if tasks else None

    @property
    def jobs(self):
        """The states of this run's jobs, the older one first."""
        made = [job for job in self.emulator.jobs if job.job_id not in self.before]
        return [job.state for job in sorted(made, key=lambda job: job.created_at)]

    def wait_for_state(self, state):
        wait_for(lambda: self.state == state, 60, f"the state {state}, not {self.state}")

    def wait_until_asked_about(self):
        """Wait until the waiting has begun: a task that is marked before its trigger runs has nobody to cancel."""
        asked = self.emulator.count("list")
        wait_for(lambda: self.emulator.count("list") > asked + 1, 60, "questions about the job")

    def wait_for_jobs(self, *states):
        wait_for(lambda: self.jobs == list(states), 60, f"jobs {states}, not {self.jobs}")

    def mark(self, state):
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/submit"
        self.api._call("PATCH", path, json={"new_state": state})

    def clear(self):
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": ["submit"], "only_failed": False}
        self.api._call("POST", f"/api/v2/dags/{self.dag_id}/clearTaskInstances", json=body)

    def signal(self, number):
        """Send a signal to the process in which the task runs."""
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/submit"
        os.kill(self.api._call("GET", path)["pid"], number)

    def wait_for_try(self, number):
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/submit"
        wait_for(lambda: self.api._call("GET", path)["try_number"] == number, 90, f"try {number}")


@pytest.fixture(autouse=True)
def logs_of_a_failed_test(request, airflow):
    """Show what the tasks' logs say when a test has failed."""
    yield
    for path in sorted(airflow.home.glob("logs/dag_id=stop_*/**/*.log*")):
        if path.is_file():
            print(path.name, path.read_text("utf-8")[-4000:], sep="\n")


def wait_for(reached, seconds, what):
    ends_at = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < ends_at, f"waited for {what}"
        time.sleep(0.3)


modes = pytest.mark.parametrize(("mode", "waiting"), [("deferred", "deferred"), ("blocking", "running")])


def waiting_task(airflow, emulator, mode, waiting):
    """A task that waits for its job."""
    task = Task(airflow, emulator, f"stop_{mode}")
    task.wait_for_state(waiting)
    task.wait_for_jobs("Running")
    task.wait_until_asked_about()
    return task


@pytest.mark.parametrize("state", ["failed", "success"])
@modes
def test_a_task_that_is_marked_cancels_its_job(airflow, emulator, mode, waiting, state):
    task = waiting_task(airflow, emulator, mode, waiting)
    task.mark(state)
    task.wait_for_jobs("Cancel")


@modes
def test_a_task_that_is_cleared_cancels_its_old_job_and_waits_for_a_new_one(airflow, emulator, mode, waiting):
    task = waiting_task(airflow, emulator, mode, waiting)
    task.clear()
    task.wait_for_jobs("Cancel", "Running")
    task.wait_for_state(waiting)
    task.wait_until_asked_about()
    time.sleep(5)  # the old trigger's on_kill comes after the new try has begun
    assert task.jobs == ["Cancel", "Running"]
    task.mark("failed")
    task.wait_for_jobs("Cancel", "Cancel")


def test_a_worker_that_is_evicted_leaves_the_job_to_the_retry(airflow, emulator):
    task = waiting_task(airflow, emulator, "blocking", "running")
    task.signal(signal.SIGTERM)  # Airflow hands this to on_kill
    task.wait_until_asked_about()
    task.signal(signal.SIGKILL)
    task.wait_for_try(2)
    task.wait_for_state("running")
    task.wait_until_asked_about()
    assert task.jobs == ["Running"]
    task.mark("failed")
    task.wait_for_jobs("Cancel")
