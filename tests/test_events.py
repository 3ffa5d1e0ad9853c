from __future__ import annotations

import json

import pytest

from airflow_provider_tencent_ci.events import read_event, write_event
from airflow_provider_tencent_ci.exceptions import UnexpectedEventError

JOB = {"JobId": "b1", "State": "Success"}


@pytest.mark.parametrize(
    "event",
    [
        write_event("terminal", "b1", JOB, "ended"),
        write_event("deadline", "b1", JOB, "too late"),
        write_event("lost_contact", "b1", None, "no answer"),
    ],
)
def test_an_event_of_ours_survives_json(event):
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
    ],
)
def test_anything_else_is_refused(event):
    with pytest.raises(UnexpectedEventError, match="no event of InventoryJobTrigger"):
        read_event(event)
