"""Waits that start and end in the triggerer of a running Airflow, with the same results as on workers."""

from __future__ import annotations

import os
import time

import pytest

from tests.stack.runs import Run, wait_for
from tests.stack.versions import only_airflow_3

pytestmark = only_airflow_3("2.11 has no waits without workers")

LINKS = ("_link_InventoryJobLink", "job_url")


@pytest.fixture(autouse=True)
def one_triggerer(triggerers):
    triggerers.have(1)


class WorkerlessRun(Run):
    """A run whose tasks are all tested."""

    def __init__(self, airflow, emulator, database, dag_id):
        super().__init__(airflow, emulator, dag_id)
        self._database = database

    def wait_for_deferred(self, *task_ids):
        def missing():
            return set(task_ids) - {
                task_id for task_id, states in self.task_states.items() if {*states} == {"deferred"}
            }

        wait_for(lambda: not missing(), 120, lambda: f"not deferred: {missing()}; {self.task_states}")
        self._wait_until_workers_have_left()

    def _wait_until_workers_have_left(self):
        """
        Wait until the scheduler has processed it. A later event would count as the end of the task's next part, and
        start another try (seen on 3.3.2; docs/what_happens_when.md). These tests use jobs that end at once.
        """
        processes = [pid for pid in self.processes.values() if pid]
        wait_for(lambda: not any(map(is_running, processes)), 60, lambda: f"of {processes}, some go on")
        time.sleep(3)  # two rounds of the scheduler, which leaves no trace of it

    def wait_for_second_try(self, task_id):
        def has_succeeded():
            return self.tries.get(task_id) == 2 and self.task_states.get(task_id) == ["success"]

        wait_for(has_succeeded, 60, lambda: f"{self.tries}, {self.task_states}")

    def wait_for_end(self):
        ended = ("success", "failed")
        wait_for(lambda: self.api.run_state(self.dag_id, self.run_id) in ended, 120, lambda: self.task_states)

    @property
    def task_states(self):
        states = {}
        for task in self.api.tasks(self.dag_id, self.run_id):
            states.setdefault(task.task_id, []).append(task.state)
        return states

    @property
    def tries(self):
        return {task.task_id: task.try_number for task in self.api.tasks(self.dag_id, self.run_id)}

    @property
    def worker_starts(self):
        """How often a worker started or resumed each task, by Airflow's records."""
        return self._by_task("SELECT task_id, count(*) FROM log WHERE event = 'running' AND {run} GROUP BY task_id")

    @property
    def processes(self):
        return self._by_task("SELECT task_id, pid FROM task_instance WHERE {run}")

    def xcoms(self, task_id):
        """The XComs in the database, as other tasks get them."""
        return self._by_task("SELECT key, value FROM xcom WHERE {run} AND task_id = %s", task_id)

    def started_before_it_ended(self, task_id):
        return self._by_task("SELECT task_id, start_date < end_date FROM task_instance WHERE {run}")[task_id]

    def errors(self, task_id):
        return " ".join(self.api.log_errors(self.dag_id, self.run_id, task_id, 1))

    def _by_task(self, sql, *values):
        where = sql.format(run="dag_id = %s AND run_id = %s")
        return dict(self._database.query(where, self.dag_id, self.run_id, *values))


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_success_has_the_same_result_without_workers(airflow, emulator, database):
    run = WorkerlessRun(airflow, emulator, database, "workerless")
    sensors = ("wait", "wait_for_template", "wait_on_workers", "wait_with_outlets")
    run.wait_for_deferred(*sensors, "transcode", "transcode_on_workers")
    for job in run.jobs:
        emulator.finish_job(job.job_id)
    run.wait_for_end()
    assert {state for states in run.task_states.values() for state in states} == {"success"}
    assert run.worker_starts == {
        "submit": 1,
        "wait_on_workers": 2,
        "wait_with_outlets": 1,  # to register the asset in Airflow
        "transcode": 1,
        "transcode_on_workers": 2,
    }
    assert [run.processes[task_id] for task_id in ("wait", "wait_for_template", "wait_again")] == [None] * 3
    expected = run.xcoms("wait_on_workers")
    assert {"return_value", "job", *LINKS} == set(expected)
    assert [run.xcoms(task_id) for task_id in sensors] == [expected] * 4
    ours, theirs = run.xcoms("transcode"), run.xcoms("transcode_on_workers")
    assert ours.keys() == theirs.keys()
    for xcoms in (ours, theirs):
        assert (xcoms["job"]["State"], xcoms["job"]["JobId"]) == ("Success", xcoms["return_value"])
    assert run.xcoms("wait_again")["return_value"] == ours["job"]
    said = f"Batch job {ours['job_id']} ({ours['job_name']}) succeeded."
    wait_for(lambda: run.times_said(said) == 2, 30, lambda: run.times_said(said))  # the triggerer's log may be late
    run.clear("wait")
    run.wait_for_second_try("wait")
    assert run.xcoms("wait") == expected
    assert run.started_before_it_ended("wait")


def test_a_failed_job_has_the_same_result_and_causes_no_retries(airflow, emulator, database):
    run = WorkerlessRun(airflow, emulator, database, "workerless_bad_end")
    run.wait_for_deferred("wait", "wait_on_workers", "skip", "skip_on_workers")
    [job] = run.jobs
    emulator.fail_job(job.job_id, code="TemplateNotFound", message="no such template")
    run.wait_for_end()
    assert run.task_states == {
        "submit": ["success"],
        **{"wait": ["failed"], "wait_on_workers": ["failed"]},
        **{"skip": ["skipped"], "skip_on_workers": ["skipped"]},
    }
    assert set(run.tries.values()) == {1}
    assert run.worker_starts == {"submit": 1, "wait": 1, "skip": 1, "wait_on_workers": 2, "skip_on_workers": 2}
    assert "TemplateNotFound: no such template" in run.errors("wait")
    assert run.errors("wait") == run.errors("wait_on_workers")


def test_a_wait_that_cannot_continue_fails_as_on_a_worker(airflow, emulator, database):
    run = WorkerlessRun(airflow, emulator, database, "workerless_too_long")
    run.wait_for_end()
    assert run.task_states == {
        "submit": ["success"],
        "skip": ["skipped"],
        **{task_id: ["failed"] for task_id in ("wait", "limited", "nothing", "unknown")},
    }
    assert set(run.tries.values()) == {1}
    assert "AirflowSensorTimeout" in run.errors("wait")
    assert "AirflowTaskTimeout" in run.errors("limited")
    assert "InvalidArgumentError: job_id=''" in run.errors("nothing")
    assert "NotFoundError" in run.errors("unknown")
    assert run.job_states == ["Running"]


def test_mapped_waits_start_in_the_triggerer_within_a_group_and_otherwise_on_workers(airflow, emulator, database):
    run = WorkerlessRun(airflow, emulator, database, "workerless_mapped")
    run.wait_for_deferred("batch.wait", "wait")
    for job in run.jobs:
        emulator.finish_job(job.job_id)
    run.wait_for_end()
    assert {state for states in run.task_states.values() for state in states} == {"success"}
    assert run.worker_starts == {"batch.submit": 2, "submit": 1, "wait": 1}
