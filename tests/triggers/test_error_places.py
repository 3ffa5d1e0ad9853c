"""Each error of a wait in the triggerer names its own connection and bucket, also where waits share a poll."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.exceptions import NotFoundError
from airflow_provider_tencent_ci.triggers.capacity import InventoryJobCapacityTrigger
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.triggers.inventory_job_event import InventoryJobEventTrigger
from tests.loops import until

PLACES = {conn_id: f"Connection {conn_id!r}, bucket {defaults.BUCKET}: " for conn_id in ("news", "sports", "late")}
WAITS = {
    "job": lambda conn_id, job_id: InventoryJobTrigger(job_id, conn_id, poll_interval=0.1, contact_timeout=0.3),
    "place": lambda conn_id, _: InventoryJobCapacityTrigger(1, conn_id, poll_interval=0.1, contact_timeout=0.3),
}


@pytest.fixture
def emulator(monkeypatch):
    """Two connections to one bucket with one key, whose waits share a poller."""
    with Emulator() as emulator:
        for conn_id in ("tencent_ci_default", "news", "sports"):
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", emulator.connection_json())
        yield emulator


def messages_of(*triggers):
    async def message_of(trigger):
        [event] = [event.payload async for event in trigger.run()]
        assert event["status"] == "lost_contact"
        return event["message"]

    async def collect():
        return await asyncio.wait_for(asyncio.gather(*map(message_of, triggers)), 30)

    return asyncio.run(collect())


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("fault", ["internal_error", "reset", "truncated_xml"])
def test_a_lost_contact_names_its_own_connection_where_two_share_a_poll(emulator, job_id, wait, fault):
    emulator.inject(Fault(fault, operation="list", times=None))
    messages = messages_of(*(WAITS[wait](conn_id, job_id) for conn_id in ("news", "sports")))
    for conn_id, message in zip(("news", "sports"), messages, strict=True):
        assert [each for each, place in PLACES.items() if place in message] == [conn_id]
        assert message.count("Connection '") == 1


def test_a_job_that_no_list_shows_is_reported_with_its_place(emulator):
    [message] = messages_of(InventoryJobTrigger("b0000", "news", poll_interval=0.1, contact_timeout=0.3))
    assert f"{PLACES['news']}Batch job 'b0000' is not in the job list" in message


@pytest.mark.parametrize("wait", WAITS)
def test_a_connection_that_cannot_be_read_is_named(emulator, job_id, wait):
    [message] = messages_of(WAITS[wait]("late", job_id))
    assert "Last error: Connection 'late': " in message


def test_a_watcher_names_connection_and_bucket_in_its_log(emulator, caplog):
    emulator.inject(Fault("internal_error", operation="list", times=None))

    async def watch():
        trigger = InventoryJobEventTrigger(poll_interval=0.1, tencent_ci_conn_id="news")
        watching = asyncio.create_task(anext(trigger.run()))
        await until(lambda: "Cannot poll the batch jobs; will keep trying" in caplog.text)
        watching.cancel()

    asyncio.run(watch())
    assert PLACES["news"] in caplog.text


def test_an_error_keeps_its_own_place_when_another_wait_reports_it():
    error = NotFoundError("There is no such job.", code="NoSuchJob", advice="Check job_id.")
    error.place = "Connection 'a', bucket b-1: "
    other = error.at("Connection 'c', bucket b-1: ")
    assert str(error).startswith("Connection 'a', ")
    assert str(other) == str(error).replace("'a'", "'c'")
    assert type(other) is NotFoundError
    assert error.at("") is error.at(error.place) is error
