"""
Pods of a running Airflow that are struck as in a Kubernetes cluster, in each phase of a task.

No cluster takes part: a pod is the processes that ``KubernetesExecutor`` would start in it (``pod_executor.py``), and
it is struck with the signals that Kubernetes sends. ``docs/kubernetes.md`` says what this shows.
"""

from __future__ import annotations

import os

import pytest

from airflow_provider_tencent_ci.emulator import Fault
from tests.stack.pods import PodRun
from tests.stack.runs import wait_for
from tests.stack.versions import only_airflow_3

pytestmark = only_airflow_3("2.11 starts another command in a pod")

IN_FLIGHT, NOT_ANSWERED = "while the POST is in flight", "when the job is created and not answered"
MOMENTS = {
    # The service executes it after this time, although the process that sent it is gone.
    IN_FLIGHT: {"seconds": 30},
    NOT_ANSWERED: {"seconds": 60, "after_acting": True},
}
of_the_long_version = pytest.mark.skipif("TENCENT_CI_KILLS" not in os.environ, reason="make test-chaos runs it: 110 s")


@pytest.fixture(autouse=True)
def one_triggerer(emulator, triggerers):
    triggerers.have(1)
    yield
    emulator.clear_faults()


@pytest.fixture
def no_job_is_cancelled(emulator):
    cancels = emulator.count("cancel")
    yield
    assert emulator.count("cancel") == cancels


def check_one_job_each(run, state):
    assert run.jobs == {task_id: [state] for task_id in run.tasks}


def wait_until_gone(pods):
    wait_for(lambda: not any(pod.lives for pod in pods.values()), 60, lambda: "a struck pod goes on")


def strike_while_they_submit(emulator, run, **arguments):
    """Let the submission of each task hang, and strike its pod before the task gives the answer up."""
    emulator.inject(Fault("hang", operation="create", times=len(run.tasks), **arguments))
    run.strike(
        lambda task_id: any(
            f"{run.run_id}-{task_id}-".encode() in request.body for request in emulator.requests if request.fault
        )
    )


@pytest.mark.usefixtures("no_job_is_cancelled")
def test_the_retry_of_a_struck_pod_waits_for_the_job_of_the_pod(airflow, emulator, database):
    run = PodRun(airflow, emulator, database, "blocking")
    run.wait_until_waiting()
    struck = run.strike()
    run.wait_for_tries(2, "running")
    wait_until_gone(struck)
    run.wait_until_said("reported", "is left to the task's retry")
    check_one_job_each(run, "Running")
    run.end()
    run.wait_for_tries(2, "success")
    check_one_job_each(run, "Success")


@pytest.mark.usefixtures("no_job_is_cancelled")
@pytest.mark.parametrize("moment", [IN_FLIGHT, pytest.param(NOT_ANSWERED, marks=of_the_long_version)])
def test_pods_that_are_struck_while_they_submit_and_while_they_end_leave_one_job(airflow, emulator, database, moment):
    run = PodRun(airflow, emulator, database, "deferred")
    strike_while_they_submit(emulator, run, **MOMENTS[moment])
    run.wait_for_tries(2, "deferred")
    check_one_job_each(run, "Running")
    with run.held_at_their_end():
        run.end()
        for task_id in run.tasks:
            run.wait_until_said(task_id, ") succeeded.", seconds=90)
        struck = run.strike()
        run.wait_for_tries(3, "running")
        wait_until_gone(struck)
    run.wait_for_tries(3, "success")
    check_one_job_each(run, "Success")


def test_only_a_pod_that_outlives_its_last_try_may_cancel_its_job(airflow, emulator, database):
    """Its task is failed, as after a person's mark: docs/cancel.md, "Mark or lost heartbeat"."""
    run = PodRun(airflow, emulator, database, "last_try")
    run.wait_until_waiting()
    struck = run.strike()
    run.wait_for_tries(1, "failed")
    wait_until_gone(struck)
    assert run.jobs["evicted"] == ["Running"]
    run.wait_until_said("reported", "was cancelled and has stopped", "cannot tell whether a person or Airflow")
    run.end()
