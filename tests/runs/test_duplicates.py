"""A second job of one submission is found at the end of the task, too: one is kept, the other is logged."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.submission.late_duplicates import cancel_late_duplicates
from airflow_provider_tencent_ci.task_state import submission_xcom
from tests.runs.test_operator import WAITING, submit, waiting


@pytest.fixture
def late_job(emulator, monkeypatch):
    """
    The service loses the answer to the first request and executes it only after the second one was answered. The test
    sets the end of the task's own job, by a method of the emulator.
    """
    emulator.configure(submitted_seconds=0, run_seconds=3600)
    emulator.inject(Fault("internal_error", operation="create"))
    original = TriggerInventoryJobOperator._submit
    ends = []

    def submit_late(self, context, specification):
        submission = original(self, context, specification)
        with TencentCIHook() as hook:
            hook.trigger_inventory_job(name=submission.job.name, workflow_ids=WORKFLOW_ID, prefix="media/")
        ends[0](submission.job.job_id)
        return submission

    monkeypatch.setattr(TriggerInventoryJobOperator, "_submit", submit_late)
    return ends


def submit_with_a_short_watch(mode):
    return submit("workflow_ids=WORKFLOW, prefix='media/', reconcile_timeout=0.2", mode)


@waiting
def test_a_late_duplicate_is_cancelled_at_the_end_of_the_task(emulator, late_job, mode, capfd):
    late_job.append(emulator.finish_job)
    run = submit_with_a_short_watch(f"{mode}, end_from_trigger=True")
    assert run.state == "success"
    own, late = emulator.jobs
    assert (own.state, late.state) == ("Success", "Cancel")
    assert run.xcoms["submit"]["job_id"] == own.job_id
    log = "".join(capfd.readouterr())
    assert f"Batch job {late.job_id} is a second one of this submission" in log
    assert f"Batch job {own.job_id} is kept" in log


@waiting
def test_a_job_that_was_cancelled_as_a_duplicate_is_replaced_by_the_other_one(emulator, late_job, mode):
    def cancelled_by_another_process(job_id):
        emulator.cancel_job(job_id)
        [late] = [job for job in emulator.jobs if job.job_id != job_id]
        emulator.finish_job(late.job_id)

    late_job.append(cancelled_by_another_process)
    run = submit_with_a_short_watch(mode)
    assert run.state == "success"
    own, late = emulator.jobs
    assert (own.state, late.state) == ("Cancel", "Success")
    assert run.xcoms["submit"]["return_value"] == run.xcoms["submit"]["job"]["JobId"] == late.job_id


def test_one_request_causes_no_search_for_duplicates(emulator):
    assert submit(mode=WAITING["blocking"]).state == "success"
    assert ["name=" in one.query for one in emulator.requests].count(True) == 1


def test_the_series_of_another_try_is_not_used(emulator, monkeypatch):
    """A process of an abandoned try may overwrite the XCom of the running try."""
    emulator.configure(submitted_seconds=0, run_seconds=3600)
    with TencentCIHook() as hook:
        jobs = [
            hook.trigger_inventory_job(name=name, workflow_ids=WORKFLOW_ID, prefix="media/")
            for name in ("nightly-0000000000000001", "nightly-0000000000000002")
        ]
        series = {"name": jobs[0].name, "may_have_duplicates": True}
        monkeypatch.setattr(submission_xcom, "own_xcom", lambda _ti, _key: {"series": series})
        assert cancel_late_duplicates(hook, {"ti": None}, jobs[1]) == jobs[1]
    assert emulator.count("cancel") == 0
