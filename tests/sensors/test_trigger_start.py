"""The start arguments of a sensor that starts in the triggerer, and its continuation on a worker."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_tencent_ci.compat.airflow_names import AirflowSensorTimeout, AirflowTaskTimeout
from airflow_provider_tencent_ci.compat.triggerer_features import has_workerless_waits
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, UnexpectedEventError
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from airflow_provider_tencent_ci.triggers.sensor_start import StartingInventoryJobTrigger
from airflow_provider_tencent_ci.waiting.resume_event import write_event, write_not_started

pytestmark = pytest.mark.skipif(not has_workerless_waits(), reason="Airflow can do so from 3.3 on")


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(run_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture(autouse=True)
def dag():
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        yield dag


def sensor(job_id="b1", **arguments):
    return InventoryJobSensor(task_id="wait", job_id=job_id, start_from_trigger=True, **arguments)


def submit(task_id="submit", **arguments):
    return TriggerInventoryJobOperator(task_id=task_id, workflow_ids="w1", prefix="media/", **arguments)


def arguments_of(task):
    return task.start_trigger_args.trigger_kwargs


def test_the_arguments_are_json_and_recreate_the_trigger():
    arguments = json.loads(json.dumps(arguments_of(sensor(bucket="media-1250000000", end_from_trigger=True))))
    trigger = StartingInventoryJobTrigger(**arguments)
    path, serialized = trigger.serialize()
    assert path == sensor_path() == "airflow_provider_tencent_ci.triggers.sensor_start.StartingInventoryJobTrigger"
    assert serialized.items() >= arguments.items()
    assert StartingInventoryJobTrigger(**serialized).serialize() == (path, serialized)
    assert arguments["success_xcoms"] == {"return_value": "record", "job": "record"}


def sensor_path():
    return InventoryJobSensor(task_id="other", job_id="b1", start_from_trigger=True).start_trigger_args.trigger_cls


@pytest.mark.parametrize("cancel_on_kill", [True, False])
def test_a_deferred_sensor_cancels_its_job_on_request_wherever_it_starts(cancel_on_kill):
    task = sensor(cancel_on_kill=cancel_on_kill)
    assert arguments_of(task)["cancel_on_kill"] is cancel_on_kill
    with pytest.raises(TaskDeferred) as deferred:
        task._defer(datetime.now(UTC))
    assert deferred.value.trigger.serialize()[1]["cancel_on_kill"] is cancel_on_kill


def test_a_sensor_ends_in_the_triggerer_only_on_request_and_if_possible():
    assert arguments_of(sensor())["success_xcoms"] is None
    with_callback = InventoryJobSensor(
        task_id="other", job_id="b1", start_from_trigger=True, end_from_trigger=True, on_success_callback=print
    )
    assert arguments_of(with_callback)["success_xcoms"] is None


@pytest.mark.parametrize("key", ["return_value", "job_id"])
def test_a_reference_to_a_task_becomes_a_template_and_stays_a_dependency(dag, key):
    task = sensor(submit().output[key])
    assert arguments_of(task)["job_id"] == f"{{{{ ti.xcom_pull('submit', key='{key}', map_indexes=-1) or '' }}}}"
    assert task.upstream_task_ids == {"submit"}


def test_a_reference_names_the_task_with_its_groups():
    from airflow.sdk import TaskGroup

    with TaskGroup("night"):
        task = sensor(submit().output)
    assert "'night.submit'" in arguments_of(task)["job_id"]


def test_a_reference_within_a_mapped_group_uses_the_same_index():
    from airflow.sdk import task_group

    tasks = []

    @task_group
    def batch(prefix):
        tasks.append(sensor(submit().output))

    batch.expand(prefix=["media/1/", "media/2/"])
    assert "map_indexes=ti.map_index" in arguments_of(tasks[0])["job_id"]


def test_texts_and_templates_are_not_changed():
    template = "{{ ti.xcom_pull('submit') }}"
    assert arguments_of(sensor(template))["job_id"] == template


def mapped_output():
    return TriggerInventoryJobOperator.partial(task_id="many", workflow_ids="w1").expand(prefix=["a", "b"]).output


@pytest.mark.parametrize(
    "reference", [lambda: submit().output.map(str), lambda: mapped_output()], ids=["map", "mapped"]
)
def test_a_value_that_the_triggerer_cannot_render_is_refused(reference):
    with pytest.raises(InvalidArgumentError, match="with start_from_trigger, job_id must be a text"):
        sensor(reference())


def test_a_mapped_sensor_starts_on_workers():
    mapped = InventoryJobSensor.partial(task_id="wait", start_from_trigger=True).expand(job_id=["b1", "b2"])
    assert mapped.start_trigger_args is None


@pytest.mark.parametrize(
    "arguments", [{"on_execute_callback": print}, {"pre_execute": print}, {"map_index_template": "{{ params }}"}]
)
def test_a_sensor_with_work_at_its_start_starts_on_a_worker(arguments):
    assert sensor(**arguments).start_trigger_args is None


@pytest.mark.parametrize("method", ["execute", "pre_execute"])
def test_a_subclass_with_its_own_start_starts_on_a_worker(method):
    kind = type("Preparing", (InventoryJobSensor,), {method: lambda _self, _context: None, "__module__": "dags"})
    assert kind(task_id="wait", job_id="b1", start_from_trigger=True).start_trigger_args is None


@pytest.mark.parametrize(
    ("timeout", "execution_timeout", "seconds_before_limit"),
    [(100, None, 60), (100, 1000, 60), (100, 130, 30), (100, 100, 0), (100, 20, 0)],
)
def test_the_time_to_wait_is_read_from_airflow_s_own_limit(timeout, execution_timeout, seconds_before_limit):
    limit = timedelta(seconds=execution_timeout) if execution_timeout else None
    task = sensor(timeout=timeout, execution_timeout=limit)
    assert task.start_trigger_args.timeout == timedelta(seconds=timeout + 60)
    assert arguments_of(task)["seconds_before_limit"] == seconds_before_limit


@pytest.mark.parametrize(
    ("execution_timeout", "error"),
    [(None, AirflowSensorTimeout), (timedelta(days=2), AirflowSensorTimeout), (timedelta(hours=1), AirflowTaskTimeout)],
)
def test_a_deadline_is_the_earlier_one_of_the_limits(execution_timeout, error):
    task = sensor(timeout=timedelta(days=1), execution_timeout=execution_timeout)
    with pytest.raises(error):
        task.execute_started({}, write_event("deadline", "b1", None, "too long"))


def test_the_time_of_a_start_on_a_worker_counts_from_the_start_of_the_try(emulator, job_id):
    began_at = datetime.now(UTC) - timedelta(minutes=5)
    with pytest.raises(TaskDeferred) as deferred:
        sensor(job_id, timeout=600).execute_started(
            {"ti": SimpleNamespace(start_date=began_at)}, write_not_started("no templates")
        )
    assert deferred.value.trigger.deadline_at == (began_at + timedelta(minutes=10)).isoformat()


def test_only_a_task_that_starts_in_the_triggerer_accepts_the_event_of_a_failed_start():
    with pytest.raises(UnexpectedEventError):
        sensor().execute_complete({}, write_not_started("no templates"))


@pytest.mark.parametrize("event", [None, "success", "failed", {"status": "not_started"}])
def test_a_task_never_accepts_a_foreign_event_as_success(event):
    with pytest.raises(UnexpectedEventError):
        sensor().execute_started({}, event)
