from __future__ import annotations

import http.client
import time
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import ParseError

import pytest
from defusedxml.common import EntitiesForbidden

from airflow_provider_tencent_ci.emulator import Emulator, Fault, FaultKind
from airflow_provider_tencent_ci.emulator.faults.fault_effects import HUGE_BYTES
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import EXECUTIONS, JOBS, call, create, request_body


def submit(emulator, **options):
    return call(emulator, "POST", JOBS, body=request_body(), **options)


@pytest.mark.parametrize(
    ("kind", "options", "status", "code"),
    [
        ("error", {}, 500, "InternalError"),
        ("error", {"status": 451, "code": "UnavailableForLegalReasons"}, 451, "UnavailableForLegalReasons"),
        ("slow_down", {}, 429, "SlowDown"),
        ("slow_down", {"status": 503}, 503, "SlowDown"),
        ("queue_saturated", {}, 403, "QueueSaturated"),
        ("expired_token", {}, 400, "ExpiredToken"),
        ("internal_error", {}, 500, "InternalError"),
        ("redirect", {}, 307, "TemporaryRedirect"),
        ("redirect", {"status": 301}, 301, "PermanentRedirect"),
        ("redirect", {"status": 308}, 308, "PermanentRedirect"),
    ],
)
@pytest.mark.parametrize("after_acting", [False, True])
def test_an_error_is_sent_before_or_after_acting(emulator, kind, options, status, code, after_acting):
    fault = emulator.inject(kind, operation="create", after_acting=after_acting, **options)
    answer = submit(emulator)
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["x-ci-trace-id"]
    assert len(emulator.jobs) == (1 if after_acting else 0)
    assert fault.injected == 1
    assert emulator.requests[-1].fault == kind


@pytest.mark.parametrize("after_acting", [False, True])
def test_a_gateway_answers_with_html_and_without_the_service_s_headers(emulator, after_acting):
    emulator.inject(Fault(FaultKind.BAD_GATEWAY, after_acting=after_acting))
    answer = submit(emulator)
    assert (answer.status, answer.headers["content-type"]) == (502, "text/html")
    assert b"<html>" in answer.body
    assert "x-ci-request-id" not in answer.headers
    assert len(emulator.jobs) == after_acting


@pytest.mark.parametrize("after_acting", [False, True])
def test_a_connection_is_reset_before_or_after_acting(emulator, after_acting):
    emulator.inject("reset", after_acting=after_acting)
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        submit(emulator)
    assert len(emulator.jobs) == after_acting
    assert emulator.requests[-1].status is None
    assert submit(emulator).status == 200


def test_throttling_sends_retry_after(emulator):
    emulator.inject("slow_down", retry_after_seconds=7)
    emulator.inject("slow_down", retry_after_seconds=90, retry_after_form="date")
    assert call(emulator, "GET", JOBS).headers["retry-after"] == "7"
    answer = call(emulator, "GET", JOBS)
    wait = parsedate_to_datetime(answer.headers["retry-after"]) - parsedate_to_datetime(answer.headers["date"])
    assert wait.total_seconds() == 90


def test_a_redirect_names_another_address(emulator):
    emulator.inject("redirect", location="http://127.0.0.1:9/")
    assert call(emulator, "GET", JOBS).headers["location"] == "http://127.0.0.1:9/"


@pytest.mark.parametrize("after_acting", [False, True])
def test_a_hanging_request_acts_before_or_after(emulator, after_acting):
    emulator.inject("hang", seconds=0.3, after_acting=after_acting)
    with pytest.raises(TimeoutError):
        submit(emulator, timeout=0.1)
    assert len(emulator.jobs) == after_acting
    wait_until(lambda: emulator.requests[-1].status == 200)
    assert len(emulator.jobs) == 1, "the request was read, so it is executed although the client has disconnected"


def test_a_request_that_hangs_during_a_reset_does_not_act(emulator):
    emulator.inject("hang", seconds=0.2)
    with pytest.raises(TimeoutError):
        submit(emulator, timeout=0.05)
    emulator.reset()
    time.sleep(0.3)
    assert emulator.jobs == []


def test_a_hanging_request_does_not_block_the_stop_of_the_emulator():
    with Emulator() as emulator:
        emulator.inject("hang", seconds=60)
        with pytest.raises(TimeoutError):
            submit(emulator, timeout=0.05)
        started = time.monotonic()
    assert time.monotonic() - started < 5


def test_a_slow_answer_is_sent_in_small_parts(emulator):
    create(emulator)
    emulator.inject("drip", seconds=0.2)
    started = time.monotonic()
    assert call(emulator, "GET", JOBS).texts("JobsDetail/Name") == ["nightly"]
    assert time.monotonic() - started >= 0.2


def test_any_fault_may_be_delayed(emulator):
    emulator.inject("slow_down", seconds=0.1)
    started = time.monotonic()
    assert call(emulator, "GET", JOBS).status == 429
    assert time.monotonic() - started >= 0.1


def test_an_answer_is_truncated_in_the_middle(emulator):
    create(emulator)
    emulator.inject("cut_off")
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        call(emulator, "GET", JOBS)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("truncated_xml", ParseError),
        ("empty_body", ParseError),
        ("garbage_body", ParseError),
        ("entity_bomb", EntitiesForbidden),
        ("external_entity", EntitiesForbidden),
    ],
)
def test_a_corrupted_answer_has_status_200_and_cannot_be_parsed(emulator, kind, error):
    emulator.inject(kind)
    answer = submit(emulator)
    assert answer.status == 200
    with pytest.raises(error):
        answer.xml  # noqa: B018 - reads the body
    assert len(emulator.jobs) == 1, "the job was created in spite of the fault"


def test_a_huge_answer_is_well_formed(emulator):
    emulator.inject("huge_body")
    answer = call(emulator, "GET", JOBS)
    assert len(answer.body) > HUGE_BYTES
    assert answer.body.endswith(b"</RequestId></Response>")


def test_a_state_may_be_unknown(emulator):
    job_id = create(emulator)
    emulator.inject("unknown_state", word="Hibernating", operation="get")
    emulator.inject("unknown_state", operation="list")
    assert call(emulator, "GET", f"{JOBS}/{job_id}").text("JobsDetail/State") == "Hibernating"
    assert call(emulator, "GET", JOBS).text("JobsDetail/State") == "Archived"
    assert call(emulator, "GET", JOBS).text("JobsDetail/State") == "Submitted"


def test_nodes_may_be_missing(emulator):
    create(emulator)
    emulator.inject("missing_nodes", nodes=["State", "Input"])
    detail = call(emulator, "GET", JOBS).xml.find("JobsDetail")
    assert "JobId" in {node.tag for node in detail}
    assert not {"State", "Input"} & {node.tag for node in detail}


@pytest.mark.parametrize("kind", ["unknown_state", "missing_nodes"])
def test_an_answer_without_a_body_cannot_be_corrupted(emulator, kind):
    job_id = create(emulator)
    emulator.inject(kind, operation="cancel")
    assert call(emulator, "PUT", f"{JOBS}/{job_id}", [("cancel", None)]).body == b""


@pytest.mark.parametrize("seconds", [7200, -7200])
def test_a_skewed_clock_refuses_valid_signatures_and_shows_in_the_date(emulator, seconds):
    emulator.inject("skewed_clock", seconds=seconds)
    answer = call(emulator, "GET", JOBS)
    assert (answer.status, answer.code) == (401, "SignatureExpired")
    off = parsedate_to_datetime(answer.headers["date"]) - emulator.now()
    assert abs(off.total_seconds() - seconds) < 5
    assert call(emulator, "GET", JOBS).status == 200


JUST_BEFORE, JUST_AFTER = 44, 2  # of what comes 45 seconds late


def test_a_late_request_creates_its_job_on_time(emulator):
    fault = emulator.inject("late")
    came_at = emulator.now()
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        submit(emulator)
    emulator.advance(JUST_BEFORE)
    assert not emulator.jobs
    assert call(emulator, "GET", JOBS).texts("JobsDetail/JobId") == []
    emulator.advance(JUST_AFTER)
    [job] = emulator.jobs
    assert 45 <= (job.created_at - came_at).total_seconds() < 46
    assert call(emulator, "GET", JOBS).texts("JobsDetail/JobId") == [job.job_id]
    assert call(emulator, "GET", f"{JOBS}/{job.job_id}").text("JobsDetail/Name") == job.name
    assert fault.injected == 1


def test_a_late_job_is_listed_among_the_jobs_created_meanwhile(emulator):
    emulator.configure(submitted_seconds=5, run_seconds=20, list_lag_seconds=10)
    for seconds in (60, 30):
        emulator.inject("late", seconds=seconds, status=504)
        submit(emulator)
    emulator.advance(45)
    on_time = create(emulator)
    emulator.advance(15)
    middle, second, last = emulator.jobs
    assert second.job_id == on_time
    assert (middle.state, second.state, last.state) == ("Success", "Running", "Submitted")
    assert call(emulator, "GET", JOBS).texts("JobsDetail/JobId") == [on_time, middle.job_id]


def test_a_gateway_may_answer_for_a_late_service(emulator):
    emulator.inject("late", status=504)
    answer = submit(emulator)
    assert (answer.status, answer.headers["content-type"]) == (504, "text/html")
    assert b"504 Gateway Timeout" in answer.body


def test_a_late_service_may_send_no_answer(emulator):
    emulator.inject("late", status=504, silent_seconds=0.2)
    began_at = time.monotonic()
    assert submit(emulator).status == 504
    assert time.monotonic() - began_at >= 0.2


def test_a_refused_late_request_creates_no_job(emulator):
    emulator.inject("late", status=504)
    call(emulator, "POST", JOBS, body=b"no XML")
    emulator.advance(60)
    assert not emulator.jobs


def test_only_a_creating_request_can_be_late(emulator):
    job_id = create(emulator)
    fault = emulator.inject("late", times=None)
    assert call(emulator, "PUT", f"{JOBS}/{job_id}", [("cancel", None)]).status == 200
    assert call(emulator, "GET", JOBS).status == 200
    assert not fault.seen
    with pytest.raises(ValueError, match="Only a create request can be late, not 'cancel'"):
        emulator.inject("late", operation="cancel")


def test_a_reset_forgets_late_requests(emulator):
    emulator.inject("late", status=504)
    submit(emulator)
    emulator.reset()
    emulator.advance(60)
    assert not emulator.jobs


def statuses(emulator, count: int, path: str = JOBS) -> list[int]:
    return [call(emulator, "GET", path).status for _ in range(count)]


def test_a_fault_happens_the_set_number_of_times_and_is_counted(emulator):
    twice = emulator.inject("slow_down", times=2, skip=1)
    assert statuses(emulator, 5) == [200, 429, 429, 200, 200]
    assert (twice.seen, twice.injected, twice.is_spent) == (3, 2, True)


def test_a_fault_may_last_until_it_is_cleared(emulator):
    fault = emulator.inject("internal_error", times=None)
    assert statuses(emulator, 4) == [500] * 4
    assert fault.injected == 4
    emulator.clear_faults()
    assert statuses(emulator, 1) == [200]


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        ("create", "POST", JOBS),
        ("list", "GET", JOBS),
        ("get", "GET", f"{JOBS}/b1"),
        ("cancel", "PUT", f"{JOBS}/b1"),
        ("executions", "GET", EXECUTIONS),
        ("execution", "GET", f"{EXECUTIONS}/i1"),
        ("jobs", "GET", "/jobs"),
        ("pic_jobs", "GET", "/pic_jobs"),
        ("queues", "GET", "/queue"),
        ("workflows", "GET", "/workflow"),
        ("trigger", "POST", "/triggerworkflow"),
    ],
)
def test_a_fault_applies_to_its_operation_only(emulator, operation, method, path):
    fault = emulator.inject("error", operation=operation, status=418, times=None)
    other = "/queue" if operation != "queues" else JOBS
    assert statuses(emulator, 1, other) == [200]
    assert call(emulator, method, path).status == 418
    assert fault.injected == emulator.count(operation) == 1


def test_the_older_one_of_two_faults_applies_first(emulator):
    emulator.inject("slow_down")
    emulator.inject("internal_error")
    assert statuses(emulator, 3) == [429, 500, 200]


def test_a_fault_applies_without_a_valid_signature(emulator):
    emulator.inject("slow_down")
    answer = call(emulator, "GET", JOBS, unsigned={"authorization": "nonsense"})
    assert answer.status == 429


@pytest.mark.parametrize(
    ("kind", "options", "complaint"),
    [
        ("earthquake", {}, "earthquake"),
        ("reset", {"time": 3}, "A fault has no time"),
        ("reset", {"operation": "delete"}, "no operation 'delete'"),
    ],
)
def test_an_unknown_fault_is_refused(emulator, kind, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        emulator.inject(kind, **options)


def wait_until(condition, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_repeated_submission_creates_two_jobs(emulator):
    """The real service is not idempotent either."""
    emulator.inject("internal_error", operation="create", after_acting=True)
    assert [submit(emulator).status, submit(emulator).status] == [500, 200]
    assert [job.name for job in emulator.jobs] == ["nightly", "nightly"]
    assert emulator.count("create") == 2
    assert len(emulator.files(emulator.jobs[0].job_id)) == 0
    emulator.advance(60)
    assert len(emulator.files(emulator.jobs[0].job_id)) == defaults.OBJECT_COUNT
