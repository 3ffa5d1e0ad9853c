"""When a task may end in the triggerer, and with which XComs."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG, Asset, TaskDeferred

from airflow_provider_tencent_ci.compat.triggerer_features import has_workerless_waits
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from airflow_provider_tencent_ci.waiting import end_from_trigger
from airflow_provider_tencent_ci.waiting.end_from_trigger import (
    JOB_ID,
    RECORD,
    success_xcoms,
    why_a_worker_must_end,
)

only_3_3 = pytest.mark.skipif(not has_workerless_waits(), reason="Airflow can do so from 3.3 on")


def sensor(**arguments):
    return InventoryJobSensor(task_id="wait", job_id="b1", **arguments)


@only_3_3
def test_a_task_without_remaining_work_may_end_in_the_triggerer():
    assert why_a_worker_must_end(sensor()) is None
    assert success_xcoms(sensor(), RECORD) == {"return_value": RECORD}
    assert success_xcoms(sensor(), JOB_ID, {"job": RECORD}) == {"return_value": JOB_ID, "job": RECORD}


@only_3_3
def test_an_unreturned_value_is_not_pushed():
    assert success_xcoms(sensor(do_xcom_push=False), JOB_ID, {"job": RECORD}) == {"job": RECORD}


@only_3_3
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"outlets": [Asset("done")]}, "outlets"),
        ({"on_success_callback": print}, "on_success_callback"),
        ({"post_execute": print}, "post_execute"),
        ({"multiple_outputs": True}, "multiple_outputs"),
    ],
)
def test_work_of_a_worker_is_left_to_it(arguments, reason):
    task = sensor(**arguments)
    assert reason in why_a_worker_must_end(task)
    assert success_xcoms(task, RECORD) is None


@only_3_3
def test_a_result_for_mapped_tasks_is_pushed_by_a_worker():
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        task = sensor()

        @dag.task
        def use(node):
            return node

        use.expand(node=task.output)
    assert "expands over" in why_a_worker_must_end(task)


class Reporting(InventoryJobSensor):
    def execute_complete(self, context, event=None):
        return "reported", super().execute_complete(context, event)


class Tidying(InventoryJobSensor):
    def post_execute(self, context, result=None):
        super().post_execute(context, result)


@only_3_3
@pytest.mark.parametrize("kind", [Reporting, Tidying])
def test_a_subclass_with_its_own_end_ends_on_a_worker(kind):
    assert "a subclass" in why_a_worker_must_end(kind(task_id="wait", job_id="b1"))


@only_3_3
def test_listeners_are_called_by_a_worker(monkeypatch):
    monkeypatch.setattr(end_from_trigger, "has_listeners", lambda: True)
    assert success_xcoms(sensor(), RECORD) is None


@only_3_3
def test_a_store_to_clear_is_left_to_a_worker(monkeypatch):
    monkeypatch.setenv("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", "True")
    assert "clear_on_success" in why_a_worker_must_end(sensor())


@pytest.mark.skipif(has_workerless_waits(), reason="Airflow can do so from 3.3 on")
def test_an_older_airflow_ends_tasks_on_workers():
    assert success_xcoms(sensor(), RECORD) is None
    assert sensor(start_from_trigger=True).start_trigger_args is None
    assert sensor(start_from_trigger=True).start_from_trigger is False


def trigger_of(needs_worker=False, **arguments):
    """The trigger of an operator's deferral."""
    operator = TriggerInventoryJobOperator(
        task_id="submit", workflow_ids="w1", prefix="media/", wait_for_completion=True, deferrable=True, **arguments
    )
    ti = SimpleNamespace(xcom_push=lambda key, value: None)
    with pytest.raises(TaskDeferred) as deferred:
        operator._defer({"ti": ti}, "b1", None, 0, needs_worker=needs_worker)
    return deferred.value.trigger


@pytest.mark.parametrize(
    ("arguments", "may_end"),
    [
        ({"end_from_trigger": True}, has_workerless_waits()),
        ({"end_from_trigger": True, "needs_worker": True}, False),
        ({}, False),
    ],
)
def test_the_operator_ends_in_the_triggerer_only_on_request_and_without_work_for_a_worker(arguments, may_end):
    assert (trigger_of(**arguments).success_xcoms is not None) is may_end


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ({}, (True, False)),
        ({"count_files": False}, (False, False)),
        ({"count_files": False, "fail_on": "any"}, (False, True)),
        ({"count_files": False, "fail_on": 0.5}, (True, False)),
        ({"count_files": False, "on_empty": "fail"}, (False, True)),
    ],
)
def test_files_that_decide_are_asked_for_before_a_task_ends_in_the_triggerer(arguments, asked):
    trigger = trigger_of(**arguments)
    assert (trigger.count_files, trigger.find_failed) == asked
