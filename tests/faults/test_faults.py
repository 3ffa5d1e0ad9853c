"""Each cell of the table, against the emulator: the observed result must match the table."""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields
from datetime import datetime, timedelta

import pytest

from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire.error_codes import CODES
from airflow_provider_tencent_ci.emulator import FaultKind
from airflow_provider_tencent_ci.emulator.faults.fault_effects import error_of
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_KEY, WORKFLOW_ID
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.waiting.job_wait import WaitOptions, wait_in_process
from airflow_provider_tencent_ci.waiting.resume_event import read_event
from tests.core.submitting.attempts import submitting
from tests.core.wire.test_service_errors import DOCUMENTED
from tests.faults.outcomes import Cancelling, Failed, Submitted, Waiting
from tests.faults.scene import START
from tests.faults.table import GROUPS, Column, Injected, NetworkFault, Span, cases

SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids=WORKFLOW_ID, prefix="media/")
POLL_SECONDS = 30
# Longer than the longest passing fault, which has two pauses of two minutes; shorter in real time.
CONTACT_SECONDS, CONTACT_SECONDS_IN_REAL_TIME = 400, 30
DEADLINE_AT = START + timedelta(hours=1)
RUN_SECONDS = 600


def each(column):
    return pytest.mark.parametrize("case", cases(column), ids=str)


@each(Column.SUBMIT)
def test_a_submission_handles_each_fault(case, scene):
    with TencentCIHook() as hook:
        transport = hook.get_conn()
        if scene.strikes_at_once:
            scene.strike()
        else:
            transport.before = ("POST", scene.strike)
        message = ""
        try:
            submission = hook.run(submitting(SPECIFICATION))
        except TencentCIError as error:
            jobs, message = len(scene.emulator.jobs), str(error)
            seen = Failed(type(error), **posts_of(transport.methods, last=True), jobs=jobs)
        else:
            seen = Submitted(**posts_of(transport.methods), found=submission.adopted)
            assert [submission.job.job_id] == [job.job_id for job in scene.emulator.jobs]
    assert seen == case.expected, message
    assert scene.emulator.count("cancel") == 0
    assert SECRET_KEY not in message


def posts_of(methods, last=False):
    """
    Return the number of ``POST`` requests, and whether the list was read after each one but the last, or after all. An
    old list is read again before a refused request is retried; that read does not count.
    """
    after_each = "".join(methods).split("POST")[1:]
    asked = [bool(rest) for rest in (after_each if last else after_each[:-1])]
    return {"posts": len(after_each), "looked": bool(asked) and all(asked)}


@each(Column.BLOCKING)
def test_a_wait_in_a_worker_handles_each_fault(case, scene):
    trigger = waiting(case, scene)
    with TencentCIHook() as hook:
        scene.strike()
        options = WaitOptions(**{field.name: getattr(trigger, field.name) for field in fields(WaitOptions)})
        deadline_at = datetime.fromisoformat(trigger.deadline_at)
        event = hook.run(wait_in_process(options, trigger.job_id, deadline_at, scene.log))
    check_wait(case, scene, event)


@each(Column.DEFERRED)
def test_a_deferred_wait_handles_each_fault(case, scene):
    trigger = waiting(case, scene)
    scene.strike()

    async def events():
        return [event.payload async for event in trigger.run()]

    [event] = asyncio.run(asyncio.wait_for(events(), 60))
    check_wait(case, scene, event)


def waiting(case, scene):
    """The wait for a job, which succeeds unless the fault hides the job."""
    if case.span is Span.PASSING or case.expected in (Waiting.AS_USUAL, Waiting.RIDDEN_OUT):
        scene.emulator.configure(run_seconds=RUN_SECONDS)
    return InventoryJobTrigger(
        make_job(),
        poll_interval=POLL_SECONDS,
        deadline_at=DEADLINE_AT.isoformat(),
        contact_timeout=CONTACT_SECONDS_IN_REAL_TIME if case.takes_real_time else CONTACT_SECONDS,
        cancel_on_kill=True,
    )


def make_job():
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name="nightly", workflow_ids=WORKFLOW_ID, prefix="media/").job_id


def check_wait(case, scene, event):
    event = read_event(json.loads(json.dumps(event)))
    asked_again = "will keep polling" in scene.log.text
    seen = {
        "terminal": Waiting.RIDDEN_OUT if asked_again else Waiting.AS_USUAL,
        "deadline": Waiting.UNTIL_THE_DEADLINE,
        "lost_contact": Waiting.LOST_CONTACT,
    }[event["status"]]
    assert seen is case.expected, event["message"]
    [job] = scene.emulator.jobs
    assert job.state == ("Success" if event["status"] == "terminal" else "Running")
    assert scene.emulator.count("create") == 1
    assert scene.emulator.count("cancel") == 0
    assert SECRET_KEY not in scene.log.text + json.dumps(event)


@each(Column.CANCEL)
def test_a_cancel_handles_each_fault(case, scene):
    job_id = make_job()
    with TencentCIHook() as hook:
        scene.strike()
        hook.cancel_quietly(job_id)
    again = scene.transport.methods.count("PUT") > 1
    [job] = scene.emulator.jobs
    if job.state != "Cancel":
        assert "may go on" in scene.log.text
        seen = Cancelling.GIVEN_UP if again else Cancelling.REFUSED
    elif "may go on" in scene.log.text:
        seen = Cancelling.UNSEEN
    else:
        assert "was cancelled and has stopped" in scene.log.text
        seen = Cancelling.AGAIN if again else Cancelling.AT_ONCE
    assert seen is case.expected, scene.log.text
    assert (scene.clock.now() - START).total_seconds() < 10
    assert SECRET_KEY not in scene.log.text


def rows():
    return [row for group in GROUPS for row in group.rows]


def injected():
    return [row.trouble.fault for row in rows() if isinstance(row.trouble, Injected)]


def codes():
    errors = [error for fault in injected() if (error := error_of(fault))]
    return {(error.status, error.code) for error in errors}


def test_each_row_has_its_own_name():
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names)


def test_every_kind_of_fault_has_a_row():
    assert {fault.kind for fault in injected()} == set(FaultKind)
    assert {row.trouble for row in rows() if isinstance(row.trouble, NetworkFault)} == set(NetworkFault)


def test_every_code_has_a_row():
    assert {code for _, code in codes()} >= set(CODES)
    assert codes() >= {(status, code) for status, code, *_ in DOCUMENTED if code not in ("", "Brandnew")}
