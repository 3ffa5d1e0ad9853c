"""A sensor in ``reschedule`` mode keeps since when its polls fail."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.sensors.inventory_job import BaseSensorOperator, InventoryJobSensor
from airflow_provider_tencent_ci.task_state.failing_since import read_failing_since, write_failing_since

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Store(dict):
    """Airflow's task state store, in memory."""

    set = dict.__setitem__


class BrokenStore:
    """A store that Airflow cannot reach."""

    def get(self, key):
        raise ConnectionError("no API server")

    def set(self, key, value):
        raise ConnectionError("no API server")


def context(store, try_id="a"):
    return {"ti": SimpleNamespace(id=try_id, try_number=1), "task_state_store": store}


def test_the_next_process_of_a_try_reads_it():
    store = Store()
    write_failing_since(context(store), NOON)
    assert read_failing_since(context(store)) == NOON


def test_an_answer_removes_it():
    store = Store()
    write_failing_since(context(store), NOON)
    write_failing_since(context(store), None)
    assert read_failing_since(context(store)) is None


def test_another_try_starts_without_it():
    store = Store()
    write_failing_since(context(store), NOON)
    assert read_failing_since(context(store, "b")) is None


@pytest.mark.parametrize("store", [None, BrokenStore()], ids=["none", "broken"])
def test_a_store_that_is_missing_or_broken_fails_no_task(store):
    write_failing_since(context(store), NOON)
    assert read_failing_since(context(store)) is None


@pytest.mark.parametrize(
    ("arguments", "store", "reschedules", "is_said"),
    [
        ({"mode": "reschedule", "contact_timeout": 60}, None, 0, True),
        ({"mode": "reschedule", "contact_timeout": 60}, None, 3, False),
        ({"mode": "reschedule", "contact_timeout": 60}, Store(), 0, False),
        ({"mode": "reschedule"}, None, 0, False),
        ({"mode": "poke", "contact_timeout": 60}, None, 0, False),
    ],
)
def test_a_sensor_says_once_that_its_contact_timeout_has_no_effect(
    monkeypatch, caplog, capfd, arguments, store, reschedules, is_said
):
    def execute(sensor, context):
        sensor.poke(context)

    monkeypatch.setattr(BaseSensorOperator, "execute", execute)
    with Emulator() as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        with TencentCIHook() as hook:
            job = hook.trigger_inventory_job(name="nightly", workflow_ids=WORKFLOW_ID, prefix="media/")
        sensor = InventoryJobSensor(task_id="wait", job_id=job.job_id, deferrable=False, **arguments)
        ti = SimpleNamespace(id="a", try_number=1, start_date=NOON, xcom_push=lambda **_: None)
        sensor.execute({"ti": ti, "task_state_store": store, "task_reschedule_count": reschedules})
    said = caplog.text + capfd.readouterr().out
    assert ("contact_timeout has no effect in reschedule mode before Airflow 3.3" in said) is is_said
