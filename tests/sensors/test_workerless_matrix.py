"""
Each cell of the table of results in ``docs/sensor.md``, for a sensor that starts, or also ends, in the triggerer.

``dag.test`` starts tasks on a worker only. So the real trigger and the real sensor run here, each as the process of
Airflow that has it. The fixtures stand for Airflow's database. ``tests/stack`` runs some cases in a running Airflow.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_tencent_ci.compat.airflow_names import AirflowSkipException, TaskSuccessEvent
from airflow_provider_tencent_ci.compat.triggerer_features import has_workerless_waits
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.sensors import inventory_job as sensors
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from airflow_provider_tencent_ci.task_state import wait_began_at
from airflow_provider_tencent_ci.triggers import inventory_job as triggers
from airflow_provider_tencent_ci.triggers import sensor_start
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.triggers.sensor_start import StartingInventoryJobTrigger
from tests.sensors.result_table import each_with_one_of, hasten_late_list, submit

pytestmark = pytest.mark.skipif(not has_workerless_waits(), reason="Airflow can do so from 3.3 on")

MODES = {
    "begun in the triggerer": "start_from_trigger=True",
    "begun and ended in the triggerer": "start_from_trigger=True, end_from_trigger=True",
}
FIELDS = ("job_id", "bucket", "region", "tencent_ci_conn_id")


class TaskInstance(SimpleNamespace):
    """The task instance, with XComs in memory."""

    def xcom_push(self, key, value):
        self.xcoms[key] = value


@pytest.fixture
def ti(monkeypatch):
    names = {"dag_id": "d", "task_id": "wait", "run_id": "r1", "map_index": -1}
    ti = TaskInstance(id=1, try_number=1, start_date=datetime.now(UTC), xcoms={}, **names)
    for module in (sensor_start, triggers):
        monkeypatch.setattr(module, "push_xcoms", lambda ti, values: ti.xcoms.update(values))
    monkeypatch.setattr(wait_began_at, "own_xcom", lambda ti, key: ti.xcoms.get(key))
    monkeypatch.setattr(sensors, "delete_xcom", lambda ti, key: ti.xcoms.pop(key, None))
    return ti


@pytest.fixture
def emulator(monkeypatch):
    hasten_late_list(monkeypatch)
    with Emulator(submitted_seconds=0.1, run_seconds=0.4) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


def new_sensor(arguments):
    """The sensor as a DAG file makes it, in each process again."""
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        named = eval(f"dict({arguments})", {"timedelta": timedelta})  # noqa: S307 - the arguments are ours
        return InventoryJobSensor(task_id="wait", **named)


def event_of(trigger, ti):
    """The event of a trigger in a triggerer."""
    trigger.task_instance = ti

    async def collect():
        import greenback

        await greenback.ensure_portal()
        trigger.render_template_fields({"ti": ti, "task_instance": ti})
        return [event async for event in trigger.run()]

    [event] = asyncio.run(asyncio.wait_for(collect(), 60))
    return event


def started_trigger(task, ti):
    """The trigger that the scheduler makes for a task which no worker starts."""
    start = task.start_trigger_args
    trigger = StartingInventoryJobTrigger(**json.loads(json.dumps(start.trigger_kwargs)))
    trigger.timeout_after = ti.start_date + min(start.timeout, task.execution_timeout or timedelta.max)
    ti.task = SimpleNamespace(
        template_fields=FIELDS,
        template_ext=(),
        start_trigger_args=SimpleNamespace(trigger_kwargs=dict.fromkeys(FIELDS)),
        get_template_env=lambda: None,
        dag=None,
    )
    return trigger, start.next_method


def resumed(arguments, ti, method, event):
    """Resume the task in a new process; return how that process ended: its state and error, or its deferral."""
    try:
        new_sensor(arguments).resume_execution(method, {"event": event.payload}, {"ti": ti})
    except TaskDeferred as deferred:
        return deferred
    except AirflowSkipException:
        return "skipped", None
    except Exception as error:
        return "failed", type(error).__name__
    except BaseException as error:
        if type(error).__name__ != "AirflowTaskTimeout":
            raise
        return "failed", "AirflowTaskTimeout"
    return "success", None


def run(arguments, ti):
    trigger, method = started_trigger(new_sensor(arguments), ti)
    while True:
        event = event_of(trigger, ti)
        if isinstance(event, TaskSuccessEvent):
            return "success", None
        end = resumed(arguments, ti, method, event)
        if not isinstance(end, TaskDeferred):
            return end
        method = end.method_name
        trigger = InventoryJobTrigger(**json.loads(json.dumps(end.trigger.serialize()[1])))


@pytest.mark.parametrize(("case", "mode"), each_with_one_of(MODES), ids=str)
def test_a_condition_has_the_same_result_without_workers(emulator, ti, case, mode):
    arguments = case.arguments(submit(emulator, case), MODES[mode])
    assert run(arguments, ti) == (case.state, case.error if case.state == "failed" else None)
