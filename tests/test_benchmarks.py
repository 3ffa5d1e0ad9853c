"""The benchmarks run, each with few jobs. The tests check only the form of the results: no test depends on time."""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime, timedelta

import pytest
import requests

from airflow_provider_tencent_ci.core.api.file_requests import read_executions
from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.core.wire.service_times import format_time
from benchmarks import measures
from benchmarks.file_service import FileService, job_record, list_page, read_counters, set_up
from benchmarks.page import page
from benchmarks.record import Chart, Claim, Record, read_records, write_record
from tests.emulator.services import new_service, submit

# In one process, which runs each measurement once for all tests.
pytestmark = pytest.mark.xdist_group("benchmarks")

# These measurements start an Airflow, which takes minutes on a small machine.
WITH_AIRFLOW = {"files_triggerer", "triggerer", "worker_starts"}


FILES = 700
BEGAN_AT = datetime(2026, 1, 2, 4, tzinfo=UTC)


@functools.cache
def quick(name):
    if lacking := measures.find(name).missing():
        pytest.skip(f"needs {lacking}")
    return measures.find(name).measure(quick=True)


@pytest.mark.parametrize("name", [name for name in measures.NAMES if name not in WITH_AIRFLOW])
def test_a_measure_yields_a_table_with_a_figure_for_each_of_its_columns(name):
    record = quick(name)
    assert record.name == name
    assert record.quick
    assert record.rows
    assert {len(row) for row in record.rows} == {len(record.columns)}
    assert any(isinstance(cell, int | float) and cell > 0 for row in record.rows for cell in row)
    assert record.claims
    assert record.chart.series


def test_requests_are_counted_as_they_are_sent():
    [(_, ours, alternative, _)] = quick("requests_per_interval").rows
    assert ours < alternative


def test_hostile_xml_is_refused_by_the_package_as_by_defusedxml():
    record = quick("reading")
    label, ours, _sdk, parser = record.rows[-1]
    assert (label, ours, parser) == ("hostile documents refused", "5 of 5", "5 of 5")


@pytest.fixture(scope="module")
def ended_job():
    """A service of the emulator with a job like that of the service of files."""
    service, bucket = new_service(FILES)
    run = {"submitted_seconds": 0, "run_seconds": FILES / 250, "failing_every": 33, "files_created": "at_turn"}
    job = submit(service, bucket, **run)
    service.clock.advance(60)
    return service, bucket, job.job_id


def test_the_alternatives_send_a_request_for_each_page_and_each_reason():
    sent = [row[1] for row in quick("files").rows if "this package" not in row[0]]
    assert sent == [4 + 1 + 10] * 2


def test_a_service_with_a_limit_refuses_what_is_beyond():
    with FileService() as service, requests.Session() as session:
        set_up(service.url, latency_ms=0, limit=3)
        session.trust_env = False
        codes = [session.get(f"{service.url}/inventorytriggerjob", timeout=30).status_code for _ in range(5)]
        assert codes == [200] * 3 + [429] * 2
        assert read_counters(service.url)["refused"] == 2


@pytest.mark.parametrize("window", [("", ""), (0, 0), (1, ""), ("", 0), (1, 2), (9, "")])
@pytest.mark.parametrize("states", ["All", "Failed", "Success", "Success,Failed", "Running", ""])
@pytest.mark.parametrize("order", ["Asc", "Desc"])
def test_the_service_of_files_has_the_pages_of_the_emulator(ended_job, states, order, window):
    service, bucket, job_id = ended_job
    start, end = (at if at == "" else format_time(BEGAN_AT + timedelta(seconds=at)) for at in window)
    query = {"states": states, "orderByTime": order, "size": "100", "startCreationTime": start, "endCreationTime": end}
    tokens = ("", "")
    while tokens is not None:
        body = list_page({**query, "jobId": job_record(FILES)["JobId"], "nextToken": tokens[0]}).encode()
        expected = service.list_executions(bucket, {**query, "jobId": job_id, "nextToken": tokens[1]})
        page = read_executions(Response(200, {}, body, BEGAN_AT))
        assert [(one.object_key[-8:], one.state, one.create_time) for one in page.items] == [
            (one.work.key[-8:], one.status.state, one.created_at.replace(microsecond=0)) for one in expected.entries
        ]
        assert bool(page.next_token) == bool(expected.next_token)
        tokens = (page.next_token, expected.next_token) if page.next_token else None


@pytest.mark.parametrize("window", [("", ""), (0, 1), (1, 2), (2, "")])
@pytest.mark.parametrize("open_files", [0, 1, 170, FILES])
def test_each_file_of_the_service_of_files_is_listed_in_its_state_only(open_files, window):
    start, end = (at if at == "" else format_time(BEGAN_AT + timedelta(seconds=at)) for at in window)
    query = {"jobId": job_record(FILES)["JobId"], "size": str(FILES), "startCreationTime": start}
    query |= {"endCreationTime": end, "orderByTime": "Asc"}

    def listed(states):
        body = list_page({**query, "states": states}, open_files).encode()
        return [(one.object_key, one.state) for one in read_executions(Response(200, {}, body, BEGAN_AT)).items]

    every = listed("All")
    for states in ("Running", "Failed", "Success", "Success,Failed"):
        assert listed(states) == [(key, found) for key, found in every if found in states.split(",")]
    if window == ("", ""):
        assert sum(state == "Running" for _, state in every) == open_files


def test_a_count_that_goes_on_from_the_wait_sends_fewer_requests():
    whole, rest = quick("files_rest").rows
    assert whole[1] == rest[1]  # the same number of files
    assert rest[2] < whole[2]


def test_a_measure_is_selected_with_those_that_begin_with_its_name():
    assert measures.selected(["files", "delay"]) == ["delay", "files", "files_rest", "files_rate", "files_triggerer"]
    assert measures.selected([]) == list(measures.NAMES)


def test_a_fixed_interval_gets_the_same_number_of_requests():
    for row in quick("delay").rows:
        assert row[1] == pytest.approx(row[2], rel=0.05)


def test_only_worker_starts_of_this_version_are_run():
    from benchmarks.measures.worker_starts import possible_kinds

    assert {"operator that waits", "operator and deferred sensor"} <= {kind.label for kind in possible_kinds()}


@pytest.fixture
def record():
    chart = Chart("curves", "µs", {"ours": [(10.0, 1.0), (100.0, 2.5)]})
    machine = {"processor": "P", "system": "S", "versions": "V 1", "date": "2026-01-02", "commit": "abc"}
    claims = [Claim("at most 1", "0.5", holds=True), Claim("at most 2", "3", holds=False)]
    rows = [(10, 1_234.5, None), ("a|b", 1, "x")]
    return Record("delay", "Delay", "How.\n", ("jobs", "µs", "note"), rows, claims, chart, quick=False, machine=machine)


def test_a_result_is_kept_until_its_measurement_runs_again(record, tmp_path):
    write_record(record, tmp_path)
    [read] = read_records(tmp_path, measures.NAMES)
    assert page([read]) == page([record])
    assert json.loads((tmp_path / "delay.json").read_text("utf-8"))["title"] == "Delay"


def test_the_page_names_the_missed_targets_and_the_machine(record):
    text = page([record])
    assert "| [Delay](#delay) | at most 1 | 0.5 | yes |" in text
    assert "| [Delay](#delay) | at most 2 | 3 | **no** |" in text
    assert "| 10 | 1,234.5 | – |" in text
    assert "| a\\|b | 1 | x |" in text
    assert "2026-01-02 at abc: P; S; V 1" in text
