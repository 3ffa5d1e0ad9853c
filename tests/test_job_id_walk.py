"""The number of files on the path of one ``job_id``; the page shows the current path."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "trace-job-id"
PAGE = ROOT / "docs" / "how_it_works.md"

# A reader who follows the job_id opens the files and comes back to some of them.
MOST_FILES = 15
MOST_RETURNS = 5

pytestmark = pytest.mark.skipif(airflow_version < "3.3", reason="earlier versions make other calls")


@pytest.fixture(scope="module")
def traced():
    done = subprocess.run([sys.executable, SCRIPT, "--json"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_path_of_a_job_id_does_not_grow(traced):
    files = {file for file, _ in traced["walk"]}
    returns = [file for file, is_return in traced["walk"] if is_return]
    assert len(files) <= MOST_FILES, sorted(files)
    assert len(returns) <= MOST_RETURNS, returns


def test_the_page_shows_the_path_of_a_job_id(traced):
    text = PAGE.read_text("utf-8")
    page_with = runpy.run_path(str(SCRIPT))["page_with"]
    assert page_with(text, traced["page"]) == text, "run: scripts/trace-job-id --write"


def test_the_path_passes_all_three_processes(traced):
    files = [file for file, _ in traced["walk"]]
    assert files[0] == "operators/inventory_job.py"
    assert {
        "submission/submitter.py",
        "core/submitting/submit_once.py",
        "triggers/inventory_job.py",
        "triggerer/shared_poller.py",
        "core/polling/wait.py",
        "waiting/resume_event.py",
        "outcome/file_outcome.py",
    } <= set(files)
