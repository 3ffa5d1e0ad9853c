"""A test of a DAG, as it would stand beside the DAGs of a project."""

# [START test]
import subprocess

import pytest
from airflow.models import DagBag


@pytest.fixture(scope="session", autouse=True)
def database():
    subprocess.run(["airflow", "db", "migrate"], check=True)


@pytest.mark.usefixtures("tencent_ci_connection")
@pytest.mark.parametrize(("failing_keys", "state"), [("", "success"), ("media/0003.mp4", "failed")])
def test_one_failed_file_fails_the_run(tencent_ci_emulator, failing_keys, state):
    tencent_ci_emulator.configure(run_seconds=1, failing_keys=failing_keys)
    run = DagBag("dags").dags["first_batch"].test()
    assert run.state == state
    assert [job.state for job in tencent_ci_emulator.jobs] == ["Success"]  # the job itself has succeeded


# [END test]
