"""Triggerers that are killed, redeployed, frozen or given invalid arguments, while tasks wait in them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.stack.runs import Run, wait_for
from tests.stack.versions import only_airflow_3

# The number for the short version; `make test-chaos` uses 100.
WAITING = int(os.environ.get("TENCENT_CI_WAITING", "10"))


@pytest.fixture
def waiting(airflow, emulator, triggerers):
    """A run with many waiting tasks, spread over two triggerers as Airflow does it."""
    triggerers.have(2)
    submissions, cancels = emulator.count("create"), emulator.count("cancel")
    run = Run(airflow, emulator, "many", tasks=WAITING)
    run.wait_for_state("deferred", WAITING, 900)
    asked = lambda: run.times_said(" is Running.")  # noqa: E731
    wait_for(lambda: asked() >= WAITING, 300, lambda: f"only {asked()} of {WAITING} are asked about")
    yield run
    assert emulator.count("cancel") == cancels
    for job in run.jobs:
        emulator.finish_job(job.job_id)
    run.wait_for_state("success", WAITING, 900)
    assert run.job_states == ["Success"] * WAITING
    assert emulator.count("create") - submissions == WAITING
    assert emulator.count("cancel") == cancels


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "redeployed"])
def test_the_other_triggerer_takes_over_the_tasks_of_an_ended_one(waiting, triggerers, number):
    ended = triggerers.busiest
    assert triggerers.load(ended) > 0
    triggerers.signal(ended, number)
    triggerers.wait_for_end(ended)
    triggerers.end(ended)
    wait_for(lambda: triggerers.load(ended) == 0, 120, lambda: "its triggers are still its own")


def test_a_frozen_triggerer_that_resumes_cancels_no_job_of_the_other_one(waiting, triggerers):
    frozen = triggerers.busiest
    held = triggerers.load(frozen)
    assert held > 0
    triggerers.signal(frozen, signal.SIGSTOP)
    wait_for(lambda: triggerers.load(frozen) == 0, 180, lambda: "its triggers are still its own")
    triggerers.signal(frozen, signal.SIGCONT)
    # Its on_kill runs for each of them, else this test would prove nothing.
    not_cancelled = lambda: waiting.times_said("is not cancelled: its task still needs it")  # noqa: E731
    wait_for(lambda: not_cancelled() >= held, 180, lambda: f"only {not_cancelled()} of {held} were not cancelled")


def test_a_job_that_ended_while_no_triggerer_ran_counts_as_ended(airflow, emulator, triggerers):
    triggerers.have(1)
    run = Run(airflow, emulator, "time_limited")
    run.wait_for_state("deferred")
    ends_at = time.monotonic() + 20  # its wait_timeout
    triggerers.have(0)
    [job] = run.jobs
    emulator.finish_job(job.job_id)
    time.sleep(max(0, ends_at - time.monotonic()))
    triggerers.have(1)
    run.wait_for_state("success")
    assert run.job_states == ["Success"]


ODD_ARGUMENTS = [
    "{}",
    '{"job_id": 7, "deadline_at": "noon", "poll_interval": "often", "contact_timeout": null, "cancel_on_kill": []}',
    '{"job_id": "b1", "an_argument": "of a later release"}',
]
REPLACE_ARGUMENTS = """
    UPDATE "trigger" SET kwargs = %s WHERE id = (SELECT trigger_id FROM task_instance WHERE run_id = %s)
"""


@only_airflow_3("2.11 stores a trigger's arguments encrypted")
def test_no_arguments_stop_a_triggerer_or_lose_a_job(airflow, emulator, database, triggerers):
    triggerers.have(0)
    runs = []
    for arguments in ODD_ARGUMENTS:
        run = Run(airflow, emulator, "stop_deferred")
        run.wait_for_state("deferred")
        database.query(REPLACE_ARGUMENTS, arguments, run.run_id)
        runs.append((run, run.jobs[0].job_id))
    triggerers.have(1)
    for run, job_id in runs:
        run.wait_for_try(2)
        run.wait_for_state("deferred")  # the retry waits for the job of the first try, in the same triggerer
        run.wait_for_job_id(job_id)
        wait_for(lambda run=run: run.times_said(" is Running."), 60, lambda: "nobody asks about the job")
    airflow.check()
    assert len(runs[0][0].jobs) == len(runs)
    for run, job_id in runs:
        run.mark("failed")
        wait_for(lambda job_id=job_id: emulator.job(job_id).state == "Cancel", 60, run.doubts)


def test_a_timeout_by_airflow_itself_cancels_the_job(airflow, emulator, database, triggerers):
    triggerers.have(0)
    run = Run(airflow, emulator, "time_out_deferred")
    run.wait_for_state("deferred")
    # Without a triggerer, Airflow ends it a minute after execution_timeout; here at once.
    database.query("UPDATE task_instance SET trigger_timeout = now() WHERE run_id = %s", run.run_id)
    run.wait_for_state("failed")
    assert run.job_states == ["Cancel"]
