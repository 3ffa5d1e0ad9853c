"""One DAG updates an asset, and Airflow's scheduler runs another one for it, which reads the result of the job."""

from __future__ import annotations

import pytest

from tests.stack.runs import Run, wait_for
from tests.stack.versions import only_airflow_3

pytestmark = only_airflow_3("the events of 2.11 are looked at in tests/runs")

PRODUCER, CONSUMER = "tencent_ci_assets", "tencent_ci_assets_report"


@pytest.fixture(autouse=True)
def one_triggerer(triggerers):
    triggerers.have(1)


def test_a_dag_scheduled_on_an_asset_reads_the_result_of_the_job_from_the_event(airflow, emulator):
    run = Run(airflow, emulator, PRODUCER)
    job_id = end_the_job(airflow, emulator, run)
    # A busy Airflow may first use up a try for a false alarm (docs/what_happens_when.md).
    wait_for(lambda: states(airflow, run) == ["success"], 240, lambda: f"the task is {states(airflow, run)}")
    wait_for(lambda: airflow.api.runs(CONSUMER), 120, lambda: f"{CONSUMER} does not run; {states(airflow, run)}")
    [consumer_run] = airflow.api.runs(CONSUMER)

    def reported():
        return airflow.api.xcom(CONSUMER, consumer_run, "report", "return_value")

    wait_for(reported, 120, lambda: airflow.api.tasks(CONSUMER, consumer_run))
    assert reported().startswith(f"{job_id}: Success")


def end_the_job(airflow, emulator, run):
    """End the run's job once its trigger waits."""
    wait_for(lambda: states(airflow, run) == ["deferred"], 120, lambda: f"the task is {states(airflow, run)}")
    run.wait_until_asked_about()
    [job] = run.jobs
    emulator.finish_job(job.job_id)
    return job.job_id


def states(airflow, run):
    return [task.state for task in airflow.api.tasks(PRODUCER, run.run_id)]
