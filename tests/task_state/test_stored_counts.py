"""The counts of a try are kept for the next one, by the id of the job."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given

from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.settled_files import SettledFiles
from airflow_provider_tencent_ci.task_state.stored_counts import StoredCounts
from tests.strategies import json_values
from tests.task_state.test_failing_since import BrokenStore, Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTLED = [SettledFiles(FileCounts(7, 2, 1, first_at=NOON, last_at=NOON), NOON), SettledFiles()]


def counts_of(store, is_retry=True):
    return StoredCounts(store, is_retry=is_retry)


def test_the_next_try_reads_what_was_written():
    store = Store()
    counts_of(store).write("b1", SETTLED)
    assert counts_of(json.loads(json.dumps(store), object_hook=Store)).read("b1") == SETTLED


def test_the_counts_of_one_job_are_never_those_of_another():
    store = Store()
    counts_of(store).write("b1", SETTLED)
    assert counts_of(store).read("b2") == []


def test_the_first_try_does_not_ask_the_store():
    store = Store()
    counts_of(store).write("b1", SETTLED)
    assert counts_of(store, is_retry=False).read("b1") == []
    assert counts_of(BrokenStore(), is_retry=False).read("b1") == []


def test_nothing_is_written_while_nothing_is_settled():
    store = Store()
    counts_of(store).write("b1", [SettledFiles()])
    assert store == {}


def test_the_counts_of_the_last_twenty_jobs_are_kept():
    store = Store()
    for number in range(100):
        counts_of(store).write(f"b{number}", SETTLED)
    kept = [number for number in range(100) if counts_of(store).read(f"b{number}")]
    assert kept == list(range(80, 100))
    assert len(json.dumps(store)) < 10_000


@pytest.mark.parametrize("store", [None, BrokenStore()], ids=["none", "broken"])
def test_a_store_that_is_missing_or_broken_fails_no_count(store):
    counts_of(store).write("b1", SETTLED)
    assert counts_of(store).read("b1") == []


@given(json_values)
def test_a_stored_value_of_any_kind_fails_no_count(value):
    for stored in (value, {"b1": value}, {"b1": [value]}):
        store = Store(tencent_ci_counts=stored)
        counts_of(store).read("b1")
        counts_of(store).write("b1", SETTLED)
        assert counts_of(store).read("b1") == SETTLED
