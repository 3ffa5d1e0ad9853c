"""The first ten minutes of a new user, command by command, as ``docs/quick_start.md`` shows them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.runs.conftest import broken_in_airflow_3_0
from tests.snippets import assert_says, snippet

PORT = "8090"

pytestmark = pytest.mark.slow


@contextmanager
def shown_emulator(name):
    """Run the emulator as a page shows it, on a free port; yield the variable that it prints."""
    command = snippet(name).replace(PORT, "0")
    # In a test, no file takes seconds.
    words = [*shlex.split(command), "--submitted-seconds", "0.2", "--run-seconds", "0.8"]
    process = subprocess.Popen(in_environment(words), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert "listens on" in process.stdout.readline()
        [_, assignment] = shlex.split(process.stdout.readline())
        yield dict([assignment.split("=", 1)])
    finally:
        process.terminate()
        process.communicate(timeout=20)


def in_environment(words):
    """The console scripts of this Python, independent of the PATH."""
    return [str(Path(sys.executable).parent / words[0]), *words[1:]]


@pytest.fixture
def home(tmp_path):
    (tmp_path / "dags").mkdir()
    return tmp_path


def run_shown(name, home, variable):
    """Run the commands of a page one after another; return the status of the last one and the output of all."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    settings |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", **variable}
    said, status = "", 0
    for line in snippet(name).splitlines():
        words = shlex.split(line)
        while "=" in words[0]:
            settings |= dict([words.pop(0).split("=", 1)])
        done = subprocess.run(
            in_environment(words), env=settings, cwd=home, capture_output=True, text=True, timeout=180, check=False
        )
        said, status = said + done.stdout + done.stderr, done.returncode
    return status, said


def write_dag(home, name):
    source = snippet(name).replace("poll_interval=5", "poll_interval=0.3")
    if airflow_version.startswith("2."):
        source = source.replace("from airflow.sdk import DAG", "from airflow import DAG")
    (home / "dags" / "first_batch.py").write_text(source, "utf-8")


def files_of_each_job(variable):
    """The number of files of each job, in order, from the service."""
    [(name, connection)] = variable.items()
    hook = TencentCIHook("of_quick_start")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name.replace("TENCENT_CI_DEFAULT", "OF_QUICK_START"), connection)
        with hook:
            jobs = sorted(hook.list_inventory_jobs(), key=lambda job: job.creation_time)
            return [len(list(hook.list_workflow_executions(WORKFLOW_ID, job_id=job.job_id))) for job in jobs]


@broken_in_airflow_3_0("breaks the lines of an error")
def test_the_quick_start_runs_a_first_batch_and_repairs_a_failing_file(home):
    write_dag(home, "first_batch.py")
    with shown_emulator("first_emulator.sh") as variable:
        status, said = run_shown("first_test_connection.sh", home, variable)
        assert (status, "Connection success!" in said) == (0, True), said
        assert run_shown("first_setup.sh", home, variable)[0] == 0
        status, said = run_shown("first_run.sh", home, variable)
        assert status == 0
        assert_says(said, "first_log.txt")
    with shown_emulator("first_broken_emulator.sh") as variable:
        _, said = run_shown("first_run.sh", home, variable)
        assert_says(said, "first_broken_log.txt")
        write_dag(home, "first_batch_repaired.py")
        status, said = run_shown("first_run.sh", home, variable)
        assert status == 0
        assert_says(said, "first_repaired_log.txt")
        assert files_of_each_job(variable) == [8, 8, 1]
