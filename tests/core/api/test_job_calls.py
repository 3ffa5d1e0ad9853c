from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.file_lists import list_executions_page
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter
from airflow_provider_tencent_ci.core.api.paginator import Page, Paginator
from airflow_provider_tencent_ci.core.polling.cancel_job import cancel_and_confirm
from tests.core.script import LOST, REFUSED, START, Script, failure, job_xml, page, respond

NOTHING = page()
THROTTLED = failure(429, "SlowDown")
GONE = respond("<Response><NonExistJobIds>b1</NonExistJobIds></Response>")


def test_a_read_is_repeated_until_it_is_answered():
    script = Script([THROTTLED, LOST, REFUSED, failure(500), page(job_xml())])
    assert script.run(job_calls.get_job("b1")).job_id == "b1"
    assert len(script.requests) == 5
    assert sum(script.pauses) <= 60


def test_a_read_without_answers_ends_with_the_last_error():
    script = Script([failure(503)], forever=True)
    with pytest.raises(e.ServiceUnavailableError):
        script.run(job_calls.get_job("b1"))
    assert len(script.requests) == 6
    assert sum(script.pauses) <= 60


def test_a_permanent_error_is_not_retried():
    script = Script([failure(403, "AccessDenied")])
    with pytest.raises(e.PermissionDeniedError):
        script.run(job_calls.get_job("b1"))


def test_an_unreadable_answer_carries_status_and_request_id():
    script = Script([respond("<Response><Jobs")], forever=True)
    with pytest.raises(e.UnreadableResponseError) as caught:
        script.run(job_calls.get_job("b1"))
    assert (caught.value.status, caught.value.request_id) == (200, "script-1")


def test_a_job_is_read_from_the_list_and_compared_by_the_client():
    script = Script([page(job_xml("b2"), job_xml("b1"))])
    assert script.run(job_calls.get_job("b1")).job_id == "b1"
    assert dict(script.requests[0].query) == {"jobId": "b1", "size": "100"}


def test_a_job_that_is_not_listed_yet_is_searched_again():
    script = Script([NOTHING, NOTHING, page(job_xml("b1"))])
    assert script.run(job_calls.get_job("b1")).job_id == "b1"
    assert script.pauses == [2, 4]


OTHERS = page(job_xml("b2"), job_xml("b3"), next_token="2")


def test_a_list_that_ignores_the_id_is_not_read_further_and_the_job_is_read_by_its_id():
    script = Script([OTHERS, page(job_xml("b1"))])
    assert script.run(job_calls.get_job("b1")).job_id == "b1"
    assert [request.path for request in script.requests] == ["/inventorytriggerjob", "/inventorytriggerjob/b1"]
    assert script.pauses == []


def test_a_job_that_a_list_without_the_filter_hides_is_unknown_only_if_its_id_is():
    script = Script([OTHERS, GONE])
    with pytest.raises(e.NotFoundError, match="'b1' is not in the job list"):
        script.run(job_calls.get_job("b1"))
    assert len(script.requests) == 2


def test_a_job_that_is_never_listed_raises_not_found():
    script = Script([NOTHING], forever=True)
    with pytest.raises(e.NotFoundError, match="'b1' is not in the job list"):
        script.run(job_calls.get_job("b1"))


def test_an_invalid_job_id_is_not_sent():
    script = Script()
    with pytest.raises(e.InvalidArgumentError):
        script.run(job_calls.get_job("b1?../"))


def test_a_cancel_is_repeated_while_the_service_is_busy():
    script = Script([THROTTLED, failure(500), respond("")])
    script.run(job_calls.request_cancel("b1"))
    assert [request.method for request in script.requests] == ["PUT"] * 3


def one(detail):
    return respond(f"<Response>{detail}</Response>")


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([page(job_xml("b1", State="Failed"))], "Failed"),
        ([NOTHING, one(job_xml("b1"))], "Running"),
        ([page(job_xml("b2")), one(job_xml("b1", State="Success"))], "Success"),
        ([NOTHING, GONE], None),
    ],
    ids=["listed", "not listed", "another one listed", "gone"],
)
def test_a_known_job_is_gone_only_if_the_read_by_id_says_so(answers, state):
    script = Script(answers)
    job = script.run(job_calls.find_job("b1"))
    assert (job.state if job else None) == state
    assert [request.path for request in script.requests[1:]] == ["/inventorytriggerjob/b1"] * (len(answers) - 1)


@pytest.mark.parametrize(
    "answer", [failure(403, "AccessDenied"), failure(404, "NoSuchBucket"), one("<JobsDetail/>")], ids=str
)
def test_a_known_job_that_cannot_be_read_by_id_does_not_count_as_gone(answer):
    script = Script([NOTHING, *[answer] * 6])
    with pytest.raises(e.ApiError):
        script.run(job_calls.find_job("b1"))


def stop(*answers):
    script = Script(answers)
    return script.run(cancel_and_confirm("b1", within_seconds=4)), script


def test_a_stopped_job_is_polled_until_it_has_ended():
    job, script = stop(respond(""), page(job_xml("b1")), page(job_xml("b1", State="Cancel")))
    assert job.state == "Cancel"
    assert [request.method for request in script.requests] == ["PUT", "GET", "GET"]


def test_a_job_that_does_not_stop_in_time_is_returned_unfinished():
    script = Script([respond(""), page(job_xml("b1"))], forever=True)
    assert script.run(cancel_and_confirm("b1", within_seconds=4)).state == "Running"
    assert script.now == START + timedelta(seconds=4)


@pytest.mark.parametrize("seconds", [1, 15, 59, 60])
def test_a_job_that_stops_in_time_is_returned_stopped(seconds):
    def answer(request):
        has_stopped = script.now >= START + timedelta(seconds=seconds)
        return (
            respond("")
            if request.method == "PUT"
            else page(job_xml("b1", State="Cancel" if has_stopped else "Running"))
        )

    script = Script([answer], forever=True)
    assert script.run(cancel_and_confirm("b1", within_seconds=60)).state == "Cancel"
    assert len(script.sent("PUT")) == 1


@pytest.mark.parametrize(
    "fault", [LOST, failure(500), failure(429, "SlowDown"), failure(429, "SlowDown", retry_after="7")]
)
def test_a_stop_survives_a_service_that_fails_half_of_the_time(fault):
    def answer(request):
        is_well = script.now >= START + timedelta(seconds=30)
        return page(job_xml("b1", State="Cancel")) if is_well else answer_to(fault)

    script = Script([answer], forever=True)
    assert script.run(cancel_and_confirm("b1", within_seconds=60)).state == "Cancel"


def test_a_refused_cancel_is_no_error_if_the_job_has_ended():
    assert stop(failure(400, "InvalidArgument"), page(job_xml("b1", State="Success")))[0].state == "Success"


@pytest.mark.parametrize("answer", [LOST, failure(500)], ids=["no answer", "500"])
def test_a_lost_answer_to_a_cancel_is_no_error_if_the_job_has_stopped(answer):
    by_method = {"PUT": answer, "GET": page(job_xml("b1", State="Cancel"))}
    script = Script([lambda request: answer_to(by_method[request.method])], forever=True)
    assert script.run(cancel_and_confirm("b1", within_seconds=4)).state == "Cancel"
    assert len(script.sent("PUT")) > 1
    assert sum(script.pauses) <= 3


def answer_to(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_an_unlisted_job_is_searched_until_the_time_is_over():
    script = Script([respond(""), NOTHING], forever=True)
    with pytest.raises(e.NotFoundError):
        script.run(cancel_and_confirm("b1", within_seconds=4))
    assert script.now == START + timedelta(seconds=4)


def test_a_refused_cancel_is_reported_when_the_job_cannot_be_read():
    with pytest.raises(e.PermissionDeniedError, match="may not cancel"):
        stop(failure(403, "AccessDenied", "may not cancel"), failure(403, "AccessDenied", "may not list"))


def test_a_refused_cancel_of_a_live_job_is_an_error():
    with pytest.raises(e.InvalidRequestError):
        stop(failure(400, "InvalidArgument"), page(job_xml("b1")))


def test_one_page_of_executions_is_read():
    script = Script([respond("<Response><WorkflowExecutionList><RunId>i1</RunId></WorkflowExecutionList></Response>")])
    assert script.run(list_executions_page("w1", "b1", None)).items[0].run_id == "i1"


def pages_read(*answers):
    """Return the ids from a list with these pages, and the number of requested pages."""
    pages, ids, asked = Paginator(), [], 0
    while pages.next_token is not None:
        found, token = answers[asked]
        asked += 1
        ids += [job.job_id for job in pages.new_items(Page(tuple(map(InventoryJob, found)), token))]
    return ids, asked


@pytest.mark.parametrize(
    ("answers", "ids"),
    [
        ([([], "")], []),
        ([(["b1"], "")], ["b1"]),
        ([(["b1"], "1"), (["b2"], "")], ["b1", "b2"]),
        ([(["b1"], "1"), ([], "2"), (["b2"], "")], ["b1", "b2"]),
        ([(["b1"], "1"), (["b1", "b2"], "2"), (["b3"], "")], ["b1", "b2", "b3"]),
        ([(["b1"], "1"), (["b2"], "1")], ["b1", "b2"]),
        ([(["b1"], "1"), (["b1"], "2")], ["b1"]),
        ([(["b1"], "1"), (["b2"], "2"), (["b3"], "1")], ["b1", "b2", "b3"]),
    ],
    ids=["empty", "one", "two", "empty between", "overlap", "token repeats", "nothing new", "token cycle"],
)
def test_pages_are_read_until_they_end_or_repeat(answers, ids):
    assert pages_read(*answers) == (ids, len(answers))


def test_a_silent_service_times_out_after_a_minute_for_any_request_timeout():
    def silence(_request):
        script.now += timedelta(seconds=30)
        raise LOST

    script = Script([silence], forever=True)
    with pytest.raises(type(LOST)):
        script.run(job_calls.list_jobs_page(JobFilter()))
    assert len(script.requests) == 2
    assert script.now - START < timedelta(seconds=90)


@pytest.mark.parametrize(
    ("last", "is_cut"),
    [
        (page(job_xml("b2")), False),
        (page(job_xml("b2"), next_token=""), False),
        (page(next_token="1"), False),
        (page(job_xml("b2"), next_token="1"), True),
        (page(job_xml("b1"), next_token="2"), True),
    ],
    ids=["no token", "empty token", "empty page with its own token", "token repeats", "nothing new"],
)
def test_a_truncated_list_does_not_count_as_complete(last, is_cut):
    script = Script([page(job_xml("b1"), next_token="1"), last])
    if is_cut:
        with pytest.raises(e.UnreadableResponseError, match="breaks off"):
            script.run(job_calls.list_all_jobs(JobFilter()))
    else:
        script.run(job_calls.list_all_jobs(JobFilter()))


def test_a_stop_without_answers_ends_before_the_process_is_killed():
    def silence(_request):
        script.now += timedelta(seconds=1.5)
        raise LOST

    script = Script([silence], forever=True)
    with pytest.raises(e.TransportError):
        script.run(cancel_and_confirm("b1", within_seconds=3))
    assert len(script.sent("PUT")) == 2
    assert script.now - START <= timedelta(seconds=5)
