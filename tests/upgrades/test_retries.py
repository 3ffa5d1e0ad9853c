"""Retries under this release of tasks whose first try was under the release before, also on an earlier Airflow."""

from __future__ import annotations

import pytest
from airflow import __version__ as airflow_version

from tests.upgrades.upgraded import RECORDED_VERSIONS, each_version

FAILED = pytest.mark.parametrize("task", ["failed", "failed_mapped"], indirect=True)


# Without a note, a retry takes a job that has ended for one of an earlier run of that id.
_HAD_NO_STORE = airflow_version >= "3.3"


@each_version
@pytest.mark.parametrize("job", ["runs", "has succeeded"])
@FAILED
def test_a_retry_finds_the_job_of_the_first_try(task, job):
    """Its name has the same token, and a mapped task looks for the name of that release, too."""
    if job == "has succeeded":
        if task.version == RECORDED_VERSIONS[0] and _HAD_NO_STORE:
            pytest.skip("the exception, below")
        task.emulator.finish_job(task.jobs[0])
    task.retry()
    assert task.new_jobs == []
    assert task.state == ("success" if job == "has succeeded" else "up_for_retry")


@FAILED
def test_a_retry_after_a_failed_job_submits_another_one(task):
    task.emulator.fail_job(task.jobs[0])
    task.retry()
    assert len(task.new_jobs) == 1


@pytest.mark.skipif(not _HAD_NO_STORE, reason="no Airflow before 3.3 has a store")
@pytest.mark.parametrize("version", [RECORDED_VERSIONS[0]])
@FAILED
def test_a_retry_after_the_upgrade_to_3_3_submits_again_if_the_job_has_succeeded_meanwhile(task):
    """The exception in docs/upgrading.md."""
    task.emulator.finish_job(task.jobs[0])
    task.retry()
    assert len(task.new_jobs) == 1
