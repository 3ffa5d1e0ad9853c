"""One clock writes and compares all times of the service. It may be wrong, and a test can advance it."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import (
    EXECUTIONS,
    HOST,
    JOBS,
    call,
    create,
    exchange,
    request_body,
    sign_time,
    signed_headers,
)

OFFSETS = [-3600, -720, 0, 720, 3600]
WRITTEN = "%Y-%m-%dT%H:%M:%S%z"

offsets = pytest.mark.parametrize("seconds", OFFSETS)


def ask(emulator, method, path, query=(), *, seconds, body=b"", host=HOST):
    """Send a request as a client that knows the offset of the service's clock."""
    headers = {"host": host, **({"content-type": "application/xml"} if body else {})}
    headers = signed_headers(method, path, query, headers=headers, when=sign_time(seconds - 60, seconds + 600))
    length = {"content-length": str(len(body))} if method in ("POST", "PUT") else {}
    target = path + "".join(f"?{name}={value.replace('+', '%2B')}" for name, value in query)
    answer = exchange(emulator, method, target, {**headers, **length}, body)
    assert answer.status == 200, answer.body
    return answer


def is_about(text, moment):
    return abs(datetime.strptime(text, WRITTEN) - moment) < timedelta(seconds=5)


@offsets
def test_all_times_of_a_job_are_written_by_the_service_s_clock(emulator, seconds):
    emulator.configure(clock_offset_seconds=seconds, submitted_seconds=10, run_seconds=20)
    made_at = emulator.now() + timedelta(seconds=seconds)
    answer = ask(emulator, "POST", JOBS, seconds=seconds, body=request_body())
    assert is_about(answer.text("JobsDetail/CreationTime"), made_at)
    assert abs(parsedate_to_datetime(answer.headers["date"]) - made_at) < timedelta(seconds=5)
    emulator.advance(60)
    detail = ask(emulator, "GET", JOBS, seconds=seconds).xml.find("JobsDetail")
    for node, after in (("CreationTime", 0), ("StartTime", 10), ("EndTime", 30)):
        assert is_about(detail.findtext(node), made_at + timedelta(seconds=after))
    [*_, execution] = ask(emulator, "GET", EXECUTIONS, seconds=seconds).xml.findall("WorkflowExecutionList")
    assert is_about(execution.findtext("CreateTime").replace("08:00", "0800"), made_at + timedelta(seconds=10))
    run_id = execution.findtext("RunId")
    started = ask(emulator, "GET", f"{EXECUTIONS}/{run_id}", seconds=seconds).text("WorkflowExecution/Tasks/StartTime")
    assert is_about(started.replace("08:00", "0800"), made_at + timedelta(seconds=10))


@offsets
@pytest.mark.parametrize(("after", "found"), [(-10, 1), (10, 0)])
def test_bounds_on_the_creation_time_are_compared_with_the_time_that_is_shown(emulator, seconds, after, found):
    emulator.configure(clock_offset_seconds=seconds)
    ask(emulator, "POST", JOBS, seconds=seconds, body=request_body())
    bound = (emulator.now() + timedelta(seconds=seconds + after)).strftime(WRITTEN)
    answer = ask(emulator, "GET", JOBS, [("startCreationTime", bound)], seconds=seconds)
    assert len(answer.texts("JobsDetail/JobId")) == found


def test_the_python_api_shows_times_without_the_offset_of_the_clock(emulator):
    emulator.configure(clock_offset_seconds=720)
    ask(emulator, "POST", JOBS, seconds=720, body=request_body())
    assert abs(emulator.jobs[0].created_at - emulator.now()) < timedelta(seconds=5)


def test_setting_the_clock_changes_no_earlier_time(emulator):
    job_id = create(emulator)
    written = call(emulator, "GET", JOBS).text("JobsDetail/CreationTime")
    emulator.configure(clock_offset_seconds=3600)
    detail = ask(emulator, "GET", f"{JOBS}/{job_id}", seconds=3600).xml.find("JobsDetail")
    assert (detail.findtext("CreationTime"), detail.findtext("State")) == (written, "Submitted")


@pytest.mark.parametrize("seconds", [0, 300, 2 * 86400])
def test_the_date_shows_the_time_that_was_put_forward_and_both_times_may_be_signed(emulator, seconds):
    emulator.advance(seconds)
    answer = call(emulator, "GET", JOBS)
    assert answer.status == 200
    ahead = parsedate_to_datetime(answer.headers["date"]) - emulator.now()
    assert abs(ahead) < timedelta(seconds=5)
    ask(emulator, "GET", JOBS, seconds=seconds)


@offsets
def test_the_age_of_an_object_is_measured_with_the_service_s_clock(emulator, seconds):
    emulator.configure(clock_offset_seconds=seconds)
    emulator.advance(100)
    host = HOST.replace(".ci.", ".cos.")
    ask(emulator, "PUT", "/lists/one.txt", seconds=seconds, body=b"one", host=host)
    answer = ask(emulator, "GET", "/lists/one.txt", seconds=seconds, host=host)
    written_at = parsedate_to_datetime(answer.headers["last-modified"])
    assert abs(written_at - emulator.now() - timedelta(seconds=seconds)) < timedelta(seconds=5)
    emulator.add_objects("media/new.mp4")
    added_at = emulator.bucket(defaults.BUCKET).objects["media/new.mp4"].last_modified_at
    assert abs(added_at - written_at) < timedelta(seconds=5)


@offsets
def test_temporary_keys_expire_by_the_clock_of_the_date_header(emulator, seconds):
    emulator.configure(clock_offset_seconds=seconds, temporary_key_seconds=600)
    emulator.advance(100)
    name = exchange(emulator, "GET", "/latest/meta-data/cam/security-credentials/", {"host": "metadata"}).body.decode()
    target = f"/latest/meta-data/cam/security-credentials/{name}"
    answer = exchange(emulator, "GET", target, {"host": "metadata"})
    [key] = emulator.temporary_keys
    lifetime = key.expires_at - parsedate_to_datetime(answer.headers["date"])
    assert abs(lifetime - timedelta(seconds=600)) < timedelta(seconds=5)
