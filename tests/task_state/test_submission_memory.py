from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given

from airflow_provider_tencent_ci.core.submitting.changed_request import node_texts
from airflow_provider_tencent_ci.core.submitting.submission_note import SubmissionNote, TwoClockTime
from airflow_provider_tencent_ci.task_state.submission_memory import SubmissionMemory
from tests.strategies import json_values, with_other_values

SINCE = TwoClockTime(datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), datetime(2026, 1, 2, 4, 4, 5, tzinfo=UTC))
NOTE = SubmissionNote("0123456789abcdef", "b1", 2, SINCE, ("b8", "b9"), answered=1)
RECORD = {
    "series": 2,
    "request": "digest",
    "token": "0123456789abcdef",
    "job_id": "b1",
    "posts": 2,
    "posted_at": {"machine": "2026-01-02T03:04:05.000678+00:00", "service": "2026-01-02T04:04:05+00:00"},
    "foreign_ids": ["b8", "b9"],
    "noted_by": "",
    "answered": 1,
    "nodes": {},
}


class Store:
    """The used part of Airflow's task state store, with a stored value."""

    def __init__(self, record: object = None) -> None:
        self.record = record

    def get(self, _key: str) -> object:
        return self.record

    def set(self, _key: str, value: object) -> None:
        self.record = value


def noted(record: object) -> SubmissionNote | None:
    return SubmissionMemory(Store(record), 2, "digest").read()


def test_each_round_of_a_task_has_its_own_record():
    store = dict[str, object]()
    memories = [SubmissionMemory(_Keyed(store), 2, "digest", label) for label in ("", "1", "1-2")]
    for number, memory in enumerate(memories):
        memory.write(SubmissionNote("token", f"b{number}"))
    assert [memory.read().job_id for memory in memories] == ["b0", "b1", "b2"]


class _Keyed:
    def __init__(self, records: dict[str, object]) -> None:
        self.get, self.set = records.get, records.__setitem__


def test_each_request_of_a_task_has_its_own_record():
    store = dict[str, object]()
    for number in (1, 2, 1):
        memory = SubmissionMemory(_Keyed(store), 2, f"digest {number}")
        memory.write(SubmissionNote(f"token{number}", f"b{number}"))
    assert [SubmissionMemory(_Keyed(store), 2, f"digest {number}").read().job_id for number in (1, 2)] == ["b1", "b2"]
    assert SubmissionMemory(_Keyed(store), 3, "digest 1").read() is None, "another series"


@pytest.mark.parametrize("label", ["", "1"])
def test_a_record_of_the_release_before_is_read(label):
    """It wrote all requests of a task under one key."""
    store = {f"tencent_ci_submission{label and '_1'}": RECORD}
    assert SubmissionMemory(_Keyed(store), 2, "digest", label).read() == NOTE
    assert SubmissionMemory(_Keyed(store), 2, "another", label).read() is None
    assert "batch job b1" in SubmissionMemory(_Keyed(store), 2, "another", label).describe_other_request("try 2")


@pytest.mark.parametrize("note", [NOTE, SubmissionNote("token"), SubmissionNote("token", posts=1, posted_at=SINCE)])
def test_a_written_record_is_read_back(note):
    memory = SubmissionMemory(Store(), 2, "digest")
    memory.write(note)
    assert memory.read() == note


def test_a_record_is_written_as_json_values():
    store = Store()
    SubmissionMemory(store, 2, "digest").write(NOTE)
    assert store.record == RECORD


def test_without_a_store_nothing_is_written_and_nothing_known():
    memory = SubmissionMemory(None, 2, "digest")
    memory.write(NOTE)
    assert memory.read() is None
    assert not memory.is_reliable


def test_a_failing_store_raises_before_a_request_and_not_after(caplog):
    class Broken(Store):
        def set(self, _key: str, value: object) -> None:
            raise OSError("the API is away")

    memory = SubmissionMemory(Broken(), 2, "digest")
    with pytest.raises(OSError, match="away"):
        memory.write(NOTE)
    assert not memory.try_to_write(NOTE, None)
    assert "Could not note batch job b1" in caplog.text


def test_a_record_of_another_try_is_not_overwritten_by_an_optional_one():
    memory = SubmissionMemory(Store(), 2, "digest")
    memory.write(NOTE)
    assert not memory.try_to_write(SubmissionNote("token"), SubmissionNote("token", posts=1))
    assert memory.read() == NOTE
    assert memory.try_to_write(SubmissionNote("token"), NOTE)


@pytest.mark.parametrize("other", [{"series": 3}, {"request": "another"}, {"token": None}])
def test_a_foreign_record_counts_as_none(other):
    assert noted(RECORD) == NOTE
    assert noted(RECORD | other) is None


@pytest.mark.parametrize("missing", ["posts", "posted_at", "foreign_ids"])
def test_an_incomplete_record_without_a_job_counts_as_a_request_of_unknown_outcome(missing):
    record = {name: value for name, value in RECORD.items() if name not in (missing, "job_id")}
    note = noted(record)
    assert (note.job_id, bool(note.posts), bool(note.posted_at)) == (None, True, True)


@given(json_values | with_other_values(RECORD))
def test_any_stored_value_is_a_valid_record_or_none(record):
    note = noted(record)
    if note is None:
        return
    assert (record["series"], record["request"], record["token"]) == (2, "digest", note.token)
    assert isinstance(note.token, str)
    assert note.job_id == (record["job_id"] if isinstance(record.get("job_id"), str) else None)
    assert note.posted_at is None or note.posted_at.seconds_until(SINCE) >= 0


BEFORE = {"Type": "Workflow", "Prefix": "media/", "TimeInterval": {"End": "2026-01-01T00:00:00+0000"}}


def memory_of(store, nodes, request="another", series=2):
    return SubmissionMemory(store, series, request, "", node_texts(nodes))


def test_a_changed_request_names_the_earlier_job_and_the_difference():
    store = Store()
    memory_of(store, BEFORE, "digest").write(NOTE)
    warning = memory_of(store, {**BEFORE, "Prefix": "news/"}).describe_other_request("try 2")
    assert "batch job b1" in warning
    assert "Prefix was 'media/' and is 'news/'." in warning


def test_requests_of_one_try_cause_no_warning():
    store = dict[str, object]()
    for request in ("one", "two"):
        memory = memory_of(_Keyed(store), {"Prefix": request}, request)
        assert memory.describe_other_request("try 1") == ""
        memory.write(SubmissionNote(request, "b1", 1, SINCE, noted_by="try 1"))
    retried = memory_of(_Keyed(store), {"Prefix": "one"}, "one")
    assert retried.describe_other_request("try 2") == "", "its own request is known"
    assert memory_of(_Keyed(store), {"Prefix": "three"}, "three").describe_other_request("try 2")


@pytest.mark.parametrize(
    ("note", "later"),
    [
        (NOTE, {"request": "digest"}),
        (NOTE, {"series": 3}),
        (SubmissionNote("token"), {}),
    ],
)
def test_the_same_request_and_another_series_cause_no_warning(note, later):
    store = Store()
    memory_of(store, BEFORE, "digest").write(note)
    assert memory_of(store, {"Prefix": "news/"}, **later).describe_other_request("try 2") == ""


@given(json_values | with_other_values(RECORD))
def test_no_stored_value_breaks_the_warning(record):
    assert isinstance(memory_of(Store(record), BEFORE).describe_other_request("try 2"), str)


def test_a_store_that_cannot_be_read_breaks_no_warning():
    class Broken(Store):
        def get(self, _key: str) -> object:
            raise OSError("the API is away")

    assert memory_of(Broken(), BEFORE).describe_other_request("try 2") == ""
