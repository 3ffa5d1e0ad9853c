"""Retries under this release of tasks whose first try was under the release before, also on an earlier Airflow."""

from __future__ import annotations

import pytest

from tests.upgrades.upgraded import each_version

FAILED = pytest.mark.parametrize("task", ["failed", "failed_mapped"], indirect=True)


@each_version
@pytest.mark.parametrize("job", ["runs", "has succeeded"])
@FAILED
def test_a_retry_finds_the_job_of_the_first_try(task, job):
    """Its name has the same token, and a mapped task looks for the name of that release, too."""
    if job == "has succeeded":
        task.emulator.finish_job(task.jobs[0])
    task.retry()
    assert task.new_jobs == []
    assert task.state == ("success" if job == "has succeeded" else "up_for_retry")


@FAILED
def test_a_retry_after_a_failed_job_submits_another_one(task):
    task.emulator.fail_job(task.jobs[0])
    task.retry()
    assert len(task.new_jobs) == 1
