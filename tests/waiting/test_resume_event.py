from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.polling.wait import WaitResult, WaitStatus
from airflow_provider_tencent_ci.core.submitting.max_active_jobs import CapacityResult, CapacityStatus
from airflow_provider_tencent_ci.exceptions import UnexpectedEventError
from airflow_provider_tencent_ci.waiting.resume_event import (
    has_succeeded,
    is_not_started,
    read_capacity,
    read_counts,
    read_event,
    write_capacity,
    write_event,
    write_not_started,
    write_wait_result,
)
from tests.strategies import json_values, with_other_values

JOB = {"JobId": "b1", "State": "Success"}


@pytest.mark.parametrize(
    "event",
    [
        write_event("terminal", "b1", JOB, "ended"),
        write_event("deadline", "b1", JOB, "too late"),
        write_event("lost_contact", "b1", None, "no answer"),
    ],
)
def test_an_own_event_survives_json(event):
    assert read_event(json.loads(json.dumps(event))) == event
    assert event["version"] == 1


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        "success",
        "failed",
        {"status": "terminal", "job_id": "b1", "job": JOB},
        {**write_event("terminal", "b1", JOB, ""), "version": 2},
        {**write_event("terminal", "b1", JOB, ""), "version": "1"},
        write_event("success", "b1", JOB, ""),
        write_event("terminal", "b1", None, ""),
        write_event("terminal", "b1", {}, ""),
        {**write_event("terminal", "b1", JOB, ""), "job_id": None},
        {**write_event("terminal", "b1", JOB, ""), "job": "Success"},
        {"status": ["terminal"], "version": 1},
        {**write_event("deadline", "b1", None, ""), "message": None},
        write_event("terminal", "b1", {"JobId": "b1", "State": "Running"}, ""),
        write_event("terminal", "b1", {"JobId": "b1"}, ""),
        write_event("terminal", "b1", {"JobId": "b2", "State": "Success"}, ""),
    ],
)
def test_any_other_event_is_refused(event):
    with pytest.raises(UnexpectedEventError, match="no event of InventoryJobTrigger"):
        read_event(event)


@pytest.mark.parametrize(
    ("event", "succeeded"),
    [
        (write_event("terminal", "b1", JOB, "ended"), True),
        (write_event("terminal", "b1", {**JOB, "State": "Failed"}, "ended"), False),
        (write_event("terminal", "b2", JOB, "ended"), False),
        (write_event("deadline", "b1", JOB, "too late"), False),
        (write_event("terminal", "b1", None, "ended"), False),
    ],
)
def test_only_the_job_s_own_success_counts_as_success(event, succeeded):
    assert has_succeeded(event) is succeeded


def test_the_event_of_a_failed_start_is_not_an_event_of_a_wait():
    event = json.loads(json.dumps(write_not_started("no templates")))
    assert is_not_started(event)
    with pytest.raises(UnexpectedEventError):
        read_event(event)
    for other in (None, "success", {}, write_event("terminal", "b1", JOB, "ended"), {**event, "version": 2}):
        assert not is_not_started(other)


@given(json_values | with_other_values(write_event("terminal", "b1", JOB, "ended")))
def test_any_payload_is_an_own_event_or_refused(event):
    try:
        result = read_event(event)
    except UnexpectedEventError:
        return
    assert isinstance(result["message"], str)
    if result["status"] == "terminal":
        assert InventoryJob.from_dict(result["job"]).state.is_terminal


@pytest.mark.parametrize(
    ("status", "message"),
    [(CapacityStatus.CAPACITY, ""), (CapacityStatus.DEADLINE, "too late"), (CapacityStatus.LOST_CONTACT, "no answer")],
)
def test_an_event_of_a_wait_for_capacity_is_read_as_written(status, message):
    result = CapacityResult(status, message)
    assert read_capacity(json.loads(json.dumps(write_capacity(result)))) == result


@pytest.mark.parametrize(
    "event",
    [
        None,
        "success",
        "failed",
        {},
        {"version": 1, "status": "terminal", "message": ""},
        {"version": 2, "status": "capacity", "message": ""},
        {"version": 1, "status": "capacity"},
        {"version": 1, "status": "capacity", "message": "but not"},
        {"version": 1, "status": "deadline", "message": ""},
        {"version": 1, "status": "terminal", "message": "ended"},
        {"version": 1, "status": ["capacity"], "message": ""},
    ],
)
def test_any_other_event_does_not_permit_a_submission(event):
    with pytest.raises(UnexpectedEventError, match="Nothing was submitted"):
        read_capacity(event)


COUNTS = FileCounts(900_000, 7, 1, 2, *[datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)] * 2)


def with_counts(status, counts):
    job = InventoryJob.from_dict(JOB)
    return write_wait_result("b1", WaitResult(WaitStatus(status), job, "ended"), counts)


def test_counts_of_an_event_survive_json():
    event = json.loads(json.dumps(with_counts("terminal", COUNTS)))
    assert read_counts(read_event(event)) == COUNTS


def test_an_event_of_a_release_before_or_after_this_one_is_read():
    event = write_event("terminal", "b1", JOB, "ended")
    assert read_counts(read_event(event)) is None
    later = {**with_counts("terminal", COUNTS), "more": {"unheard": 1}}
    later["counts"]["Paused"] = 3
    assert read_counts(read_event(later)) == COUNTS


@given(json_values)
def test_counts_that_are_not_understood_are_made_again(nonsense):
    event = {**write_event("terminal", "b1", JOB, "ended"), "counts": nonsense}
    assert read_counts(read_event(event)) is None


@given(with_other_values(COUNTS.to_dict()))
def test_counts_with_other_values_are_counts_or_none(counts):
    found = read_counts({**write_event("terminal", "b1", JOB, "ended"), "counts": counts})
    assert found is None or min(found.succeeded, found.failed, found.cancelled, found.running) >= 0


def test_a_job_that_has_not_ended_has_no_final_counts():
    assert read_counts(with_counts("deadline", COUNTS)) is None
