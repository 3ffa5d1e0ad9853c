"""A failed task passes a notifier its job and the reason."""

from __future__ import annotations

import pytest
from airflow import __version__ as airflow_version

from tests.runs.conftest import broken_in_airflow_3_0, only_job
from tests.runs.dag_test import run_dag_file
from tests.runs.test_example_dags import example
from tests.snippets import assert_says

# Workers of 3.1 and 3.2 pass the error to callbacks, their dag.test does not.
ERROR_IS_KNOWN = not airflow_version.startswith(("3.1.", "3.2."))


@pytest.fixture
def messages(monkeypatch, tmp_path):
    path = tmp_path / "messages.txt"
    monkeypatch.setenv("TENCENT_CI_MESSAGES", str(path))
    monkeypatch.setenv("TENCENT_CI_POLL_SECONDS", "0.3")
    return path


@broken_in_airflow_3_0("calls no callbacks")
def test_a_message_about_failed_files_contains_counts_and_advice(emulator, messages):
    emulator.configure(failing_keys=("media/0002.mp4", "media/0005.mp4"))
    assert run_dag_file(example("notify")).state == "failed"
    text = messages.read_text("utf-8")
    job = only_job(emulator)
    assert text.startswith(f"tencent_ci_notify.transcode failed: batch job {job.job_id}\n\n")
    for line in (
        f"Batch job: {job.job_id}, {job.name}, Success",
        "Reads: media/",
        "Bucket: examplebucket-1250000000",
        "Connection: tencent_ci_default",
        "Files: 8: 6 succeeded, 2 failed",
        "What to do: Clearing the task would process all files again.",
        "Console: https://console.cloud.tencent.com/ci/bucket?bucket=examplebucket-1250000000&region=ap-beijing",
        *(["Error: "] if ERROR_IS_KNOWN else []),
        "Log: ",
        "Run: ",
    ):
        assert f"\n{line}" in text, line
    if airflow_version >= "3.3":  # other versions use another log address
        assert_says(text, "notification.txt")


@broken_in_airflow_3_0("calls no callbacks")
def test_a_message_about_a_task_without_a_submission_contains_its_error(emulator, messages, monkeypatch):
    monkeypatch.setenv("TENCENT_CI_PREFIX", "")
    assert run_dag_file(example("notify")).state == "failed"
    text = messages.read_text("utf-8")
    assert text.startswith("tencent_ci_notify.transcode failed\n\n")
    assert ("Error: " in text) == ERROR_IS_KNOWN
    assert "Batch job" not in text


def test_a_success_sends_no_message(emulator, messages):
    assert run_dag_file(example("notify")).state == "success"
    assert not messages.exists()
