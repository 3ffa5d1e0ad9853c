"""
The package was away while tasks were deferred, and is back: the triggerer could not make triggers, nor a worker tasks.

Python then finds none of the modules below; everything else is Airflow's own.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from contextlib import contextmanager

import pytest
from airflow import __version__ as airflow_version

from tests.upgrades.upgraded import RECORDED_VERSIONS

MODULES = ["triggers.inventory_job", "operators.inventory_job", "sensors.inventory_job"]
MISSING = ModuleNotFoundError("No module named 'airflow_provider_tencent_ci'")

newest = pytest.mark.skipif(airflow_version < "3.3", reason="uses parts of Airflow that have other names before 3.3")


@contextmanager
def missing_package():
    """Let imports of the package fail, in the processes that are forked from this one, too."""
    with pytest.MonkeyPatch.context() as patch:
        for name in MODULES:
            patch.setitem(sys.modules, f"airflow_provider_tencent_ci.{name}", None)
        yield


@pytest.mark.parametrize("job", ["runs", "has succeeded"])
@pytest.mark.parametrize("task", ["waiting", "mapped", "second_round", "sensor"], indirect=True)
def test_a_task_whose_trigger_could_not_be_made_goes_on(task, job):
    """The package is back when the worker starts."""
    if job == "has succeeded":
        task.emulator.finish_job(task.jobs[-1])
    task.fail_trigger(MISSING)
    task.execute()
    assert task.new_jobs == []
    assert task.state == ("success" if job == "has succeeded" else "up_for_retry")
    if job == "runs":
        task.retry()
        assert (task.state, task.new_jobs) == ("deferred", [])
        task.emulator.finish_job(task.jobs[-1])
        task.resume(task.event())
        assert (task.state, task.new_jobs) == ("success", [])


@newest
@pytest.mark.parametrize("task", ["waiting", "sensor"], indirect=True)
def test_the_triggerer_fails_a_trigger_whose_package_is_missing(task):
    from airflow.jobs.triggerer_job_runner import TriggerRunner

    runner = TriggerRunner()
    runner.to_create = deque([task.stored_trigger()])
    with missing_package():
        asyncio.run(runner.create_triggers())
    [(trigger_id, error)] = runner.failed_triggers
    assert (trigger_id, type(error)) == (task.stored_trigger().id, ModuleNotFoundError)
    task.fail_trigger(error)
    assert task.state == "scheduled"


@newest
@pytest.mark.parametrize(
    ("version", "task", "job"),
    [
        (RECORDED_VERSIONS[-1], "waiting", "runs"),
        (RECORDED_VERSIONS[-1], "waiting", "has succeeded"),
        (RECORDED_VERSIONS[-1], "mapped", "has succeeded"),
        (RECORDED_VERSIONS[0], "waiting", "runs"),
    ],
    indirect=["task"],
)
def test_a_worker_without_the_package_ends_and_the_next_one_finds_the_job(task, job):
    """
    Airflow 3.3 reschedules a task whose DAG file cannot be read, and begins its try from the start.

    So that is a first try. It finds a job that has ended only by its note, which there is since Airflow 3.3.
    """
    task.fail_trigger(MISSING)
    with missing_package():
        task.execute_on_worker()
    assert (task.state, task.new_jobs) == ("up_for_reschedule", [])
    if job == "has succeeded":
        task.emulator.finish_job(task.jobs[0])
    task.execute()
    assert (task.new_jobs, task.xcoms["job_id"]) == ([], task.jobs[0])
    assert task.state == ("success" if job == "has succeeded" else "deferred")


@newest
@pytest.mark.parametrize(
    ("version", "task", "job"),
    [(RECORDED_VERSIONS[0], "waiting", "has succeeded"), (RECORDED_VERSIONS[0], "mapped", "runs")],
    indirect=["task"],
)
def test_without_a_note_a_task_that_begins_again_submits_again(task, job):
    """The exception in docs/upgrading.md: Airflow was upgraded from 2.11, and the worker had no package."""
    task.fail_trigger(MISSING)
    with missing_package():
        task.execute_on_worker()
    if job == "has succeeded":
        task.emulator.finish_job(task.jobs[0])
    task.execute()
    assert len(task.new_jobs) == 1
