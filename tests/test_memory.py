from __future__ import annotations

import pytest
from hypothesis import given

from airflow_provider_tencent_ci.memory import Memory, SubmissionMemory
from tests.strategies import json_values, with_other_values

RECORD = {"series": 2, "request": "digest", "token": "0123456789abcdef", "job_id": "b1"}


class Store:
    """The part of Airflow's task state store that a memory uses, with something in it already."""

    def __init__(self, record: object = None) -> None:
        self.record = record

    def get(self, _key: str) -> object:
        return self.record

    def set(self, _key: str, value: object) -> None:
        self.record = value


def recalled(record: object) -> Memory | None:
    return SubmissionMemory(Store(record), 2, "digest").recall()


def test_each_round_of_a_task_is_remembered_by_itself():
    store = dict[str, object]()
    memories = [SubmissionMemory(_Keyed(store), 2, "digest", number) for number in (0, 1, 2)]
    for number, memory in enumerate(memories):
        memory.keep("token", f"b{number}")
    assert [memory.recall().job_id for memory in memories] == ["b0", "b1", "b2"]


class _Keyed:
    def __init__(self, records: dict[str, object]) -> None:
        self.get, self.set = records.get, records.__setitem__


def test_what_was_kept_is_recalled():
    memory = SubmissionMemory(Store(), 2, "digest")
    memory.intend("token")
    assert memory.recall() == Memory("token", None)
    memory.keep("token", "b1")
    assert memory.recall() == Memory("token", "b1")


@pytest.mark.parametrize("other", [{"series": 3}, {"request": "another"}, {"token": None}])
def test_a_record_of_something_else_counts_as_nothing(other):
    assert recalled(RECORD) == Memory("0123456789abcdef", "b1")
    assert recalled(RECORD | other) is None


@pytest.mark.parametrize("job_id", [None, 3, ["b1"]])
def test_a_job_id_that_is_none_counts_as_not_known(job_id):
    assert recalled(RECORD | {"job_id": job_id}) == Memory("0123456789abcdef", None)


@given(json_values | with_other_values(RECORD))
def test_whatever_the_store_holds_is_a_record_of_ours_or_nothing(record):
    memory = recalled(record)
    if memory is None:
        return
    assert (record["series"], record["request"], record["token"]) == (2, "digest", memory.token)
    assert isinstance(memory.token, str)
    assert memory.job_id == (record["job_id"] if isinstance(record.get("job_id"), str) else None)
