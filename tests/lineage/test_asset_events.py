"""The extras of a job in asset events; adding them never fails a task. tests/openlineage tests OpenLineage's part."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.lineage.asset_events import event_extra, record_outcome
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

RECORD = {"JobId": "b1", "Name": "nightly", "Type": "Workflow", "State": "Success", "Input": {}, "Operation": {}}
FILES = {
    "Total": 100,
    "Success": 97,
    "Failed": 3,
    "Running": 0,
    "Cancel": 0,
    "FirstAt": "2026-01-01T02:00:00+0800",
    "LastAt": "2026-01-01T03:00:00+0800",
    "FailureList": "s3://lists/b1.jsonl",
}
has_openlineage = importlib.util.find_spec("openlineage") is not None


def tasks():
    return [
        TriggerInventoryJobOperator(task_id="submit", workflow_ids="w1", prefix="media/"),
        InventoryJobSensor(task_id="wait", job_id="b1"),
    ]


def test_the_extras_contain_the_id_and_state_of_the_job():
    assert event_extra(RECORD) == {"job_id": "b1", "state": "Success"}


def test_the_extras_contain_the_files_if_they_were_counted():
    assert event_extra({**RECORD, "Files": FILES})["files"] == {
        "total": 100,
        "success": 97,
        "failed": 3,
        "running": 0,
        "cancel": 0,
        "first_at": "2026-01-01T02:00:00+0800",
        "last_at": "2026-01-01T03:00:00+0800",
        "failure_list": "s3://lists/b1.jsonl",
    }


class Events(dict):
    """Airflow's outlet events: an accessor for each outlet, and a TypeError for other objects."""

    def __missing__(self, outlet):
        if not isinstance(outlet, str):
            raise TypeError(outlet)
        return self.setdefault(outlet, SimpleNamespace(extra={}))


def context(outlets, events):
    return {"task": SimpleNamespace(outlets=outlets, _hook=SimpleNamespace(config=None)), "outlet_events": events}


def test_each_outlet_s_event_gets_the_extras():
    events = Events()
    record_outcome(context(["cos://a/", "cos://b/"], events), RECORD)
    assert [event.extra for event in events.values()] == [{"job_id": "b1", "state": "Success"}] * 2


def test_existing_extras_of_the_event_are_kept():
    events = Events({"cos://a/": SimpleNamespace(extra={"state": "mine", "note": 1})})
    record_outcome(context(["cos://a/"], events), RECORD)
    assert events["cos://a/"].extra == {"job_id": "b1", "state": "mine", "note": 1}


def test_an_outlet_that_is_no_asset_is_ignored():
    events = Events()
    record_outcome(context([object(), "cos://a/"], events), RECORD)
    assert list(events) == ["cos://a/"]


class Broken:
    def __getattr__(self, name):
        raise RuntimeError("lineage is broken")

    def __getitem__(self, name):
        raise RuntimeError("lineage is broken")


@pytest.mark.parametrize(
    "context",
    [{}, {"task": Broken()}, {"task": Broken(), "outlet_events": Broken()}, context(["a"], Broken())],
    ids=["empty", "task", "task and events", "events"],
)
@pytest.mark.parametrize("record", [RECORD, {}], ids=["record", "no record"])
def test_adding_extras_never_raises_and_logs_failures(context, record, caplog):
    record_outcome(context, record)
    assert "Could not" in caplog.text


@pytest.mark.skipif(has_openlineage, reason="OpenLineage is installed")
@pytest.mark.parametrize("task", tasks(), ids=["operator", "sensor"])
def test_without_openlineage_nothing_is_emitted_and_nothing_raised(task):
    assert task.get_openlineage_facets_on_start() is None
    assert task.get_openlineage_facets_on_complete(None) is None
    assert task.get_openlineage_facets_on_failure(None) is None
