"""The gate at which tasks wait for a place in a bucket: the order of release, its time, and the clean-up."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggerer import capacity_gate
from airflow_provider_tencent_ci.triggers.capacity import InventoryJobCapacityTrigger
from tests.loops import run_alone, until


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


def submit(number):
    with TencentCIHook() as hook:
        jobs = [
            hook.trigger_inventory_job(name=f"j{index}", workflow_ids=WORKFLOW_ID, prefix="media/")
            for index in range(number)
        ]
    return [job.job_id for job in jobs]


def wait(max_active_jobs=3, poll_interval=0.2, **arguments):
    trigger = InventoryJobCapacityTrigger(max_active_jobs, poll_interval=poll_interval, **arguments)
    return asyncio.ensure_future(anext(trigger.run()))


def statuses(waits):
    return [json.loads(json.dumps(waiting.result().payload))["status"] for waiting in waits if waiting.done()]


def run(main):
    run_alone(main, capacity_gate._gates)


def end_all(waits):
    for waiting in waits:
        waiting.cancel()


async def in_line(number, **arguments):
    """Waiters that start one after another: reading a connection takes some of them longer."""
    waits = []
    for place in range(1, number + 1):
        waits.append(wait(**arguments))
        await until(lambda place=place: sum(len(one._waiters) for one in capacity_gate._gates.in_use()) == place)
    return waits


def test_free_places_go_to_the_first_waiters(emulator):
    jobs = submit(5)

    async def main():
        waits = await in_line(6, max_active_jobs=5, poll_interval=3)
        before = emulator.count("list")
        await until(lambda: emulator.count("list") > before)  # now there is time until the next poll
        for job_id in jobs[:3]:
            emulator.finish_job(job_id)
        await until(lambda: len(statuses(waits)) == 3)
        assert [waiting.done() for waiting in waits] == [True] * 3 + [False] * 3
        submit(3)  # as the released waiters would do; before the next poll
        before = emulator.count("list")
        await until(lambda: emulator.count("list") > before)
        emulator.finish_job(jobs[3])
        await until(lambda: len(statuses(waits)) == 4)
        assert [waiting.done() for waiting in waits] == [True] * 4 + [False] * 2
        end_all(waits)

    run(main)


def test_hundreds_of_waiters_cost_as_many_requests_as_one(emulator):
    submit(3)

    async def main():
        waits = [wait() for _ in range(300)]
        await until(lambda: emulator.count("list") >= 5)
        assert not statuses(waits)
        end_all(waits)

    run(main)
    assert emulator.count("list") < 20


def test_a_cancelled_waiter_takes_no_place(emulator):
    [job_id] = submit(1)

    async def main():
        waits = [wait(1) for _ in range(3)]
        await until(lambda: emulator.count("list") >= 1)
        waits[0].cancel()
        emulator.finish_job(job_id)
        await until(lambda: waits[1].done())
        assert waits[1].result().payload == {"version": 1, "status": "capacity", "message": ""}
        end_all(waits)

    run(main)


@pytest.mark.parametrize("fault", ["internal_error", "reset", "truncated_xml"])
def test_a_wait_survives_a_failing_service(emulator, fault):
    emulator.inject(Fault(fault, operation="list", times=3))

    async def main():
        waits = [wait(), wait()]
        await asyncio.gather(*waits)
        assert statuses(waits) == ["capacity"] * 2

    run(main)


def test_a_service_that_stays_unreachable_ends_the_wait(emulator):
    emulator.inject(Fault("internal_error", operation="list", times=None))

    async def main():
        waits = [wait(contact_timeout=0.5), wait(contact_timeout=0.5)]
        await asyncio.gather(*waits)
        assert statuses(waits) == ["lost_contact"] * 2
        assert "InternalError" in waits[0].result().payload["message"]

    run(main)


def test_each_waiter_has_its_own_contact_timeout(emulator):
    """A late waiter does not fail together with one that has waited through most of an outage."""
    outage = emulator.inject(Fault("internal_error", operation="list", times=None))

    async def main():
        first = wait(contact_timeout=1)
        await until(lambda: outage.injected >= 2)
        await asyncio.sleep(0.5)
        second = wait(contact_timeout=600)
        assert (await first).payload["status"] == "lost_contact"
        await asyncio.sleep(0.5)
        assert not second.done()
        emulator.clear_faults()
        assert (await second).payload["status"] == "capacity"

    run(main)


def test_each_waiter_has_its_own_poll_interval(emulator):
    [job_id] = submit(1)

    async def main():
        patient = wait(1, poll_interval=3600)
        await until(lambda: emulator.count("list") == 1)
        brisk = wait(1, poll_interval=0.2)
        await until(lambda: emulator.count("list") >= 4)
        brisk.cancel()
        await asyncio.sleep(0.5)
        before = emulator.count("list")
        await asyncio.sleep(0.5)
        assert emulator.count("list") == before, "no waiter has a deadline any more"
        emulator.finish_job(job_id)
        brisk = wait(1, poll_interval=0.2)
        assert (await patient).payload["status"] == "capacity"
        end_all([brisk])

    run(main)


def test_a_deadline_ends_one_wait_on_time_and_no_other(emulator):
    submit(1)

    async def main():
        soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
        waits = [wait(1, poll_interval=3600, deadline_at=soon), wait(1, poll_interval=3600)]
        event = (await asyncio.wait_for(waits[0], 5)).payload
        assert event["status"] == "deadline"
        assert event["message"].endswith("Nothing was submitted.")
        assert not waits[1].done()
        end_all(waits)

    run(main)


def test_retry_after_holds_for_all_and_extends_no_contact_timeout(emulator):
    emulator.inject(Fault("slow_down", operation="list", retry_after_seconds=3600, times=None))

    async def main():
        waits = [wait(contact_timeout=0.4), wait(contact_timeout=600)]
        assert (await asyncio.wait_for(waits[0], 5)).payload["status"] == "lost_contact"
        assert not waits[1].done()
        end_all(waits)

    run(main)
    assert emulator.count("list") == 1


def test_invalid_arguments_end_in_an_event_and_affect_no_other_waiter(emulator):
    async def main():
        for arguments in (
            {"max_active_jobs": "many"},
            {"bucket": 7},
            {"deadline_at": "noon"},
            {"poll_interval": "often"},
        ):
            event = await anext(InventoryJobCapacityTrigger(**{"contact_timeout": 0.2, **arguments}).run())
            assert event.payload["status"] == "lost_contact"
            assert event.payload["message"].startswith("Nothing was submitted")

    run(main)


def test_the_trigger_s_arguments_are_json_and_recreate_it():
    deadline_at = "2026-01-02T03:04:05+00:00"
    path, arguments = InventoryJobCapacityTrigger(5, "media", "b-1", "ap-beijing", 5, 60, deadline_at).serialize()
    assert path == "airflow_provider_tencent_ci.triggers.capacity.InventoryJobCapacityTrigger"
    assert InventoryJobCapacityTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
