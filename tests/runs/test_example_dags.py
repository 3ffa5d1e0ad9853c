"""Each example DAG is parsed and run unchanged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version
from airflow.models import DagBag

from tests.runs.conftest import only_job
from tests.runs.dag_test import run_dag_file

ALL = sorted(Path(__file__).parents[2].glob("example_dags/tencent_ci_*.py"))
# A DAG of this file runs when a batch of another origin has ended; tests/watch runs it in a real Airflow.
WATCH = "tencent_ci_watch"
EXAMPLES = [path for path in ALL if path.stem != WATCH]
BEIJING = timedelta(hours=8)


# The files with more than one DAG, in the order in which they run.
DAGS = {"tencent_ci_assets": ["tencent_ci_assets", "tencent_ci_assets_report"]}


def example(name):
    [path] = [path for path in ALL if path.stem == f"tencent_ci_{name}"]
    return path


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch):
    monkeypatch.setenv("TENCENT_CI_POLL_SECONDS", "0.3")


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_succeeds(emulator, path):
    for dag_id in DAGS.get(path.stem, [None]):
        assert run_dag_file(path, dag_id=dag_id).state == "success"
    assert {job.state for job in emulator.jobs} == {"Success"}


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_each_parse_of_an_example_stores_the_same(path):
    """Otherwise Airflow would store the DAG, or a new version of it, after each parse."""
    first, second = DagBag(str(path)), DagBag(str(path))
    assert first.dags.keys() == second.dags.keys() != set()
    for dag_id, dag in first.dags.items():
        assert stored_form(dag) == stored_form(second.dags[dag_id])


def stored_form(dag):
    """The form of a DAG in Airflow's database."""
    module = import_module("airflow.serialization.serialized_objects")
    return getattr(module, "DagSerialization", module.SerializedDAG).to_dict(dag)


@pytest.mark.parametrize("name", ["nightly", "nightly_one_task"])
def test_the_nightly_examples_select_one_day_from_two_to_two_in_beijing(emulator, name):
    run = run_dag_file(example(name))
    record = run.xcoms["wait"]["return_value"] if name == "nightly" else run.xcoms["transcode"]["job"]
    interval = record["Operation"]["TimeInterval"]
    start, end = datetime.fromisoformat(interval["Start"]), datetime.fromisoformat(interval["End"])
    assert end - start == timedelta(days=1)
    assert (start + BEIJING).astimezone(UTC).hour == 2


def test_the_nightly_example_waits_for_its_submitted_job(emulator):
    run = run_dag_file(example("nightly"))
    assert run.xcoms["wait"]["return_value"]["JobId"] == run.xcoms["submit"]["job_id"] == only_job(emulator).job_id


def test_the_list_of_failed_files_is_in_a_folder_named_after_the_local_day(emulator, monkeypatch, tmp_path):
    monkeypatch.setenv("TENCENT_CI_REPORTS", f"file://{tmp_path}/")
    ended_at = datetime(2026, 4, 7, 2, tzinfo=timezone(BEIJING))  # in UTC still the day before
    emulator.configure(failing_keys="media/night.mp4")
    emulator.add_objects("media/night.mp4", last_modified_at=ended_at - timedelta(hours=5))
    run_dag_file(example("outcome"), logical_date=ended_at + timedelta(hours=1))
    [file] = tmp_path.glob("*/*.jsonl")
    assert file.parent.name == "2026-04-07"
    assert json.loads(file.read_text("utf-8"))["key"] == "media/night.mp4"


def test_the_fan_out_submits_a_job_for_each_prefix(emulator):
    run_dag_file(example("fan_out"))
    assert len({job.name for job in emulator.jobs}) == 3


def test_the_transcoding_example_reads_its_prefix_from_the_run(emulator):
    run = run_dag_file(example("transcode"), conf={"prefix": "media/0003"})
    record = run.xcoms["transcode"]["job"]
    assert (record["Type"], record["Input"]) == ("Job", {"Prefix": "media/0003"})
    assert record["Operation"]["Tag"] == "Transcode"


def test_the_assets_example_reads_the_result_of_the_job_from_the_event(emulator):
    run_dag_file(example("assets"), dag_id="tencent_ci_assets")
    run = run_dag_file(example("assets"), dag_id="tencent_ci_assets_report")
    assert run.xcoms["report"]["return_value"].startswith(f"{only_job(emulator).job_id}: Success")


def test_the_function_of_the_decorator_example_returns_the_request(emulator):
    run = run_dag_file(example("decorator"))
    records = [run.xcoms["transcode", index]["job"] for index in (0, 1)]
    assert [record["Input"]["Prefix"] for record in records] == ["media/news/", "media/sports/"]
    assert [record["Name"][:13] for record in records] == ["news-2026-02-", "sports-2026-0"]


@pytest.mark.skipif(airflow_version < "3", reason="Airflow 2.11 has no asset watchers")
def test_the_watching_example_runs_without_an_event_too(emulator):
    run = run_dag_file(example("watch"))
    assert run.state == "success"
    assert run.xcoms["publish"]["return_value"] == []


def test_the_resubmitting_example_resubmits_only_failed_files_until_they_succeed(emulator):
    ended_at = datetime(2026, 4, 7, 2, tzinfo=timezone(BEIJING))
    emulator.add_objects(*(f"media/000{n}.mp4" for n in range(1, 9)), last_modified_at=ended_at - timedelta(hours=5))
    emulator.configure(failing_keys=("media/0002.mp4", "media/0005.mp4"), failing_times=2)
    run = run_dag_file(example("resubmit"), logical_date=ended_at + timedelta(hours=1))
    assert run.state == "success"
    assert [job.files for job in emulator.jobs] == [8, 2, 2]
    assert run.xcoms["transcode"]["job"]["Files"]["Success"] == 8
