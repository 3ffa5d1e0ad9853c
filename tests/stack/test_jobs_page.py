"""The page of batch jobs of a running Airflow: XComs as workers store them, in PostgreSQL."""

from __future__ import annotations

import requests

from tests.stack.runs import Run
from tests.stack.versions import only_airflow_3

pytestmark = only_airflow_3("2.11 has no place for it")


def test_the_page_finds_a_job_s_task_and_cancels_the_job(airflow, emulator, triggerers):
    triggerers.have(1)
    run = Run(airflow, emulator, "stop_deferred")
    run.wait_for_jobs("Running")
    [job] = run.jobs
    run.wait_for_job_id(job.job_id)
    with requests.Session() as visitor:
        visitor.trust_env = False
        token = visitor.get(f"{airflow.url}/auth/token", timeout=30).json()["access_token"]
        visitor.headers.update({"Authorization": f"Bearer {token}", "X-Tencent-CI-Page": "1"})
        jobs = f"{airflow.url}/tencent-ci/api/connections/tencent_ci_default/jobs"
        shown = visitor.get(f"{jobs}/{job.job_id}", timeout=30).json()["job"]
        assert (shown["task"]["dag_id"], shown["task"]["run_id"]) == (run.dag_id, run.run_id)
        run.wait_until_asked_about()
        answer = visitor.post(f"{jobs}/{job.job_id}/cancel", json={}, timeout=30)
    assert answer.json()["job"]["state"] == "Cancel"
    run.wait_for_jobs("Cancel", "Running", seconds=120)  # of the task's next try
    run.wait_until_asked_about()
    run.mark("failed")
    run.wait_for_jobs("Cancel", "Cancel")
