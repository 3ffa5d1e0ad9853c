"""The trigger counts the files of a job that has ended, so that no worker is held for it."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggerer import file_counter
from airflow_provider_tencent_ci.triggers import inventory_job as triggers
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.waiting.job_wait import count_at_end, new_progress
from airflow_provider_tencent_ci.waiting.resume_event import read_counts, read_event
from tests.core.files.records import WORKFLOW_JOB, Files, in_seconds
from tests.core.script import Script
from tests.loops import until

TI = SimpleNamespace(id=1, dag_id="nightly", task_id="submit", run_id="r1", map_index=-1, try_number=1)


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        emulator.add_objects(*(f"some/{number:04}.mp4" for number in range(1000)))
        yield emulator


@pytest.fixture
def job_id(emulator):
    emulator.configure(failing_keys=("some/*1.mp4",), run_seconds=1)
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name="nightly", workflow_ids=WORKFLOW_ID, prefix="some/").job_id


def trigger_of(job_id, **arguments):
    return InventoryJobTrigger(job_id, poll_interval=0.1, count_files=True, **arguments)


async def event_of(trigger):
    [event] = [event async for event in trigger.run()]
    return json.loads(json.dumps(event.payload))


def run(trigger):
    return asyncio.run(asyncio.wait_for(event_of(trigger), 30))


def test_the_event_has_the_counts(emulator, job_id):
    emulator.advance(2)
    event = run(trigger_of(job_id))
    counts = read_counts(read_event(event))
    assert (counts.total, counts.succeeded, counts.failed) == (1000, 900, 100)
    assert emulator.count("executions") == 10
    assert len(json.dumps(event)) < 2000


def test_a_count_of_the_wait_does_not_make_the_last_one_old(emulator, job_id):
    emulator.configure(run_seconds=3600)
    with TencentCIHook() as hook:
        slow = hook.trigger_inventory_job(name="slow", workflow_ids=WORKFLOW_ID, prefix="some/").job_id
    emulator.advance(3000)

    async def main():
        waiting = asyncio.ensure_future(event_of(trigger_of(slow, progress_interval=0.1)))
        await until(lambda: emulator.count("executions") >= 10)
        emulator.finish_job(slow)
        return read_counts(await waiting)

    counts = asyncio.run(asyncio.wait_for(main(), 60))
    assert (counts.total, counts.running) == (1000, 0)


def test_the_last_count_goes_on_from_those_of_the_wait():
    """The emulator's files are a moment old, so no count of the wait settles any of them."""
    files, log = Files(*in_seconds(*["Success"] * 30, "Running")), logging.getLogger(__name__)
    progress = new_progress(1, log)
    script = Script([files.answer], forever=True)
    script.now += timedelta(hours=1)
    assert not progress.is_due(script.now)
    script.now += timedelta(seconds=2)
    script.run(progress.advance(WORKFLOW_JOB, script.now + timedelta(seconds=1)))
    files.files[-1].state, before = "Failed", len(files.requests)
    assert script.run(count_at_end(WORKFLOW_JOB, progress, log)).failed == 1
    assert len(files.requests) - before == 1


def test_a_task_that_needs_no_counts_makes_none(emulator, job_id):
    emulator.advance(2)
    trigger = trigger_of(job_id)
    trigger.count_files = False
    assert read_counts(run(trigger)) is None
    assert emulator.count("executions") == 0


@pytest.mark.parametrize("why", ["error", "too long", "deadline"])
def test_files_that_cannot_be_counted_here_are_left_to_a_worker(emulator, job_id, monkeypatch, why):
    emulator.advance(2)
    arguments = {}
    if why == "error":
        emulator.inject(Fault("error", operation="executions", status=403, code="AccessDenied", times=None))
    else:
        emulator.inject(Fault("hang", operation="executions", times=None))
    if why == "too long":
        monkeypatch.setattr(triggers, "_LONGEST_COUNT_SECONDS", 0.5)
    if why == "deadline":
        arguments["deadline_at"] = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    event = run(trigger_of(job_id, **arguments))
    assert (read_event(event)["status"], read_counts(event)) == ("terminal", None)


def test_a_kill_while_counting_cancels_nothing(emulator, job_id):
    emulator.advance(2)
    emulator.inject(Fault("hang", operation="executions", times=None))
    trigger = trigger_of(job_id, cancel_on_kill=True)
    trigger.task_instance = TI

    async def main():
        counting = asyncio.ensure_future(event_of(trigger))
        await until(lambda: emulator.count("executions") >= 1)
        await trigger.on_kill()
        counting.cancel()
        await asyncio.wait([counting])

    asyncio.run(asyncio.wait_for(main(), 30))
    assert emulator.count("cancel") == 0


def test_all_counts_of_a_loop_share_one_part_of_its_time(emulator, job_id, monkeypatch):
    """And each of them begins a turn only when the one before it is over."""
    emulator.advance(2)
    turns = []
    read = file_counter.ProcessorShare.read

    def noting(share, do):
        turns.append(id(share))
        return read(share, do)

    monkeypatch.setattr(file_counter.ProcessorShare, "read", noting)

    async def main():
        return await asyncio.gather(*(event_of(trigger_of(job_id)) for _ in range(3)))

    events = asyncio.run(asyncio.wait_for(main(), 60))
    assert [read_counts(event).total for event in events] == [1000] * 3
    assert (len(turns), len(set(turns))) == (30, 1)
