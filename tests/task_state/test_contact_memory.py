"""A sensor in ``reschedule`` mode keeps since when its polls fail."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.task_state.contact_memory import read_failing_since, write_failing_since

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
