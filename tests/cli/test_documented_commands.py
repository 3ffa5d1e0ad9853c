"""The page on the commands shows what they really print."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.snippets import assert_says, snippet


@pytest.fixture
def jobs(emulator):
    """The two jobs of the page; a file of the first one has failed. They run long enough for some counts."""
    emulator.configure(run_seconds=5, failing_keys="media/0003.mp4")
    with TencentCIHook() as hook:
        for name, prefix in (
            ("news-transcode", "media/0001"),
            ("tencent_ci_nightly-submit-3f0c9a51be24d7e8", "media/"),
        ):
            hook.trigger_inventory_job(name=name, workflow_ids=WORKFLOW_ID, prefix=prefix)
    return [job.job_id for job in emulator.jobs]


def test_the_page_shows_all_commands_and_they_work(run, emulator, jobs):
    lines = [shlex.split(line, comments=True)[1:] for line in snippet("cli_commands.sh").splitlines()]
    assert [words[0] for words in lines] == ["list", "show", "tail", "cancel", "resubmit"]
    emulator.advance(seconds=60)
    for words in lines:
        words += ["--yes"] if words[0] == "resubmit" else []
        assert run(*(word.replace("JOB_ID", jobs[0]) for word in words)).status == 0


def test_a_job_is_tailed_then_shown_then_listed(run, jobs):
    assert_says(run("tail", jobs[1], "--poll-interval", "1").out, "cli_tail.txt")
    assert_says(run("show", jobs[1]).out, "cli_show.txt")
    assert_says(run("list", "--count").out, "cli_list.txt")


def test_the_command_for_failed_jobs_prints_names_and_messages(emulator, jobs):
    emulator.fail_job(jobs[0], "InternalError", "It was the weather.")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-eo", "pipefail", "-c", snippet("cli_failed.sh")]
    done = subprocess.run(
        command, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "news-transcode It was the weather.\n", done.stderr


def test_the_example_output_describes_one_job(run, jobs):
    """The page uses the same id as an argument and in its output."""
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")
    job_id = snippet("cli_show.txt").split()[1]
    assert all(f"`tencent-ci {command} {job_id}`" in page for command in ("tail", "show"))
    assert job_id in snippet("cli_list.txt")
    assert json.loads(run("show", jobs[1], "--output", "json").out)["JobId"] == jobs[1]
