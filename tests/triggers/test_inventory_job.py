"""The trigger alone: its stored arguments and its events; it cannot stop a triggerer."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_KEY, WORKFLOW_ID
from airflow_provider_tencent_ci.exceptions import UnexpectedEventError
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.waiting.resume_event import read_event


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=0.5) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


def events_of(trigger):
    async def collect():
        return [event.payload async for event in trigger.run()]

    return asyncio.run(asyncio.wait_for(collect(), 30))


def event_of(trigger):
    [event] = events_of(trigger)
    return read_event(json.loads(json.dumps(event)))


def test_the_trigger_s_arguments_are_json_and_recreate_it():
    trigger = InventoryJobTrigger("b1", "media", "b-1", "ap-beijing", 5, "2026-01-02T03:04:05+00:00", 60)
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_tencent_ci.triggers.inventory_job.InventoryJobTrigger"
    assert InventoryJobTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)


def test_every_argument_of_the_trigger_has_a_default():
    assert InventoryJobTrigger().serialize()[1]["tencent_ci_conn_id"] == "tencent_ci_default"


@pytest.mark.parametrize("nonsense", [None, [], {}, "x", -1, object()])
def test_the_constructor_accepts_any_arguments(nonsense):
    InventoryJobTrigger(*[nonsense] * 7)


def test_the_trigger_holds_no_secret(emulator):
    assert SECRET_KEY not in json.dumps(InventoryJobTrigger("b1").serialize())


def test_an_ended_job_sends_one_final_event(emulator, job_id):
    event = event_of(InventoryJobTrigger(job_id, poll_interval=0.1))
    assert (event["status"], event["job_id"], event["job"]["State"]) == ("terminal", job_id, "Success")


def test_a_deadline_sends_one_event_and_the_job_continues(emulator, job_id):
    emulator.configure(run_seconds=3600)
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="long", workflow_ids=WORKFLOW_ID, prefix="media/")
    deadline_at = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    event = event_of(InventoryJobTrigger(job.job_id, poll_interval=0.1, deadline_at=deadline_at))
    assert (event["status"], event["job"]["State"]) == ("deadline", "Running")
    assert emulator.count("cancel") == 0


def test_a_job_that_ended_between_triggers_counts_as_ended(emulator, job_id):
    emulator.advance(3600)
    deadline_at = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert event_of(InventoryJobTrigger(job_id, deadline_at=deadline_at))["status"] == "terminal"


def test_a_lost_contact_sends_one_event(emulator, job_id):
    emulator.inject(Fault("internal_error", times=None))
    event = event_of(InventoryJobTrigger(job_id, poll_interval=0.1, contact_timeout=0.5))
    assert (event["status"], event["job"]) == ("lost_contact", None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"job_id": ""},
        {"job_id": None},
        {"job_id": "b1", "tencent_ci_conn_id": "there_is_no_such_connection", "contact_timeout": 0.2},
        {"job_id": "b1", "bucket": "short"},
        {"job_id": "b1", "deadline_at": "noon"},
        {"job_id": "b1", "poll_interval": "often"},
        {"job_id": "b1", "contact_timeout": None, "region": 7},
    ],
)
def test_an_impossible_wait_sends_one_event_and_raises_nothing(emulator, arguments):
    [event] = events_of(InventoryJobTrigger(**arguments))
    assert event["status"] == "lost_contact"
    assert "not cancelled" in event["message"]


def test_a_waiting_trigger_does_not_block_the_loop(emulator, job_id):
    hang = emulator.inject(Fault("hang", operation="list", seconds=60, times=None))

    async def main():
        waits = [asyncio.ensure_future(anext(InventoryJobTrigger(job_id).run())) for _ in range(3)]
        # Only a loop that is not blocked can poll and start the other two.
        while not hang.injected:  # noqa: ASYNC110 - the count is the emulator thread's
            await asyncio.sleep(0.01)
        assert not any(wait.done() for wait in waits)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), 25))


@pytest.mark.parametrize("credentials", ["machine_role", "assume_role"])
def test_many_triggers_share_their_temporary_keys(emulator, job_id, monkeypatch, credentials):
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json(credentials))

    async def main():
        triggers = [InventoryJobTrigger(job_id, poll_interval=0.2) for _ in range(50)]
        return [event.payload for event in await asyncio.gather(*(anext(trigger.run()) for trigger in triggers))]

    events = asyncio.run(asyncio.wait_for(main(), 60))
    assert {event["status"] for event in events} == {"terminal"}
    assert emulator.count("metadata") + emulator.count("assume_role") == 1
    [key] = emulator.temporary_keys
    assert not any(secret in json.dumps(events) for secret in (key.secret_id, key.secret_key, key.token))


def test_a_machine_without_a_role_sends_one_event_and_cancels_nothing(emulator, job_id, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json("machine_role"))
    emulator.bind_role(None)
    event = event_of(InventoryJobTrigger(job_id, poll_interval=0.1, contact_timeout=0.5, cancel_on_kill=True))
    assert (event["status"], event["job"]) == ("lost_contact", None)
    assert "no role is bound to this machine" in event["message"]
    assert emulator.count("cancel") == 0


@pytest.mark.parametrize("kind", [TriggerInventoryJobOperator, InventoryJobSensor])
@pytest.mark.parametrize("event", [None, "success", "failed", {"status": "success"}])
def test_a_task_never_accepts_a_foreign_event_as_success(kind, event):
    task = kind(task_id="wait", **({"job_id": "b1"} if kind is InventoryJobSensor else {}))
    with pytest.raises(UnexpectedEventError):
        task.execute_complete({}, event)
