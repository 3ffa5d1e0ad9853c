from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core import flows
from airflow_provider_tencent_ci.core.api import JobFilter, Page, build_list, read_jobs
from airflow_provider_tencent_ci.core.cancelling import stop_job
from airflow_provider_tencent_ci.core.jobs import InventoryJob
from airflow_provider_tencent_ci.core.paging import Pages
from airflow_provider_tencent_ci.core.specification import InventoryJobSpecification
from tests.core.script import LOST, REFUSED, START, Script, failure, job_xml, page, respond

SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="raw/")
NAME = "nightly-0123456789abcdef"
NOTHING = page()
THROTTLED = failure(429, "SlowDown")


def mine(job_id="b1", **nodes):
    return job_xml(job_id, Name=NAME, **nodes)


def created(job_id="b1"):
    return respond(f"<Response>{mine(job_id, State='Submitted')}</Response>")


def submit(script, **options):
    return script.run(flows.submit_once(NAME, SPECIFICATION, created_after=START - timedelta(minutes=10), **options))


def test_a_read_is_repeated_until_it_is_answered():
    script = Script([THROTTLED, LOST, REFUSED, failure(500), page(mine())])
    assert script.run(flows.get_job("b1")).job_id == "b1"
    assert len(script.requests) == 5
    assert sum(script.pauses) <= 60


def test_a_read_that_is_never_answered_ends_with_the_last_error():
    script = Script([failure(503)], forever=True)
    with pytest.raises(e.ServiceUnavailableError):
        script.run(flows.get_job("b1"))
    assert len(script.requests) == 6
    assert sum(script.pauses) <= 60


def test_a_definite_no_is_not_asked_for_again():
    script = Script([failure(403, "AccessDenied")])
    with pytest.raises(e.PermissionDeniedError):
        script.run(flows.get_job("b1"))


def test_an_unreadable_answer_carries_status_and_request_id():
    script = Script([respond("<Response><Jobs")], forever=True)
    with pytest.raises(e.UnreadableResponseError) as caught:
        script.run(flows.get_job("b1"))
    assert (caught.value.status, caught.value.request_id) == (200, "script-1")


def test_a_job_is_read_through_the_list_and_compared_on_our_side():
    script = Script([page(job_xml("b2"), job_xml("b1"))])
    assert script.run(flows.get_job("b1")).job_id == "b1"
    assert dict(script.requests[0].query) == {"jobId": "b1", "size": "100"}


def test_a_job_that_is_not_listed_yet_is_looked_for_again():
    script = Script([NOTHING, page(job_xml("b2")), page(job_xml("b1"))])
    assert script.run(flows.get_job("b1")).job_id == "b1"
    assert script.pauses == [2, 4]


def test_a_job_that_is_never_listed_is_not_found():
    script = Script([NOTHING], forever=True)
    with pytest.raises(e.NotFoundError, match="'b1' is not in the job list"):
        script.run(flows.get_job("b1"))


def test_an_impossible_job_id_is_not_sent():
    script = Script()
    with pytest.raises(e.InvalidArgumentError):
        script.run(flows.get_job("b1/.."))


def test_nothing_found_means_one_submission():
    script = Script([NOTHING, created()])
    submission = submit(script)
    assert (submission.job.job_id, submission.adopted) == ("b1", False)
    assert dict(script.requests[0].query) == {
        "name": NAME, "size": "100", "orderByTime": "Asc", "startCreationTime": "2026-01-02T02:54:05+0000"
    }  # fmt: skip
    assert script.requests[1].body == SPECIFICATION.body(NAME)


@pytest.mark.parametrize("state", ["Submitted", "Running", "Pause", "Success", "Archived"])
def test_a_live_or_succeeded_job_of_this_name_is_adopted(state):
    script = Script([page(mine(State=state))])
    submission = submit(script)
    assert (submission.job.job_id, submission.adopted) == ("b1", True)
    assert not script.sent("POST")


@pytest.mark.parametrize("state", ["Failed", "Cancel"])
def test_a_job_that_ended_badly_is_not_adopted(state):
    script = Script([page(mine(State=state)), created("b2")])
    assert submit(script).job.job_id == "b2"


@pytest.mark.parametrize("other", ["nightly", f"{NAME}x", NAME.upper(), "nightly-0123456789abcde0"])
def test_a_job_of_another_name_is_not_adopted_whatever_the_filter_lets_through(other):
    script = Script([page(job_xml("b9", Name=other)), created()])
    assert submit(script).job.job_id == "b1"


def test_a_job_of_an_earlier_run_of_the_same_name_is_not_adopted():
    script = Script([page(mine("b9", CreationTime="2026-01-01T00:00:00+0000")), created()])
    assert submit(script).job.job_id == "b1"


def test_a_job_is_found_on_a_later_page():
    script = Script([page(job_xml("b8", Name="x"), next_token="1"), page(mine("b9"))])
    assert submit(script).job.job_id == "b9"
    assert dict(script.requests[1].query)["nextToken"] == "1"


def test_of_several_the_live_one_is_adopted_and_then_the_older():
    script = Script([page(
        mine("b3", CreationTime="2026-01-02T11:04:03+0800"),
        mine("b2", CreationTime="2026-01-02T11:04:02+0800"),
        mine("b1", CreationTime="2026-01-02T11:04:01+0800", State="Success"),
    )])  # fmt: skip
    submission = submit(script)
    assert submission.job.job_id == "b2"
    assert [job.job_id for job in submission.others] == ["b3", "b1"]


def test_a_later_try_looks_several_times_before_it_submits():
    script = Script([NOTHING] * 5 + [created()])
    assert not submit(script, looks=flows.LATER_TRY_LOOKS).adopted
    assert sum(script.pauses) == 20


def test_a_later_try_finds_a_job_that_is_listed_late():
    script = Script([NOTHING, NOTHING, page(mine())])
    assert submit(script, looks=flows.LATER_TRY_LOOKS).adopted
    assert not script.sent("POST")


@pytest.mark.parametrize(
    "refusal", [THROTTLED, failure(403, "QueueSaturated"), REFUSED, failure(401, "SignatureExpired")]
)
def test_a_submission_that_was_refused_is_sent_again_without_looking(refusal):
    script = Script([NOTHING, refusal, created()])
    assert submit(script).job.job_id == "b1"
    assert len(script.sent("GET")) == 1


UNKNOWN = {
    "no answer": LOST,
    "500": failure(500, "InternalError"),
    "503": failure(503, "ServiceUnavailable"),
    "502": respond("<html>Bad Gateway</html>", 502),
    "truncated": respond("<Response><JobsDetail><JobId>b"),
    "empty": respond(""),
    "no id": respond("<Response/>"),
}


@pytest.mark.parametrize("outcome", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_unknown_outcome_is_settled_by_the_list(outcome):
    script = Script([NOTHING, outcome, NOTHING, page(mine())])
    submission = submit(script)
    assert (submission.job.job_id, submission.adopted) == ("b1", True)
    assert len(script.sent("POST")) == 1


@pytest.mark.parametrize("outcome", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_unknown_outcome_that_left_no_job_is_sent_again_after_long_looking(outcome):
    script = Script([NOTHING, outcome, *[NOTHING] * 5, created()])
    assert submit(script).job.job_id == "b1"
    assert sum(script.pauses) >= 20


def test_a_list_that_cannot_settle_an_outcome_is_an_unknown_outcome():
    script = Script([NOTHING, LOST, failure(403, "AccessDenied")])
    with pytest.raises(e.SubmitOutcomeUnknownError, match=f"'{NAME}'.* 1 time, .*cannot be read.*AccessDenied"):
        submit(script)
    assert len(script.sent("POST")) == 1


def test_outcomes_that_stay_unknown_end_in_an_error_that_says_what_to_do():
    script = Script([NOTHING, *[LOST, *[NOTHING] * 5] * 3])
    with pytest.raises(e.SubmitOutcomeUnknownError, match=f"'{NAME}'.*Look for this name in the CI console"):
        submit(script)
    assert len(script.sent("POST")) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failure(400, "InvalidArgument"), e.InvalidRequestError),
        (failure(401, "InvalidAuthorization"), e.AuthenticationError),
        (failure(403, "AccessDenied"), e.PermissionDeniedError),
        (failure(404, "NoSuchBucket"), e.NotFoundError),
        (respond("", 301, location="http://x"), e.RedirectError),
    ],
)
def test_a_definite_no_ends_the_submission(answer, error):
    script = Script([NOTHING, answer])
    with pytest.raises(error):
        submit(script)


def test_a_look_up_that_fails_ends_the_submission_before_it_begins():
    script = Script([failure(403, "AccessDenied")])
    with pytest.raises(e.PermissionDeniedError):
        submit(script)
    assert not script.sent("POST")


def test_fail_refuses_when_a_job_of_the_name_exists_in_any_state():
    script = Script([page(mine("b9", State="Failed"))])
    with pytest.raises(e.JobExistsError, match="b9, Failed") as caught:
        script.run(flows.submit_new(NAME, SPECIFICATION))
    assert caught.value.job.job_id == "b9"
    assert not script.sent("POST")


def test_fail_submits_when_there_is_none_and_settles_an_unknown_outcome():
    script = Script([NOTHING, LOST, page(mine())])
    assert script.run(flows.submit_new(NAME, SPECIFICATION)).job.job_id == "b1"


def test_unchecked_submits_without_a_look():
    script = Script([created()])
    assert not script.run(flows.submit_unchecked(NAME, SPECIFICATION)).adopted
    assert [request.method for request in script.requests] == ["POST"]


def test_unchecked_never_repeats_an_unknown_outcome():
    script = Script([LOST])
    with pytest.raises(e.TransportError):
        script.run(flows.submit_unchecked(NAME, SPECIFICATION))


def test_a_cancel_is_repeated_while_the_service_is_busy():
    script = Script([THROTTLED, failure(500), respond("")])
    script.run(flows.cancel_job("b1"))
    assert [request.method for request in script.requests] == ["PUT"] * 3


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([page(job_xml("b1", State="Running"))], True),
        ([page(job_xml("b1", State="Success"))], True),
        ([page(job_xml("b1", State="Failed"))], False),
        ([page(job_xml("b1", State="Cancel"))], False),
        ([NOTHING] * 4, False),
    ],
    ids=["live", "succeeded", "failed", "cancelled", "not listed"],
)
def test_a_remembered_job_is_found_again_unless_it_ended_badly(answers, found):
    job = Script(answers).run(flows.find_again("b1"))
    assert (job.job_id if job else None) == ("b1" if found else None)


def stop(*answers):
    script = Script(answers)
    return script.run(stop_job("b1", within_seconds=4)), script


def test_a_stopped_job_is_looked_at_until_it_has_ended():
    job, script = stop(respond(""), page(job_xml("b1")), page(job_xml("b1", State="Cancel")))
    assert job.state == "Cancel"
    assert [request.method for request in script.requests] == ["PUT", "GET", "GET"]


def test_a_job_that_does_not_stop_in_time_is_returned_as_it_is():
    script = Script([respond(""), page(job_xml("b1"))], forever=True)
    assert script.run(stop_job("b1", within_seconds=4)).state == "Running"
    assert script.now == START + timedelta(seconds=4)


@pytest.mark.parametrize("seconds", [1, 15, 59, 60])
def test_a_job_that_stops_within_the_time_is_seen_to_have_stopped(seconds):
    def answer(request):
        has_stopped = script.now >= START + timedelta(seconds=seconds)
        return (
            respond("")
            if request.method == "PUT"
            else page(job_xml("b1", State="Cancel" if has_stopped else "Running"))
        )

    script = Script([answer], forever=True)
    assert script.run(stop_job("b1", within_seconds=60)).state == "Cancel"
    assert len(script.sent("PUT")) == 1


@pytest.mark.parametrize(
    "fault", [LOST, failure(500), failure(429, "SlowDown"), failure(429, "SlowDown", retry_after="7")]
)
def test_a_stop_rides_out_a_service_that_fails_for_half_of_the_time(fault):
    def answer(request):
        is_well = script.now >= START + timedelta(seconds=30)
        return page(job_xml("b1", State="Cancel")) if is_well else answer_to(fault)

    script = Script([answer], forever=True)
    assert script.run(stop_job("b1", within_seconds=60)).state == "Cancel"


def test_a_refused_cancel_is_no_error_if_the_job_has_ended():
    assert stop(failure(400, "InvalidArgument"), page(job_xml("b1", State="Success")))[0].state == "Success"


@pytest.mark.parametrize("answer", [LOST, failure(500)], ids=["no answer", "500"])
def test_a_cancel_without_an_answer_is_no_error_if_the_job_has_stopped(answer):
    by_method = {"PUT": answer, "GET": page(job_xml("b1", State="Cancel"))}
    script = Script([lambda request: answer_to(by_method[request.method])], forever=True)
    assert script.run(stop_job("b1", within_seconds=4)).state == "Cancel"
    assert len(script.sent("PUT")) > 1
    assert sum(script.pauses) <= 3


def answer_to(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_a_job_that_the_list_does_not_show_is_looked_for_until_the_time_is_over():
    script = Script([respond(""), NOTHING], forever=True)
    with pytest.raises(e.NotFoundError):
        script.run(stop_job("b1", within_seconds=4))
    assert script.now == START + timedelta(seconds=4)


def test_a_refused_cancel_is_what_is_said_when_the_job_cannot_be_looked_at():
    with pytest.raises(e.PermissionDeniedError, match="may not cancel"):
        stop(failure(403, "AccessDenied", "may not cancel"), failure(403, "AccessDenied", "may not list"))


def test_a_refused_cancel_of_a_live_job_is_an_error():
    with pytest.raises(e.InvalidRequestError):
        stop(failure(400, "InvalidArgument"), page(job_xml("b1")))


@pytest.mark.parametrize("flow", [flows.pause(1), flows.ask(build_list(JobFilter()), read_jobs)], ids=["pause", "ask"])
def test_a_driver_that_answers_wrongly_is_found_out(flow):
    next(flow)
    with pytest.raises(TypeError, match="A driver answers"):
        flow.send("nonsense")


def test_one_page_of_executions():
    script = Script([respond("<Response><WorkflowExecutionList><RunId>i1</RunId></WorkflowExecutionList></Response>")])
    assert script.run(flows.list_executions_page("w1", "b1", None)).items[0].run_id == "i1"


def pages_read(*answers):
    """The ids that come of a list with these pages, and how many pages were asked for."""
    pages, ids, asked = Pages(), [], 0
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
def test_pages_are_followed_until_they_end_or_go_in_circles(answers, ids):
    assert pages_read(*answers) == (ids, len(answers))


def test_a_silent_service_is_given_up_after_about_a_minute_however_long_each_request_takes():
    def silence(_request):
        script.now += timedelta(seconds=30)
        raise LOST

    script = Script([silence], forever=True)
    with pytest.raises(type(LOST)):
        script.run(flows.list_jobs_page(JobFilter()))
    assert len(script.requests) == 2
    assert script.now - START < timedelta(seconds=90)


@pytest.mark.parametrize("refusal", [failure(403, "AccessDenied"), THROTTLED, REFUSED])
def test_a_refusal_after_an_unknown_outcome_does_not_hide_it(refusal):
    by_method = {"POST": iter([LOST, *[refusal] * 10]), "GET": itertools.repeat(page())}
    script = Script([lambda request: answer_to(next(by_method[request.method]))], forever=True)
    with pytest.raises(e.SubmitOutcomeUnknownError, match="1 time, and the job list does not show it"):
        submit(script)


def test_a_stop_of_which_nobody_hears_ends_before_the_process_is_killed():
    def silence(_request):
        script.now += timedelta(seconds=1.5)
        raise LOST

    script = Script([silence], forever=True)
    with pytest.raises(e.TransportError):
        script.run(stop_job("b1", within_seconds=3))
    assert len(script.sent("PUT")) == 2
    assert script.now - START <= timedelta(seconds=5)
