"""The steps of ``docs/resubmit.md`` after a night in which files failed, with a running Airflow and the commands."""

from __future__ import annotations

import re

import pytest

from airflow_provider_tencent_ci.cli.main import main
from tests.stack.runs import Run, wait_for


@pytest.fixture
def command(monkeypatch, capfd):
    """Run a command in this process; return its output."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # as a command does; a test would not restore it

    def command(*arguments):
        capfd.readouterr()
        main(arguments)
        return capfd.readouterr().out

    return command


@pytest.mark.usefixtures("failing_once")
def test_failed_files_are_submitted_by_hand_and_the_dag_goes_on(airflow, emulator, triggerers, command):
    triggerers.have(1)
    run = Run(airflow, emulator, "failed_files")
    run.wait_for_jobs("Running")
    run.wait_for_state("deferred")
    emulator.finish_job(run.jobs[0].job_id)
    # On a busy machine Airflow may start a retry here (what_happens_when.md: the scheduler processes the end of a first
    # part late). It finds the job and fails, too.
    run.wait_for_state("failed")
    wait_for_task(run, "publish", "upstream_failed")
    wait_for(lambda: run.times_said("To submit only the failed files again: "), 30, run.doubts)

    first = run.jobs[0].job_id
    assert "again/1.mp4" in command("show", first)
    assert "2" in command("resubmit", first, "--dry-run")
    assert run.job_states == ["Success"]
    submitted = re.match("Submitted batch job ([0-9a-f]{32}|b[0-9a-f]{32}),", command("resubmit", first, "--yes"))
    second = run.jobs[1].job_id
    assert submitted
    assert submitted[1] == second
    emulator.finish_job(second)
    assert "Success" in command("tail", second)

    run.mark("success")
    run.wait_for_state("success")
    run.clear("publish")
    wait_for_task(run, "publish", "success")
    wait_for(lambda: run.api.run_state(run.dag_id, run.run_id) == "success", 60, lambda: "the run has not ended")
    assert [job.files for job in run.jobs] == [4, 2], "nothing else was submitted"
    counted = run.api.xcom(run.dag_id, run.run_id, "publish", "return_value")
    assert int(counted) == 2, "the record is that of the first job"


def wait_for_task(run, task_id, state):
    def found():
        return run.api.task(run.dag_id, run.run_id, task_id)["state"]

    wait_for(lambda: found() == state, 90, lambda: f"{task_id} is {found()}, not {state}")
