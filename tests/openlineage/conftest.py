"""Real task runs with OpenLineage's provider, which writes its events to a file. See `make test-lineage`."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from tests.runs.dag_test import migrate_database, remember_failures

MARKS = (
    pytest.mark.skipif(
        importlib.util.find_spec("airflow.providers.openlineage") is None,
        reason="needs OpenLineage's provider, whose listener would take part in all other tests: make test-lineage",
    ),
    pytest.mark.xdist_group("lineage"),
)


def pytest_collection_modifyitems(items):
    here = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if str(item.path).startswith(here):
            for mark in MARKS:
                item.add_marker(mark)


@pytest.fixture(scope="package")
def event_file(tmp_path_factory):
    """The file of the events. OpenLineage reads its settings once in a process."""
    path = tmp_path_factory.mktemp("openlineage") / "events.jsonl"
    transport = {"type": "file", "log_file_path": str(path), "append": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
        patch.setenv("AIRFLOW__OPENLINEAGE__NAMESPACE", "tests")
        migrate_database()
        yield path


@pytest.fixture
def emulator(monkeypatch, event_file):
    with Emulator(submitted_seconds=0.2, run_seconds=0.8) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        remember_failures(monkeypatch)
        yield emulator


@pytest.fixture
def events_of(event_file):
    """A function that returns the events of a run's task, by their type; the last event of each type."""

    def events_of(run, task_id):
        lines = event_file.read_text("utf-8").splitlines() if event_file.exists() else []
        events = [event for event in map(json.loads, lines) if event["job"]["name"] == f"{run.dag_id}.{task_id}"]
        return {event["eventType"]: event for event in events}

    return events_of
