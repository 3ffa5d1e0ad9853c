"""Tasks that a running Airflow abandons or moves to another process, although no person has stopped them."""

from __future__ import annotations

import signal

import pytest

from airflow_provider_tencent_ci.emulator import Fault
from tests.stack.all_modes import BLOCKING, AllModes, send
from tests.stack.runs import wait_for
from tests.stack.versions import IS_AIRFLOW_2

LEFT = "is left to the task's retry"
DOUBT = "cannot tell whether a person or Airflow has ended it"
RUNNING = ["Running"]


@pytest.fixture
def nothing_is_lost(airflow, emulator, triggerers):
    """In every case no job is cancelled, and no unexpected one is submitted."""
    triggerers.have(1)
    cancels = emulator.count("cancel")
    runs = []
    yield runs
    for run in runs:
        assert run.jobs == dict.fromkeys(run.tasks, RUNNING)
    assert emulator.count("cancel") == cancels
    for run in runs:
        run.end()


def test_a_busy_api_server_and_a_frozen_worker_cost_a_try_and_no_second_job(
    airflow, emulator, database, nothing_is_lost
):
    busy, frozen = (AllModes(airflow, emulator, database) for _ in range(2))
    nothing_is_lost += [busy, frozen]
    for run in nothing_is_lost:
        run.wait_until_waiting()
    processes = frozen.processes(BLOCKING)
    api = [] if IS_AIRFLOW_2 else airflow.component("api-server").pids()  # 2.11 has no supervisor between
    struck = [frozen] if IS_AIRFLOW_2 else [busy, frozen]
    send([*api, *processes], signal.SIGSTOP)
    try:
        for run, task_id in ((run, task_id) for run in struck for task_id in BLOCKING):
            wait_for(lambda run=run, task_id=task_id: run.states[task_id] != "running", 120, lambda run=run: run.states)
    finally:
        send([*api, *processes], signal.SIGCONT)
    for run in struck:
        run.wait_until_said("blocking_2", LEFT)
        for task_id in ("blocking_0", "poke"):
            run.wait_until_said(task_id, DOUBT)
        wait_for(lambda run=run: run.tries["blocking_2"] == 2, 90, lambda run=run: run.states)
        wait_for(lambda run=run: run.states["blocking_2"] == "running", 90, lambda run=run: run.states)
        assert run.states["blocking_0"] == run.states["poke"] == "failed"


def test_a_killed_scheduler_causes_no_second_job(airflow, emulator, database, nothing_is_lost):
    run = AllModes(airflow, emulator, database)
    nothing_is_lost.append(run)
    run.wait_until_waiting()
    killed = airflow.component("scheduler")
    killed.process.kill()  # its child processes continue
    killed.process.wait(30)
    try:
        # Airflow would need some minutes to detect it.
        database.query("UPDATE job SET latest_heartbeat = now() - interval '1 hour' WHERE job_type = 'SchedulerJob'")
        airflow.start_scheduler()
        for task_id in ("blocking_2",) if IS_AIRFLOW_2 else BLOCKING:  # 2.11 fails tasks without tries left
            wait_for(lambda task_id=task_id: run.tries[task_id] == 2, 120, lambda: f"{run.states} {run.tries}")
            wait_for(lambda task_id=task_id: run.states[task_id] == "running", 120, lambda: run.states)
            if not IS_AIRFLOW_2:  # there the process of the first try may go on for minutes
                run.wait_until_said(task_id, LEFT)
    finally:
        airflow.give_up(killed)


def test_a_triggerer_that_resumes_after_another_one_lost_contact_causes_no_second_job(
    airflow, emulator, database, nothing_is_lost, triggerers
):
    run = AllModes(airflow, emulator, database, "out_of_touch", ("deferred_0", "deferred_2"))
    nothing_is_lost.append(run)
    run.wait_until_waiting()
    frozen = triggerers.busiest
    triggerers.signal(frozen, signal.SIGSTOP)
    scheduler = [airflow.component("scheduler").process.pid]
    try:
        triggerers.have(2)
        wait_for(lambda: triggerers.load(frozen) == 0, 180, lambda: "its triggers are still its own")
        send(scheduler, signal.SIGSTOP)  # so that the tasks stay scheduled
        emulator.inject(Fault("internal_error", operation="list", times=None))
        wait_for(lambda: set(run.states.values()) == {"scheduled"}, 90, lambda: run.states)
        emulator.clear_faults()
        triggerers.signal(frozen, signal.SIGCONT)
        for task_id in run.tasks:
            run.wait_until_said(task_id, DOUBT)
    finally:
        emulator.clear_faults()
        send(scheduler, signal.SIGCONT)
    wait_for(lambda: run.states == {"deferred_0": "failed", "deferred_2": "deferred"}, 120, lambda: run.states)
