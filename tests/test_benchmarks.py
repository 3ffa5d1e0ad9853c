"""The benchmarks run, each with few jobs. The tests check only the form of the results: no test depends on time."""

from __future__ import annotations

import functools
import json

import pytest

from benchmarks import measures
from benchmarks.page import page
from benchmarks.record import Chart, Claim, Record, read_records, write_record

# These measurements start an Airflow, which takes minutes on a small machine.
WITH_AIRFLOW = {"triggerer", "worker_starts"}


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
