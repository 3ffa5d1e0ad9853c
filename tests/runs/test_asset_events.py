"""The events of a task's outlets, as Airflow stores them."""

from __future__ import annotations

import json

import pytest
from airflow import __version__ as airflow_version

from tests.runs.conftest import only_job
from tests.runs.dag_test import run_dag_file

HEADER = """
from datetime import datetime, timedelta, timezone
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tencent_ci.assets.cos import create_asset
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

WORKFLOW = "w00000000000000000000000000000001"
OUTLETS = [create_asset(bucket="out-1250000000", key=key) for key in ("DAG_UNDER_TEST/a/", "DAG_UNDER_TEST/b")]
dag = DAG("DAG_UNDER_TEST", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=timezone.utc))
"""
SUBMIT = """
    TriggerInventoryJobOperator(task_id='submit', workflow_ids=WORKFLOW, prefix='media/', outlets=OUTLETS, {})
"""
SENSE = "    InventoryJobSensor(task_id='wait', job_id='{}', outlets=OUTLETS, {})\n"

OPERATOR_MODES = [
    "wait_for_completion=True, poll_interval=0.2",
    "wait_for_completion=True, poll_interval=0.2, deferrable=True",
    "wait_for_completion=True, poll_interval=0.2, deferrable=True, end_from_trigger=True",
]
SENSOR_MODES = [
    "poke_interval=0.2, mode='poke'",
    "poke_interval=0.2, mode='reschedule'",
    "poke_interval=0.2, deferrable=True",
    "poke_interval=0.2, deferrable=True, start_from_trigger=True, end_from_trigger=True",
]

# 2.11 calls assets datasets, and has one table where 3.0 and later have the same under its new name.
_NAMES = ("dataset", "dataset_event", "dataset_id") if airflow_version < "3" else ("asset", "asset_event", "asset_id")
_EVENTS = """
    SELECT a.uri, e.extra FROM {1} e JOIN {0} a ON a.id = e.{2} WHERE e.source_dag_id = :dag_id ORDER BY a.uri
""".format(*_NAMES)  # noqa: S608


def events_of(task):
    """Run a DAG and return the events that it caused: the ends of their URIs, and their extras."""
    from airflow.utils.session import create_session
    from sqlalchemy import text

    run = run_dag_file(HEADER + "with dag:\n" + task)
    with create_session() as session:
        found = list(session.execute(text(_EVENTS), {"dag_id": run.dag_id}))
    return run, [(uri.rpartition("/")[2], read(extra)) for uri, extra in found]


def read(extra):
    return json.loads(extra) if isinstance(extra, str) else extra


@pytest.mark.parametrize("mode", OPERATOR_MODES, ids=["blocking", "deferred", "to end in the triggerer"])
def test_every_outlet_event_of_the_operator_contains_the_result_of_the_job(emulator, mode):
    run, events = events_of(SUBMIT.format(mode))
    assert run.state == "success"
    assert [uri for uri, _ in events] == ["a", "b"]
    for _, extra in events:
        assert (extra["job_id"], extra["state"]) == (only_job(emulator).job_id, "Success")
        assert (extra["files"]["total"], extra["files"]["failed"]) == (only_job(emulator).files, 0)


def test_the_event_contains_the_number_of_failed_files(emulator):
    emulator.add_objects(*(f"some/{number:03}.mp4" for number in range(100)))
    emulator.configure(failing_keys=("some/*1.mp4",))
    _, events = events_of(SUBMIT.replace("media/", "some/").format(OPERATOR_MODES[1]))
    assert [extra["files"]["failed"] for _, extra in events] == [10, 10]


def test_an_event_without_counts_contains_no_files(emulator):
    _, events = events_of(SUBMIT.format(OPERATOR_MODES[0] + ", count_files=False"))
    assert [sorted(extra) for _, extra in events] == [["job_id", "state"]] * 2


def test_the_event_of_a_task_that_does_not_wait_names_the_submitted_job(emulator):
    _, events = events_of(SUBMIT.format("wait_for_completion=False"))
    for _, extra in events:
        assert extra["job_id"] == only_job(emulator).job_id
        assert extra["state"] in ("Submitted", "Running")
    assert len(events) == 2


@pytest.mark.parametrize("mode", SENSOR_MODES, ids=["poke", "reschedule", "deferred", "without workers"])
def test_every_outlet_event_of_the_sensor_contains_the_result_of_the_job(emulator, job_id, mode):
    run, events = events_of(SENSE.format(job_id, mode))
    assert run.state == "success"
    assert [(uri, extra["job_id"], extra["state"]) for uri, extra in events] == [
        (uri, job_id, "Success") for uri in ("a", "b")
    ]


def test_a_failed_job_updates_no_asset(emulator):
    emulator.configure(outcome="fail")
    run, events = events_of(SUBMIT.format(OPERATOR_MODES[1]))
    assert (run.state, events) == ("failed", [])


def test_adding_extras_never_fails_a_task(emulator, monkeypatch):
    def broken(*args):
        raise RuntimeError("extras are broken")

    monkeypatch.setattr("airflow_provider_tencent_ci.lineage.asset_events.event_extra", broken)
    run, events = events_of(SUBMIT.format(OPERATOR_MODES[1]))
    assert run.state == "success"
    assert events == [("a", {}), ("b", {})]
