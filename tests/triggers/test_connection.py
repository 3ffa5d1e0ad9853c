"""A connection that cannot be read for a while, as when a secrets backend is restarted: the wait continues."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, LostContactError
from airflow_provider_tencent_ci.hooks import tencent_ci as hooks
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggers import inventory_job as triggers
from airflow_provider_tencent_ci.triggers.capacity import InventoryJobCapacityTrigger
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.waiting.deferral import reconnect
from tests.triggers.test_sensor_start import event_of as event_of_start
from tests.triggers.test_sensor_start import pushed  # noqa: F401 - a fixture
from tests.triggers.test_sensor_start import pytestmark as can_start_there


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=0.5) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


class Backend:
    """A secrets backend that is out of order for some reads."""

    def __init__(self, monkeypatch):
        self.failures = self.reads = 0
        self._read = hooks.get_connection_async
        monkeypatch.setattr(hooks, "get_connection_async", self.read)

    async def read(self, conn_id):
        self.reads += 1
        if self.reads <= self.failures:
            raise LookupError(f"The conn_id `{conn_id}` isn't defined")
        return await self._read(conn_id)


@pytest.fixture
def backend(monkeypatch, emulator):
    return Backend(monkeypatch)


def event_of(trigger):
    async def collect():
        return [event.payload async for event in trigger.run()]

    [event] = asyncio.run(asyncio.wait_for(collect(), 30))
    return event


def test_a_wait_continues_when_the_connection_can_be_read_again(backend, job_id):
    backend.failures = 3
    event = event_of(InventoryJobTrigger(job_id, poll_interval=0.1))
    assert (event["status"], event["job"]["State"]) == ("terminal", "Success")
    assert backend.reads == 4


def test_a_wait_for_capacity_continues_too(backend):
    backend.failures = 3
    assert event_of(InventoryJobCapacityTrigger(5, poll_interval=0.1))["status"] == "capacity"


@can_start_there
def test_a_wait_that_starts_in_the_triggerer_continues_too(backend, job_id):
    backend.failures = 3
    assert event_of_start(job_id).payload["status"] == "terminal"


@can_start_there
def test_the_first_poll_is_strict_after_an_unreadable_connection(emulator, backend, job_id):
    backend.failures = 1
    emulator.inject(Fault("error", operation="list", status=403, code="AccessDenied", times=None))
    assert "PermissionDeniedError" in event_of_start(job_id).payload["message"]


def test_an_unreadable_connection_loses_contact_after_the_contact_timeout(emulator, backend, job_id):
    backend.failures = 1000
    event = event_of(InventoryJobTrigger(job_id, poll_interval=0.1, contact_timeout=0.5))
    assert event["status"] == "lost_contact"
    assert "isn't defined" in event["message"]
    event = event_of(InventoryJobCapacityTrigger(5, poll_interval=0.1, contact_timeout=0.5))
    assert event["status"] == "lost_contact"
    assert emulator.requests == [] or emulator.count("list") == 0


def test_connection_and_service_share_one_contact_timeout(emulator, backend, job_id):
    """Half of the time the connection is unreadable, then the service is down: no answer all the time."""
    emulator.inject(Fault("internal_error", operation="list", times=None))
    backend.failures = 6
    began_at = datetime.now(UTC)
    event = event_of(InventoryJobTrigger(job_id, poll_interval=0.2, contact_timeout=1.5))
    assert event["status"] == "lost_contact"
    assert "InternalError" in event["message"]
    assert datetime.now(UTC) - began_at < timedelta(seconds=2.4)


@pytest.mark.parametrize(
    "trigger", [InventoryJobTrigger("b1", bucket="short"), InventoryJobCapacityTrigger(bucket="short")]
)
def test_a_wrong_argument_ends_the_wait_at_once(emulator, trigger):
    assert event_of(trigger)["status"] == "lost_contact"


def test_a_stop_does_not_read_the_connection_again(emulator, backend, job_id, monkeypatch):
    emulator.configure(run_seconds=3600)
    trigger = stoppable(job_id, monkeypatch)

    async def main():
        run = asyncio.ensure_future(anext(trigger.run()))
        while not emulator.count("list"):  # noqa: ASYNC110 - the count is the emulator thread's
            await asyncio.sleep(0.01)
        backend.failures = 1000
        await trigger.on_kill()
        run.cancel()

    asyncio.run(asyncio.wait_for(main(), 20))
    assert emulator.count("cancel") == 1


def test_a_stop_survives_an_unreadable_connection(emulator, backend, job_id, monkeypatch):
    backend.failures = 2
    asyncio.run(asyncio.wait_for(stoppable(job_id, monkeypatch).on_kill(), 20))
    assert emulator.count("cancel") == 1


def stoppable(job_id, monkeypatch):
    """A trigger whose task a person has marked as a success."""
    monkeypatch.setattr(triggers, "task_instance_state", lambda _ti: "success")
    monkeypatch.setattr(triggers, "recorded_job_id", lambda _ti: job_id)
    monkeypatch.setattr(triggers, "recorded_try", lambda _ti: None)
    trigger = InventoryJobTrigger(job_id, cancel_on_kill=True)
    trigger.task_instance = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1, try_number=1)
    return trigger


class Clock:
    def __init__(self):
        self.now, self.pauses = datetime(2026, 1, 1, tzinfo=UTC), []

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)


def reconnected(monkeypatch, failures, error=LookupError):
    """The pauses of a worker that resumes a task while the connection cannot be read."""
    clock, left, read = Clock(), iter(range(failures)), TencentCIHook.get_connection

    def get_connection(conn_id):
        if next(left, None) is not None:
            raise error("The conn_id isn't defined")
        return read(conn_id)

    monkeypatch.setattr(TencentCIHook, "get_connection", staticmethod(get_connection))
    reconnect(TencentCIHook(), 600, now=lambda: clock.now, sleep=clock.sleep)
    return clock.pauses


def test_a_resuming_worker_survives_an_unreadable_connection(emulator, monkeypatch):
    assert reconnected(monkeypatch, 0) == []
    assert reconnected(monkeypatch, 7) == [10] * 7


def test_a_worker_gives_up_after_the_same_contact_timeout(emulator, monkeypatch):
    with pytest.raises(LostContactError, match="could not be read for 600 seconds"):
        reconnected(monkeypatch, 1000)


def test_a_wrong_connection_ends_a_worker_s_wait_at_once(emulator, monkeypatch):
    with pytest.raises(InvalidArgumentError):
        reconnected(monkeypatch, 1, InvalidArgumentError)
