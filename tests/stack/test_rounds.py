"""
A batch's failed files, submitted again by a running Airflow: rounds that are stopped, and rounds that another process
takes over.
"""

from __future__ import annotations

import signal

import pytest

from tests.stack.runs import Run

modes = pytest.mark.parametrize(("mode", "waiting"), [("deferred", "deferred"), ("blocking", "running")])


def run_in_its_first_round(airflow, emulator, mode, waiting):
    """A run whose first job has ended, and which waits for that of the failed files."""
    run = Run(airflow, emulator, f"again_{mode}")
    run.wait_for_jobs("Running")
    run.wait_for_state(waiting)
    run.wait_until_asked_about()
    emulator.finish_job(run.jobs[0].job_id)
    run.wait_for_jobs("Success", "Running")
    run.wait_for_state(waiting)
    run.wait_for_job_id(run.jobs[1].job_id)
    run.wait_until_asked_about()
    assert [job.files for job in run.jobs] == [4, 2]
    return run


@modes
@pytest.mark.usefixtures("failing_once")
def test_a_marked_task_cancels_the_job_of_its_round(airflow, emulator, triggerers, mode, waiting):
    triggerers.have(1)
    run = run_in_its_first_round(airflow, emulator, mode, waiting)
    run.mark("failed")
    run.wait_for_jobs("Success", "Cancel")


@modes
@pytest.mark.usefixtures("failing_once")
def test_a_task_succeeds_when_its_round_does(airflow, emulator, triggerers, mode, waiting):
    triggerers.have(1)
    run = run_in_its_first_round(airflow, emulator, mode, waiting)
    emulator.finish_job(run.jobs[1].job_id)
    run.wait_for_state("success")
    first, second = run.jobs
    pushed = lambda key: airflow.api.xcom(run.dag_id, run.run_id, "submit", key)  # noqa: E731
    assert pushed("return_value") == first.job_id
    assert pushed("job_id") == second.job_id


@pytest.mark.usefixtures("failing_once")
def test_a_round_is_waited_for_by_the_next_triggerer_after_a_kill(airflow, emulator, triggerers):
    triggerers.have(1)
    run = run_in_its_first_round(airflow, emulator, "deferred", "deferred")
    killed = triggerers.busiest
    triggerers.signal(killed, signal.SIGKILL)
    triggerers.wait_for_end(killed)
    triggerers.end(killed)
    triggerers.have(1)
    run.wait_until_asked_about()
    assert run.job_states == ["Success", "Running"]
    emulator.finish_job(run.jobs[1].job_id)
    run.wait_for_state("success")
    assert run.job_states == ["Success", "Success"]


@pytest.mark.usefixtures("failing_once")
def test_the_retry_adopts_the_round_of_a_killed_worker(airflow, emulator, triggerers):
    triggerers.have(1)
    run = run_in_its_first_round(airflow, emulator, "blocking", "running")
    run.signal(signal.SIGKILL)
    run.wait_for_try(2)
    run.wait_for_state("running")
    run.wait_for_job_id(run.jobs[1].job_id)
    run.wait_until_asked_about()
    assert run.job_states == ["Success", "Running"]
    emulator.finish_job(run.jobs[1].job_id)
    run.wait_for_state("success")
    assert run.job_states == ["Success", "Success"]
