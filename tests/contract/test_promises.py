"""
The promises of this package over the assumed contract, and over each other answer of the service alone.

A promise that does not hold with an answer is in ``BROKEN`` of ``contracts.py``. Its test then shows what happens.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import fields
from datetime import datetime, timedelta

import pytest

from airflow_provider_tencent_ci.core.api.job_name import name_with_token
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import cancel_duplicates
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    RedirectError,
)
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.waiting.job_wait import WaitOptions, wait_in_process
from airflow_provider_tencent_ci.waiting.resume_event import read_event
from tests.contract.conftest import Killed
from tests.contract.contracts import over_each_contract
from tests.core.submitting.attempts import NAME, Notes, submitting
from tests.faults.scene import START

pytestmark = over_each_contract

SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids=defaults.WORKFLOW_ID, prefix="media/")
FAILING, SECOND, HOUR, DAY = "media/0003.mp4", timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
LATER = (START + HOUR).isoformat()
LONG = 700.0  # seconds after which each list shows all jobs


def trigger_for(job_id):
    return InventoryJobTrigger(job_id, poll_interval=10, deadline_at=LATER)


def wait_on_a_worker(hook, job_id):
    trigger = trigger_for(job_id)
    options = WaitOptions(**{field.name: getattr(trigger, field.name) for field in fields(WaitOptions)})
    return hook.run(wait_in_process(options, job_id, datetime.fromisoformat(LATER), hook.log))


def wait_deferred(hook, job_id):
    async def events():
        return [event.payload async for event in trigger_for(job_id).run()]

    [event] = asyncio.run(asyncio.wait_for(events(), 60))
    return event


@pytest.mark.parametrize("wait", [wait_on_a_worker, wait_deferred])
def test_a_batch_is_submitted_waited_for_and_reported(wait, hook, emulator, contract):
    emulator.configure(failing_keys=FAILING)
    emulator.add_objects(count=4)
    job = hook.run(submitting(SPECIFICATION)).job
    event = read_event(json.loads(json.dumps(wait(hook, job.job_id))))
    assert event["status"] == "terminal", event["message"]
    assert event["job"]["State"] == ("Success" if contract.answer("failed_files") == "success" else "Failed")
    ended = hook.get_inventory_job(job.job_id)
    assert [failure.key for failure in hook.list_failed_files(ended)] == [FAILING]
    files = list(hook.list_workflow_executions(defaults.WORKFLOW_ID, job_id=job.job_id))
    assert sorted(file.object_key for file in files) == [f"media/000{number}.mp4" for number in range(1, 5)]


def test_a_batch_without_files_is_seen_to_have_none(hook, emulator, contract):
    job = hook.run(submitting(SPECIFICATION)).job
    event = wait_on_a_worker(hook, job.job_id)
    assert event["job"]["State"] == ("Success" if contract.answer("no_objects") == "success" else "Failed")
    assert list(hook.list_workflow_executions(defaults.WORKFLOW_ID, job_id=job.job_id)) == []


def test_a_lost_answer_makes_one_job(hook, emulator, clock, broken):
    emulator.configure(run_seconds=DAY.total_seconds())
    emulator.inject("reset", operation="create", after_acting=True)
    submission = hook.run(submitting(SPECIFICATION))
    assert_one_job(hook, emulator, clock, submission, broken)


@pytest.mark.parametrize("has_store", [True, False])
def test_a_try_that_was_killed_leaves_one_job(has_store, hook, emulator, clock, broken):
    emulator.configure(run_seconds=DAY.total_seconds())
    notes = Notes(reliable=has_store)
    hook.get_conn().dies_after = "POST"
    with pytest.raises(Killed):
        hook.run(submitting(SPECIFICATION, notes))
    hook.get_conn().dies_after = ""
    submission = hook.run(submitting(SPECIFICATION, notes, is_first=False))
    assert_one_job(hook, emulator, clock, submission, broken)


def test_a_retry_knows_its_job_by_the_id(hook, emulator, clock, broken):
    emulator.configure(run_seconds=DAY.total_seconds())
    notes = Notes()
    hook.run(submitting(SPECIFICATION, notes))
    submission = hook.run(submitting(SPECIFICATION, notes, is_first=False))
    assert_one_job(hook, emulator, clock, submission, broken)


def assert_one_job(hook, emulator, clock, submission, broken):
    """One job was made; or two, of which the task's end cancels the younger one."""
    assert len(emulator.jobs) == (2 if broken else 1)
    oldest, *others = emulator.jobs
    clock.sleep(LONG)
    kept, duplicates = hook.run(cancel_duplicates(submission.series, submission.job))
    assert kept.job_id == oldest.job_id
    assert [duplicate.job.job_id for duplicate in duplicates] == [job.job_id for job in others]


def test_the_job_of_another_submission_is_not_adopted(hook, emulator, clock):
    """Its name begins with that of this submission, or only differs in case."""
    for name in (f"{NAME}-2", NAME.upper()):
        hook.trigger_inventory_job(name=name, workflow_ids=defaults.WORKFLOW_ID, prefix="media/")
    clock.sleep(LONG)
    submission = hook.run(submitting(SPECIFICATION, is_first=False))
    assert not submission.adopted
    assert [job.name for job in emulator.jobs] == [f"{NAME}-2", NAME.upper(), NAME]


def test_a_retry_after_a_failed_job_submits_again(hook, emulator, clock, broken):
    notes = Notes()
    first = hook.run(submitting(SPECIFICATION, notes)).job
    emulator.fail_job(first.job_id)
    clock.sleep(LONG)
    retry = submitting(SPECIFICATION, notes, is_first=False)
    if broken:
        with pytest.raises(InvalidRequestError, match="is the name of another batch"):
            hook.run(retry)
        return
    submission = hook.run(retry)
    assert not submission.adopted
    assert [job.job_id for job in emulator.jobs] == [first.job_id, submission.job.job_id]


def test_a_kill_cancels_the_job(hook, emulator):
    job = hook.run(submitting(SPECIFICATION)).job
    hook.cancel_quietly(job.job_id)
    assert emulator.job(job.job_id).state == "Cancel"


def test_the_log_of_a_kill_knows_that_the_job_has_stopped(hook, log, broken):
    hook.cancel_quietly(hook.run(submitting(SPECIFICATION)).job.job_id)
    assert ("was cancelled and has stopped" in log.text) is not broken
    assert ("it may go on" in log.text) is broken


def test_a_cancel_of_a_job_that_has_ended_does_no_harm(hook, emulator, log, clock):
    job = hook.run(submitting(SPECIFICATION)).job
    clock.sleep(LONG)
    hook.cancel_quietly(job.job_id)
    assert emulator.job(job.job_id).state == hook.get_inventory_job(job.job_id).state != "Cancel"
    assert "may go on" not in log.text


def nights_of(hook, emulator, clock):
    """Submit three nights, of which each begins when the one before ends; return their files."""
    bounds = [START - 3 * DAY + night * DAY for night in range(4)]
    for number, bound in enumerate(bounds):
        for name, modified_at in (("before", bound - SECOND), ("bound", bound), ("after", bound + SECOND)):
            emulator.add_objects(f"media/{number}-{name}.mp4", last_modified_at=modified_at)
    jobs = [
        hook.trigger_inventory_job(
            name=f"night-{start:%d}", workflow_ids=defaults.WORKFLOW_ID, prefix="media/", start_time=start, end_time=end
        )
        for start, end in itertools.pairwise(bounds)
    ]
    clock.sleep(LONG)
    return [
        {file.object_key for file in hook.list_workflow_executions(defaults.WORKFLOW_ID, job_id=job.job_id)}
        for job in jobs
    ]


# Of the files that the nights above must process, those between the bounds; the outermost bounds have no neighbour.
INNER = {"media/1-bound.mp4", "media/2-bound.mp4"}
BETWEEN = {f"media/{number}-after.mp4" for number in range(3)} | {f"media/{number}-before.mp4" for number in (1, 2, 3)}


def test_each_file_is_in_a_night(hook, emulator, clock, broken):
    nights = nights_of(hook, emulator, clock)
    assert set.union(*nights) >= BETWEEN
    assert set.union(*nights) & INNER == (set() if broken else INNER)
    assert not any("0-before" in key or "3-after" in key for key in set.union(*nights))


def test_no_file_is_in_two_nights(hook, emulator, clock, broken):
    nights = nights_of(hook, emulator, clock)
    twice = {key for key in set.union(*nights) if sum(key in night for night in nights) > 1}
    assert twice == (INNER if broken else set())


def test_a_wrong_clock_is_corrected(hook, emulator, broken):
    emulator.configure(clock_offset_seconds=3600)
    if broken:
        with pytest.raises(AuthenticationError, match="clock"):
            hook.run(submitting(SPECIFICATION))
        return
    assert hook.run(submitting(SPECIFICATION)).job
    assert emulator.count() == 3  # one of them was refused


def test_a_wrong_key_is_named(emulator, monkeypatch, broken):
    connection = emulator.connection()
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps({**connection, "password": "another-key"}))
    with TencentCIHook() as hook:
        works, message = hook.test_connection()
    assert not works
    assert ("SecretKey" in message) is not broken


def test_temporary_keys_work(emulator, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json("assume_role"))
    with TencentCIHook() as hook:
        assert hook.test_connection()[0]


def test_an_unknown_job_is_not_found(hook):
    with pytest.raises(NotFoundError):
        hook.get_inventory_job("b" + "0" * 32)


def test_each_job_is_listed_once(hook, emulator, clock):
    for number in range(7):
        hook.trigger_inventory_job(name=f"job-{number}", workflow_ids=defaults.WORKFLOW_ID, prefix="media/")
    clock.sleep(LONG)
    listed = [job.job_id for job in hook.list_inventory_jobs(page_size=3)]
    assert sorted(listed) == sorted(job.job_id for job in emulator.jobs)


def test_a_long_chinese_name_is_accepted(hook, emulator):
    name = name_with_token("检" * 200, "0123456789abcdef")
    job = hook.trigger_inventory_job(name=name, workflow_ids=defaults.WORKFLOW_ID, prefix="media/")
    assert emulator.job(job.job_id).name == name


def test_a_failed_file_is_named_by_its_key(hook, emulator, clock, broken):
    emulator.configure(failing_keys="*")
    emulator.add_objects("media/a\x03b.mp4")
    job = hook.run(submitting(SPECIFICATION)).job
    clock.sleep(LONG)
    [failed] = hook.list_failed_files(hook.get_inventory_job(job.job_id))
    assert failed.key == ("media/a\ufffdb.mp4" if broken else "media/a\x03b.mp4")


def test_http_works_or_the_error_says_https(hook, contract):
    hook.get_conn().added_headers = {"x-forwarded-proto": "http"}
    if contract.answer("plain_http") == "serve":
        assert list(hook.list_inventory_jobs()) == []
        return
    with pytest.raises(RedirectError, match="https://"):
        list(hook.list_inventory_jobs())
