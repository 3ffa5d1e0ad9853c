"""Stopping tasks of a running Airflow: what becomes of the batch job when a person, a worker or a clear ends a task."""

from __future__ import annotations

import signal
import time

import pytest

from tests.stack.runs import Run
from tests.stack.versions import only_airflow_2, only_airflow_3

modes = pytest.mark.parametrize(("mode", "waiting"), [("deferred", "deferred"), ("blocking", "running")])


@pytest.fixture(autouse=True)
def one_triggerer(triggerers):
    triggerers.have(1)


def waiting_run(airflow, emulator, mode, waiting):
    """A run whose task waits for its job."""
    run = Run(airflow, emulator, f"stop_{mode}")
    run.wait_for_state(waiting)
    run.wait_for_jobs("Running")
    run.wait_until_asked_about()
    return run


@pytest.mark.parametrize("state", ["failed", "success"])
@modes
def test_a_task_that_is_marked_cancels_its_job(airflow, emulator, mode, waiting, state):
    run = waiting_run(airflow, emulator, mode, waiting)
    run.mark(state)
    run.wait_for_jobs("Cancel")


@modes
def test_a_task_that_is_cleared_cancels_its_old_job_and_waits_for_a_new_one(airflow, emulator, mode, waiting):
    run = waiting_run(airflow, emulator, mode, waiting)
    run.clear()
    run.wait_for_jobs("Cancel", "Running")
    run.wait_for_state(waiting)
    run.wait_until_asked_about()
    time.sleep(5)  # the old trigger's on_kill comes after the new try has begun
    assert run.job_states == ["Cancel", "Running"]
    run.mark("failed")
    run.wait_for_jobs("Cancel", "Cancel")


@modes
def test_a_task_whose_execution_timeout_is_over_cancels_its_job(airflow, emulator, mode, waiting):
    run = Run(airflow, emulator, f"time_out_{mode}")
    run.wait_for_state(waiting)
    run.wait_for_state("failed")
    assert run.job_states == ["Cancel"]


@only_airflow_3("2.11 ends a task that is asked to stop")
def test_a_worker_that_is_evicted_leaves_the_job_to_the_retry(airflow, emulator):
    run = waiting_run(airflow, emulator, "blocking", "running")
    run.signal(signal.SIGTERM)  # Airflow hands this to on_kill
    run.wait_until_asked_about()
    run.signal(signal.SIGKILL)
    run.wait_for_try(2)
    run.wait_for_state("running")
    run.wait_until_asked_about()
    assert run.job_states == ["Running"]
    run.mark("failed")
    run.wait_for_jobs("Cancel")


@only_airflow_2("Airflow 3 lets a task that is asked to stop go on")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_task_that_ends_with_its_worker_leaves_the_job_to_the_retry(airflow, emulator, number):
    run = waiting_run(airflow, emulator, "blocking", "running")
    run.signal(number)
    run.wait_for_try(2)
    run.wait_for_state("running")
    run.wait_until_asked_about()
    assert run.job_states == ["Running"]
    run.mark("failed")
    run.wait_for_jobs("Cancel")
