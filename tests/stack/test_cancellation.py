"""
Stopping tasks of a running Airflow: whether the batch job is cancelled when a person, a worker or a clear ends a
task.
"""

from __future__ import annotations

import signal
import time

import pytest

from tests.stack.all_modes import BLOCKING, OPERATORS, SENSORS, AllModes
from tests.stack.conftest import SETTINGS
from tests.stack.runs import Run, wait_for
from tests.stack.versions import only_airflow_2, only_airflow_3

HEARTBEAT_LIMIT_SECONDS = int(SETTINGS["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"])

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


@pytest.fixture
def all_modes(airflow, emulator, database):
    """A run whose tasks wait in all modes, with and without tries left."""
    run = AllModes(airflow, emulator, database)
    run.wait_until_waiting()
    yield run
    run.end()


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_marked_task_cancels_its_job(all_modes, state):
    if state == "failed":  # by now no process is so new that Airflow cannot have abandoned it
        wait_for(lambda: all_modes.age_seconds > HEARTBEAT_LIMIT_SECONDS, 60, lambda: all_modes.age_seconds)
    all_modes.mark(state)
    all_modes.wait_for_jobs(all_modes.tasks, "Cancel")


def test_a_cleared_task_cancels_its_old_job_and_waits_for_a_new_one(all_modes):
    all_modes.clear()
    # The scheduler defers "start" again at once, for the same job, and on a busy machine the next try of "sense" is
    # deferred before its old trigger stops. That looks as if another triggerer had taken over.
    all_modes.wait_for_jobs(set(SENSORS) - {"start", "sense"}, "Cancel")
    all_modes.wait_until_said("sense", "was cancelled and has stopped", "its task still needs it", seconds=90)
    all_modes.wait_for_jobs(OPERATORS, "Cancel", "Running", seconds=120)
    waiting = {task_id: "running" if task_id in BLOCKING else "deferred" for task_id in OPERATORS}
    wait_for(lambda: all_modes.states.items() >= waiting.items(), 90, lambda: all_modes.states)
    time.sleep(5)  # an old trigger's on_kill may run after the new try has started
    all_modes.wait_for_jobs(OPERATORS, "Cancel", "Running")


def test_a_deleted_run_cancels_its_jobs(all_modes):
    all_modes.delete()
    all_modes.wait_for_jobs(all_modes.tasks, "Cancel")


@modes
def test_a_task_that_exceeds_its_execution_timeout_cancels_its_job(airflow, emulator, mode, waiting):
    run = Run(airflow, emulator, f"time_out_{mode}")
    run.wait_for_state(waiting)
    run.wait_for_state("failed")
    assert run.job_states == ["Cancel"]


@only_airflow_3("2.11 was not tried")
def test_a_task_that_is_marked_without_a_triggerer_has_its_job_cancelled_by_the_next_one(airflow, emulator, triggerers):
    triggerers.have(0)
    run = Run(airflow, emulator, "stop_deferred")
    run.wait_for_state("deferred")
    run.mark("failed")
    run.wait_for_state("failed")
    assert run.job_states == ["Running"]
    triggerers.have(1)
    run.wait_for_jobs("Cancel")


@only_airflow_3("2.11 ends a task that is asked to stop")
def test_the_retry_adopts_the_job_of_an_evicted_worker(airflow, emulator):
    run = waiting_run(airflow, emulator, "blocking", "running")
    run.signal(signal.SIGTERM)  # Airflow passes this to on_kill
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
def test_the_retry_adopts_the_job_of_a_task_that_ends_with_its_worker(airflow, emulator, number):
    run = waiting_run(airflow, emulator, "blocking", "running")
    run.signal(number)
    run.wait_for_try(2)
    run.wait_for_state("running")
    run.wait_until_asked_about()
    assert run.job_states == ["Running"]
    run.mark("failed")
    run.wait_for_jobs("Cancel")
