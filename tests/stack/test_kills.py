"""Tasks of a running Airflow whose process is killed around its submission, so that Airflow itself does the retry."""

from __future__ import annotations

import signal

import pytest

from airflow_provider_tencent_ci.emulator import Fault
from tests.stack.runs import Run, wait_for

MOMENTS = {
    "before the look-up is answered": ({"operation": "list", "seconds": 60}, 0),
    # The service executes it after this time, although the process that sent it is gone.
    "while the POST is in flight": ({"operation": "create", "seconds": 15}, 0),
    "when the job is created and not answered": ({"operation": "create", "seconds": 60, "after_acting": True}, 1),
}


@pytest.fixture(autouse=True)
def one_triggerer(triggerers):
    triggerers.have(1)


@pytest.mark.parametrize(("mode", "waiting"), [("deferred", "deferred"), ("blocking", "running")])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_task_leaves_one_job_and_its_retry_waits_for_it(airflow, emulator, mode, waiting, moment):
    arguments, jobs_by_then = MOMENTS[moment]
    fault = emulator.inject(Fault("hang", **arguments))
    run = Run(airflow, emulator, f"stop_{mode}")
    wait_for(lambda: fault.seen and len(run.jobs) == jobs_by_then, 60, lambda: f"not yet {moment}")
    run.signal(signal.SIGKILL)
    run.wait_for_try(2)
    run.wait_for_jobs("Running")
    run.wait_for_state(waiting)
    run.wait_for_job_id(run.jobs[0].job_id)
    run.wait_until_asked_about()
    assert run.job_states == ["Running"]
    run.mark("failed")
    run.wait_for_jobs("Cancel")
