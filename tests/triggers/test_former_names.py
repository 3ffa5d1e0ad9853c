"""Names in Airflow's database: those of an earlier release still work after an update."""

from __future__ import annotations

import asyncio
from importlib import import_module
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from airflow_provider_tencent_ci.task_state import submission_xcom
from airflow_provider_tencent_ci.waiting import deferral
from airflow_provider_tencent_ci.waiting.resume_event import write_event

# The class paths of the release with a flat package, with arguments as in its rows of the table trigger.
STORED_TRIGGERS = {
    "airflow_provider_tencent_ci.triggers.inventory_job.InventoryJobTrigger": {"job_id": "b1", "poll_interval": 30},
    "airflow_provider_tencent_ci.triggers.capacity.InventoryJobCapacityTrigger": {"max_active_jobs": 1},
    "airflow_provider_tencent_ci.triggers.event.InventoryJobEventTrigger": {"poll_interval": 60},
    "airflow_provider_tencent_ci.triggers.starting.StartingInventoryJobTrigger": {
        "job_id": "b1",
        "seconds_before_limit": 60.0,
    },
}


def class_of(path):
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("path", STORED_TRIGGERS)
def test_a_stored_trigger_is_recreated_and_stored_by_its_new_path(path):
    trigger = class_of(path)(**STORED_TRIGGERS[path])
    new_path, arguments = trigger.serialize()
    assert arguments.items() >= STORED_TRIGGERS[path].items()
    assert class_of(new_path) is type(trigger)


def test_a_stored_trigger_waits_for_its_job(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

        job_id = TencentCIHook().trigger_inventory_job(
            name="n", workflow_ids="w00000000000000000000000000000001", prefix="media/"
        ).job_id  # fmt: skip
        path = "airflow_provider_tencent_ci.triggers.inventory_job.InventoryJobTrigger"
        trigger = class_of(path)(job_id=job_id, poll_interval=0.1)

        async def events():
            return [event.payload async for event in trigger.run()]

        [event] = asyncio.run(asyncio.wait_for(events(), 30))
        assert (event["status"], event["job"]["State"]) == ("terminal", "Success")


@pytest.mark.parametrize("kind", [TriggerInventoryJobOperator, InventoryJobSensor])
def test_a_task_is_resumed_by_the_former_name_of_its_method(monkeypatch, kind):
    arguments = {"job_id": "b1"} if kind is InventoryJobSensor else {"workflow_ids": "w1", "prefix": "media/"}
    for module in (deferral, submission_xcom):
        monkeypatch.setattr(module, "own_xcom", lambda _ti, _key: None)
    context = {"ti": SimpleNamespace(start_date=None)}
    event = write_event("deadline", "b1", None, "too long")
    with pytest.raises(AirflowTaskTimeout, match="b1"):
        kind(task_id="task", **arguments).resume_execution("execute_complete_in_time", {"event": event}, context)


def test_failed_files_are_imported_from_their_former_place():
    assert import_module("airflow_provider_tencent_ci.job_failures").InventoryJobFailures is InventoryJobFailures
