"""A task that cancels a job, and checks of a job's workflow and queue before its submission."""

from __future__ import annotations

import re

import pytest

from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.operators.cancel_inventory_job import CancelInventoryJobOperator
from tests.runs.conftest import only_job
from tests.runs.dag_test import note_failures_of, run_dag_file
from tests.runs.test_operator import HEADER, submit, waiting

NOTHING_SUBMITTED = "workflow_ids='w99999999999999999999999999999999', validate=True"
CANCEL = "\nfrom airflow_provider_tencent_ci.operators.cancel_inventory_job import CancelInventoryJobOperator\n"


@pytest.fixture(autouse=True)
def remembered(monkeypatch):
    note_failures_of(monkeypatch, CancelInventoryJobOperator)


@pytest.fixture
def job_id(emulator):
    """The id of a job that does not end by itself."""
    emulator.configure(run_seconds=3600)
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name="long", workflow_ids=WORKFLOW_ID, prefix="media/").job_id


def cancel(job_id, arguments=""):
    task = f"with dag:\n    CancelInventoryJobOperator(task_id='cancel', job_id={job_id!r}, {arguments})\n"
    return run_dag_file(HEADER + CANCEL + task)


def test_a_job_is_cancelled_and_its_stop_confirmed(emulator, job_id):
    emulator.configure(cancel_seconds=0.5)
    run = cancel(job_id)
    assert run.state == "success"
    assert run.xcoms["cancel"]["return_value"]["State"] == "Cancel"
    assert only_job(emulator).state == "Cancel"


@pytest.mark.parametrize("refused", ["ignore", "refuse"])
@pytest.mark.parametrize(
    ("end", "state"), [("finish_job", "Success"), ("fail_job", "Failed"), ("cancel_job", "Cancel")]
)
def test_an_ended_job_is_not_changed(emulator, job_id, end, state, refused):
    emulator.configure(cancel_of_ended=refused)
    getattr(emulator, end)(job_id)
    assert cancel(job_id).xcoms["cancel"]["return_value"]["State"] == state


def test_a_job_that_stops_within_the_stop_timeout_is_confirmed(emulator, job_id):
    emulator.configure(cancel_seconds=2)
    assert cancel(job_id, "stop_timeout=3").xcoms["cancel"]["return_value"]["State"] == "Cancel"


def test_a_job_that_does_not_stop_in_time_fails_the_task_and_a_retry_cancels_again(emulator, job_id):
    emulator.configure(cancel_seconds=3)
    assert "still Running when last seen. stop_timeout is over" in cancel(job_id, "stop_timeout=1").failure
    run = cancel(job_id, "stop_timeout=1, retries=5, retry_delay=timedelta(seconds=0.5)")
    assert run.state == "success"


@pytest.mark.parametrize(
    ("job_id", "error"), [("b00000000000000000000000000000000", "InvalidRequestError"), ("b 1", "InvalidArgumentError")]
)
def test_an_unknown_job_is_reported(emulator, job_id, error):
    assert cancel(job_id, "stop_timeout=1").failure.startswith(error)


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
@pytest.mark.parametrize(
    "job_id",
    [
        "None",
        "''",
        "' '",
        "'None'",
        "'{{ none }}'",
        "'{{ ti.xcom_pull(\"submit\") }}'",
        '\'{{ ti.xcom_pull("submit", key="job_id") or "" }}\'',
        "submit.output",
        "submit.output['job_id']",
    ],
)
def test_a_cancel_without_a_job_is_skipped(emulator, job_id, native):
    run = run_dag_file(after_submit(NOTHING_SUBMITTED, job_id, native))
    assert run.states == {"submit": "failed", "cancel": "skipped"}
    assert emulator.count("cancel") == 0


@pytest.mark.parametrize("missing", ["bucket", "region", "tencent_ci_conn_id"])
def test_a_missing_xcom_for_another_argument_is_no_skip(emulator, job_id, missing):
    arguments = f"{job_id!r}, {missing}=submit.output['job_id']"
    run = run_dag_file(after_submit(NOTHING_SUBMITTED, arguments, False))
    assert run.states["cancel"] == "failed"
    assert emulator.count("cancel") == 0


@waiting
def test_the_job_of_a_task_that_gave_up_waiting_is_cancelled(emulator, mode):
    emulator.configure(run_seconds=3600)
    waiting = f"wait_timeout=0.5, workflow_ids={WORKFLOW_ID!r}, {mode}"
    run = run_dag_file(after_submit(waiting, "submit.output['job_id']", False))
    assert run.states["cancel"] == "success"
    assert only_job(emulator).state == "Cancel"


def after_submit(submit, cancel, native):
    """A DAG with a task that submits and one that cancels its job; ``cancel`` begins with the job's id."""
    header = HEADER.replace("schedule=None", f"schedule=None, render_template_as_native_obj={native}")
    tasks = f"""
with dag:
    submit = TriggerInventoryJobOperator(task_id="submit", prefix="media/", {submit})
    CancelInventoryJobOperator(task_id="cancel", job_id={cancel}, trigger_rule="all_done") << submit
"""
    return header + CANCEL + tasks


def test_a_lost_answer_to_the_cancel_is_settled_by_polling(emulator, job_id):
    emulator.inject(Fault("reset", operation="cancel", after_acting=True, times=1))
    assert cancel(job_id).xcoms["cancel"]["return_value"]["State"] == "Cancel"


def test_a_missing_workflow_is_detected_before_submitting(emulator):
    run = submit(f"workflow_ids='{WORKFLOW_ID[:-1]}9', prefix='media/', validate=True")
    assert re.match("TargetUnusableError: Connection .*, reading media/: There is no workflow", run.failure)
    assert WORKFLOW_ID in run.failure
    assert emulator.count("create") == 0


def test_a_paused_workflow_is_detected_before_submitting(emulator):
    emulator.add_workflow("w00000000000000000000000000000077", active=False)
    run = submit("workflow_ids='w00000000000000000000000000000077', prefix='media/', validate=True")
    assert "is paused" in run.failure
    assert emulator.count("create") == 0


def test_a_job_of_an_earlier_try_is_adopted_for_any_state_of_its_workflow(emulator):
    emulator.configure(run_seconds=3)
    emulator.add_workflow("w00000000000000000000000000000078")
    emulator.inject(Fault("reset", operation="create", after_acting=True, times=1))

    run = submit("workflow_ids='w00000000000000000000000000000078', prefix='media/', validate=True")
    assert run.state == "success"
    assert len(emulator.jobs) == 1


def test_the_hook_lists_workflows_and_queues(emulator):
    emulator.add_workflow("w00000000000000000000000000000079", active=False)
    with TencentCIHook() as hook:
        states = {workflow.workflow_id: workflow.state for workflow in hook.list_workflows()}
        [queue] = hook.list_queues()
        assert hook.list_workflows(ids=[WORKFLOW_ID])[0].workflow_id == WORKFLOW_ID
    assert states == {WORKFLOW_ID: "Active", "w00000000000000000000000000000079": "Paused"}
    assert queue.state == "Active"
    assert queue.max_size == 10000
