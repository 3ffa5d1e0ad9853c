from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.submitting import submission_search
from airflow_provider_tencent_ci.core.submitting import submit_once as s
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import (
    DuplicateSearch,
    cancel_duplicates,
    list_jobs_named,
)
from airflow_provider_tencent_ci.core.submitting.submission_note import SubmissionNote, TwoClockTime
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY
from tests.core.script import LOST, REFUSED, START, Script, failure, job_xml, page, respond
from tests.core.submitting.attempts import NAME, TOKEN, Listing, Notes, submitting

SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="raw/")
NOTHING = page()
THROTTLED = failure(429, "SlowDown")
WINDOW = 300


def mine(job_id="b1", **nodes):
    return job_xml(job_id, Name=NAME, **nodes)


def created(job_id="b1"):
    return respond(f"<Response>{mine(job_id, State='Submitted')}</Response>")


def submit(script, notes=None, **options):
    return script.run(submitting(SPECIFICATION, notes, reconcile_timeout=WINDOW, **options))


def answering(**by_method):
    """A script that answers every request by its method."""
    answers = {
        method: itertools.cycle(given if isinstance(given, list) else [given]) for method, given in by_method.items()
    }

    def answer(request):
        given = next(answers[request.method])
        if isinstance(given, Exception):
            raise given
        return given

    return Listing([answer], forever=True)


def unsettled(seconds_ago, service_seconds_ago=None):
    by_service = seconds_ago if service_seconds_ago is None else service_seconds_ago
    since = TwoClockTime(START - timedelta(seconds=seconds_ago), START - timedelta(seconds=by_service))
    return SubmissionNote(TOKEN, posts=1, posted_at=since)


@pytest.fixture
def service_time(monkeypatch):
    """The service's clock follows the script's."""
    scripts = []

    def tell():
        yield from ()
        return scripts[-1].now

    monkeypatch.setattr(submission_search, "service_time", tell)
    return scripts


def test_an_empty_search_leads_to_one_submission():
    script, notes = Listing([NOTHING, created()]), Notes()
    submission = submit(script, notes)
    assert (submission.job.job_id, submission.adopted, submission.posts) == ("b1", False, 1)
    assert dict(script.requests[0].query) == {"name": NAME, "size": "100", "orderByTime": "Asc"}
    assert script.requests[1].body == SPECIFICATION.body(NAME)
    assert [note.job_id for note in notes.written] == [None, "b1"]
    assert not submission.series.may_have_duplicates


def test_each_request_is_recorded_before_it_is_sent():
    script, notes = Listing([NOTHING, created()]), Notes()
    by_post = []
    post = script.answers[1]
    script.answers[1] = lambda _request: by_post.append(notes.note) or post
    submit(script, notes)
    [note] = by_post
    assert (note.token, note.job_id, note.posts, note.posted_at.machine) == (TOKEN, None, 1, START)


def test_a_request_that_cannot_be_recorded_is_not_sent():
    class Broken(Notes):
        def write(self, note):
            raise OSError("the API is away")

    script = Listing([NOTHING])
    with pytest.raises(OSError, match="away"):
        submit(script, Broken())
    assert not script.sent("POST")


@pytest.mark.parametrize("state", ["Submitted", "Running", "Pause", "Archived"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_live_job_of_this_name_is_adopted_on_every_try(state, is_first):
    script = Listing([page(mine(State=state))], forever=True)
    submission = submit(script, Notes(reliable=False), is_first=is_first)
    assert (submission.job.job_id, submission.adopted, submission.posts) == ("b1", True, 0)


@pytest.mark.parametrize("state", ["Success", "Failed", "Cancel"])
@pytest.mark.parametrize("reliable", [True, False])
def test_the_first_try_does_not_adopt_an_ended_job(state, reliable):
    script, notes = Listing([page(mine("b9", State=state)), created()]), Notes(reliable=reliable)
    assert submit(script, notes).job.job_id == "b1"
    assert notes.note.foreign_ids == ("b9",)


def test_a_later_try_adopts_a_job_that_has_succeeded():
    script = Listing([page(mine(State="Success"))], forever=True)
    assert submit(script, Notes(reliable=False), is_first=False).adopted


def test_a_later_try_does_not_adopt_a_job_that_ended_before_the_first_request_of_the_series():
    note = SubmissionNote(TOKEN, posts=1, foreign_ids=("b9",))
    script = Listing([page(mine("b9", State="Success")), created(), page(mine("b9", State="Success"))])
    submission = submit(script, Notes(note), is_first=False)
    assert submission.job.job_id == "b1"
    assert submission.duplicates == ()


def test_a_later_try_of_a_series_without_requests_acts_like_a_first_one():
    script = Listing([page(mine("b9", State="Success")), created()])
    assert submit(script, Notes(), is_first=False).job.job_id == "b1"
    assert script.pauses == []


@pytest.mark.parametrize("state", ["Failed", "Cancel"])
def test_a_job_that_ended_badly_is_not_adopted(state):
    note = SubmissionNote(TOKEN, job_id="b1", posts=1)
    script = Listing([page(mine(State=state)), page(mine(State=state)), created("b2"), page(mine(State=state))])
    assert submit(script, Notes(note), is_first=False).job.job_id == "b2"


@pytest.mark.parametrize("other", ["nightly", f"{NAME}x", NAME.upper(), "nightly-0123456789abcde0"])
def test_a_job_of_another_name_is_not_adopted_even_if_the_filter_returns_it(other):
    script = Listing([page(job_xml("b9", Name=other)), created()])
    assert submit(script).job.job_id == "b1"


def test_a_job_is_found_on_a_later_page():
    script = Listing([page(job_xml("b8", Name="x"), next_token="1"), page(mine("b9"))])
    assert submit(script).job.job_id == "b9"
    assert dict(script.requests[1].query)["nextToken"] == "1"


def test_a_truncated_list_does_not_prove_that_no_job_exists():
    script = Listing([page(job_xml("b8", Name="x"), next_token="1"), page(job_xml("b7", Name="x"), next_token="1")])
    with pytest.raises(e.UnreadableResponseError, match="breaks off"):
        submit(script)
    assert not script.sent("POST")


def test_the_recorded_job_takes_precedence_and_so_does_its_token():
    note = SubmissionNote("fedcba9876543210", job_id="b7", posts=1)
    script = Listing([page(job_xml("b7", Name="nightly-fedcba9876543210"))])
    assert submit(script, Notes(note), is_first=False).job.job_id == "b7"
    assert dict(script.requests[0].query) == {"jobId": "b7", "size": "100"}


def test_a_recorded_job_that_is_not_listed_is_read_by_its_id():
    note = SubmissionNote(TOKEN, job_id="b1", posts=1)
    script = Listing([NOTHING, respond(f"<Response>{mine()}</Response>")])
    assert submit(script, Notes(note), is_first=False).job.job_id == "b1"
    assert not script.sent("POST")


GONE = respond("<Response><NonExistJobIds>b1</NonExistJobIds></Response>")


def test_a_recorded_job_that_is_gone_is_submitted_again_with_a_warning(service_time):
    note, told = replace(unsettled(WINDOW), job_id="b1"), []
    script = Listing([NOTHING, GONE, NOTHING, created("b2"), page(mine("b2"))])
    service_time.append(script)
    assert submit(script, Notes(note), is_first=False, log=told.append).job.job_id == "b2"
    assert script.pauses == []
    [warning] = told
    assert warning.startswith("The service does not know batch job b1, which an earlier try")


def test_a_recorded_job_that_was_just_submitted_does_not_count_as_gone(service_time):
    note = replace(unsettled(2), job_id="b1")
    script = Listing([NOTHING, GONE, NOTHING, NOTHING, page(mine())])
    service_time.append(script)
    assert submit(script, Notes(note), is_first=False).job.job_id == "b1"
    assert not script.sent("POST")


@pytest.mark.parametrize(
    "refusal", [THROTTLED, failure(403, "QueueSaturated"), REFUSED, failure(401, "SignatureExpired")]
)
def test_a_refused_submission_is_retried_without_a_search(refusal):
    script = Listing([NOTHING, refusal, created()])
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
outcomes = pytest.mark.parametrize("outcome", UNKNOWN.values(), ids=UNKNOWN.keys())


@outcomes
@pytest.mark.parametrize("state", ["Running", "Success"])
def test_an_unknown_outcome_is_settled_by_the_list(outcome, state):
    script, notes = (
        answering(POST=outcome, GET=[NOTHING, NOTHING, page(mine(State=state)), page(mine(State=state))]),
        Notes(),
    )
    submission = submit(script, notes)
    assert (submission.job.job_id, submission.adopted, submission.posts) == ("b1", True, 1)
    assert submission.series.may_have_duplicates, "the found job may belong to another request"
    assert (notes.note.job_id, notes.note.posts) == ("b1", 1)


@outcomes
def test_an_unknown_outcome_without_a_job_is_retried_once_when_the_time_is_over(outcome):
    script = answering(POST=[outcome, created()], GET=NOTHING)
    submission = submit(script)
    assert submission.job.job_id == "b1"
    assert sum(script.pauses) == WINDOW
    assert script.pauses == sorted(script.pauses[:-1]) + script.pauses[-1:]
    assert submission.series.may_have_duplicates


@outcomes
def test_no_request_is_sent_a_third_time(outcome):
    script = answering(POST=outcome, GET=NOTHING)
    with pytest.raises(e.SubmitOutcomeUnknownError, match=f"'{NAME}' was sent 2 times.*look for this name in the CI"):
        submit(script)
    assert len(script.sent("POST")) == 2
    assert sum(script.pauses) == 2 * WINDOW


def test_a_clock_that_jumps_does_not_shorten_the_search():
    script = answering(POST=[LOST, created()], GET=NOTHING)
    answer = script.answers[0]

    def jumping(request):
        if request.method == "GET" and script.sent("POST"):
            script.now += timedelta(hours=1)
        return answer(request)

    script.answers[0] = jumping
    submit(script)
    assert sum(script.pauses) == WINDOW


def test_a_search_survives_a_list_that_cannot_be_read():
    script = answering(POST=LOST, GET=[NOTHING, failure(500), LOST, failure(503), page(mine())])
    assert submit(script).job.job_id == "b1"


def test_a_list_that_cannot_be_read_at_the_end_leaves_the_outcome_unknown():
    script = answering(POST=LOST, GET=[NOTHING, *[failure(503)] * 100])
    with pytest.raises(e.SubmitOutcomeUnknownError, match="once.*cannot be read"):
        submit(script)
    assert len(script.sent("POST")) == 1


def test_a_list_without_permission_ends_the_search():
    script = answering(POST=LOST, GET=[NOTHING, *[failure(403, "AccessDenied")] * 100])
    with pytest.raises(e.SubmitOutcomeUnknownError, match="cannot be read.*AccessDenied"):
        submit(script)
    assert sum(script.pauses) == 1


def test_a_job_that_failed_before_it_was_listed_belongs_to_this_try_and_nothing_is_sent_again():
    script = answering(POST=LOST, GET=[NOTHING, *[page(mine(State="Failed"))] * 100])
    assert submit(script).job.state == "Failed"
    assert sum(script.pauses) == WINDOW
    assert len(script.sent("POST")) == 1


def test_a_failed_job_of_an_earlier_try_does_not_belong_to_this_try():
    note = SubmissionNote(TOKEN, job_id="b1", posts=1)
    script = answering(POST=[LOST, created("b2")], GET=page(mine(State="Failed")))
    assert submit(script, Notes(note), is_first=False).job.job_id == "b2"


@pytest.mark.parametrize("refusal", [failure(403, "AccessDenied"), THROTTLED, REFUSED])
def test_a_refusal_after_an_unknown_outcome_does_not_hide_it(refusal):
    script = answering(POST=[LOST, *[refusal] * 20], GET=NOTHING)
    with pytest.raises(e.SubmitOutcomeUnknownError, match="the job list does not show it"):
        submit(script)


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
def test_a_permanent_error_ends_the_submission_and_the_next_try_need_not_search(answer, error):
    notes = Notes()
    with pytest.raises(error):
        submit(Listing([NOTHING, answer]), notes)
    script = Listing([NOTHING, created()])
    assert submit(script, notes, is_first=False).job.job_id == "b1"
    assert script.pauses == []


def test_a_failed_search_ends_the_submission_before_its_request():
    script = Listing([failure(403, "AccessDenied")])
    with pytest.raises(e.PermissionDeniedError):
        submit(script)
    assert not script.sent("POST")


# Later tries


@pytest.mark.parametrize(
    ("note", "seconds"),
    [
        (unsettled(0), WINDOW),
        (unsettled(100), WINDOW - 100),
        (unsettled(1000), 0),
        (unsettled(1000, 100), WINDOW - 100),
        (unsettled(100, 1000), WINDOW - 100),
        (unsettled(-3600, 100), WINDOW),
        (SubmissionNote(TOKEN, posts=1, posted_at=TwoClockTime(START - timedelta(days=1), None)), WINDOW),
        (SubmissionNote(TOKEN, posts=1), 0),
    ],
    ids=[
        "just now", "a while ago", "long ago", "the local clock has jumped", "the service's clock has jumped",
        "another machine's clock", "the service's time was not known", "settled",
    ],
)  # fmt: skip
def test_a_later_try_searches_for_the_rest_of_the_time(service_time, note, seconds):
    script = answering(POST=created(), GET=NOTHING)
    service_time.append(script)
    assert submit(script, Notes(note), is_first=False).job.job_id == "b1"
    assert sum(script.pauses) == seconds


def test_a_later_try_without_a_record_searches_for_all_of_the_time():
    script = answering(POST=created(), GET=NOTHING)
    assert submit(script, Notes(reliable=False), is_first=False).posts == 1
    assert sum(script.pauses) == WINDOW


@pytest.mark.parametrize("state", ["Running", "Success"])
@pytest.mark.parametrize("note", [None, SubmissionNote(TOKEN, posts=1)], ids=["no note", "a note"])
def test_a_later_try_finds_the_job_under_the_name_of_an_earlier_release(state, note):
    notes = Notes(note, reliable=note is not None)
    former = page(job_xml("b1", Name=f"short-{TOKEN}", State=state))

    def answer(request):
        return former if ("name", f"short-{TOKEN}") in request.query or request.path.endswith("/b1") else NOTHING

    script = Listing([answer], forever=True)
    submission = submit(script, notes, is_first=False, former_readable="short")
    assert (submission.job.job_id, submission.adopted, submission.posts) == ("b1", True, 0)


def test_a_first_try_looks_for_one_name():
    script = answering(POST=created(), GET=NOTHING)
    submit(script, former_readable="short")
    assert [dict(request.query).get("name") for request in script.requests if request.method == "GET"] == [NAME]


def test_a_later_try_finds_a_job_that_is_listed_late():
    script = answering(GET=[*[NOTHING] * 5, page(mine())])
    assert submit(script, Notes(unsettled(0)), is_first=False).adopted


def test_a_superseded_try_sends_nothing():
    class Superseded(Notes):
        def read(self):
            note, self.note = self.note, SubmissionNote(TOKEN, job_id="b7", posts=1)
            return note

    script = Listing([NOTHING])
    with pytest.raises(e.SubmissionTakenOverError, match="sent nothing"):
        submit(script, Superseded())
    assert not script.sent("POST")


def test_an_old_search_is_repeated_before_the_request_is_sent():
    script = Listing([NOTHING, page(mine())])

    def slow_check():
        script.now += timedelta(minutes=2)
        yield from ()

    assert submit(script, before_submit=slow_check).job.job_id == "b1"
    assert not script.sent("POST")


def test_the_time_is_checked_before_each_request():
    class OverError(Exception):
        pass

    script = answering(POST=LOST, GET=NOTHING)

    def check_deadline():
        if script.pauses:
            raise OverError

    with pytest.raises(OverError):
        submit(script, check_deadline=check_deadline)
    assert len(script.sent("POST")) == 1


# Duplicates

OLD, YOUNG = "2026-01-02T11:04:01+0800", "2026-01-02T11:04:09+0800"


def test_of_two_jobs_of_two_requests_the_older_one_is_kept():
    script = answering(
        POST=[LOST, created("b2")],
        GET=[*[NOTHING] * 15, page(mine("b1", CreationTime=OLD), mine("b2", CreationTime=YOUNG))],
        PUT=respond(""),
    )
    submission = submit(script)
    assert submission.job.job_id == "b1"
    assert [(one.job.job_id, one.cancel_error) for one in submission.duplicates] == [("b2", None)]
    assert [request.path for request in script.sent("PUT")] == ["/inventorytriggerjob/b2"]


def test_of_two_jobs_of_one_second_the_smaller_id_is_kept():
    script = Listing([page(mine("b2"), mine("b1"))] * 2 + [respond("")])
    assert submit(script).job.job_id == "b1"
    assert [request.path for request in script.sent("PUT")] == ["/inventorytriggerjob/b2"]


def test_a_duplicate_that_cannot_be_cancelled_is_logged_and_fails_nothing():
    script = answering(GET=page(mine("b2"), mine("b1")), PUT=failure(403, "AccessDenied"))
    [duplicate] = submit(script).duplicates
    assert isinstance(duplicate.cancel_error, e.PermissionDeniedError)


def test_a_failed_search_for_duplicates_is_repeated_at_the_end_of_the_task():
    told = []
    script = answering(POST=created("b2"), GET=[NOTHING, *[failure(403, "AccessDenied")] * 9])
    submission = submit(script, Notes(SubmissionNote(TOKEN, posts=1)), is_first=False, log=told.append)
    assert (submission.job.job_id, submission.series.may_have_duplicates) == ("b2", True)
    assert "is not known yet" in told[-1]


def settle(job_id, state, *listed):
    script = Listing([page(*listed)] + [respond("")] * 3)
    series = DuplicateSearch(NAME, ("b9",), may_have_duplicates=True)
    job = replace(submit(Listing([page(mine(job_id))])).job, state=JobState(state))
    kept, duplicates = script.run(cancel_duplicates(series, job))
    return kept.job_id, [one.job.job_id for one in duplicates], [one.path[-2:] for one in script.sent("PUT")]


def test_at_the_end_of_the_task_a_live_job_beside_one_that_succeeded_is_cancelled():
    listed = mine("b1", State="Success"), mine("b2"), mine("b9", State="Success"), mine("b3", State="Failed")
    assert settle("b1", "Success", *listed) == ("b1", ["b2"], ["b2"])


def test_at_the_end_of_the_task_a_second_succeeded_job_is_logged():
    assert settle("b1", "Success", mine("b2", State="Success")) == ("b1", ["b2"], [])


@pytest.mark.parametrize("other", ["Running", "Success"])
def test_a_failed_job_is_replaced_by_one_that_did_not_fail(other):
    kept, duplicates, cancelled = settle("b1", "Cancel", mine("b1", State="Cancel"), mine("b2", State=other))
    assert (kept, duplicates, cancelled) == ("b2", [], [])


# The other ways to submit


def test_fail_refuses_when_a_job_of_the_name_exists_in_any_state():
    script = Listing([page(mine("b9", State="Failed"))])
    with pytest.raises(e.JobExistsError, match="b9, Failed") as caught:
        script.run(s.submit_new(NAME, SPECIFICATION))
    assert caught.value.job.job_id == "b9"
    assert not script.sent("POST")


def test_fail_submits_without_an_existing_job_and_settles_an_unknown_outcome():
    script = Listing([NOTHING, LOST, page(mine())])
    assert script.run(s.submit_new(NAME, SPECIFICATION)).job.job_id == "b1"


def test_fail_retries_nothing_and_cancels_nothing():
    script = answering(POST=LOST, GET=NOTHING)
    with pytest.raises(e.SubmitOutcomeUnknownError):
        script.run(s.submit_new(NAME, SPECIFICATION))
    assert len(script.sent("POST")) == 1


def test_unchecked_submits_without_a_search():
    script = Listing([created()])
    assert not script.run(s.submit_unchecked(NAME, SPECIFICATION)).adopted
    assert [request.method for request in script.requests] == ["POST"]


def test_unchecked_never_retries_an_unknown_outcome():
    script = Listing([LOST])
    with pytest.raises(e.TransportError):
        script.run(s.submit_unchecked(NAME, SPECIFICATION))


# A list that shows a job as it was

ENDED = respond(f"<Response>{mine('b9', State='Success')}</Response>")
FAILED = respond(f"<Response>{mine('b1', State='Failed')}</Response>")


def stale(*, by_id, **answers):
    """A service whose list shows old states; a read by id returns the current state."""
    [listed] = answering(**answers).answers
    return Script([lambda request: by_id if request.path.count("/") > 1 else listed(request)], forever=True)


def test_an_ended_job_of_a_deleted_run_is_not_adopted_even_if_the_list_shows_it_as_live():
    script = stale(by_id=ENDED, GET=page(mine("b9")), POST=created())
    notes = Notes()
    assert submit(script, notes).job.job_id == "b1"
    assert notes.note.foreign_ids == ("b9",)


def test_a_job_is_not_cancelled_in_favour_of_a_failed_one_that_the_list_shows_as_live():
    listed = page(mine("b1", CreationTime=OLD), mine("b2", CreationTime=YOUNG))
    script = stale(by_id=FAILED, GET=[page(mine("b1", State="Failed")), listed], POST=created("b2"))
    note = SubmissionNote(TOKEN, job_id=None, posts=1)
    submission = submit(script, Notes(note), is_first=False)
    assert (submission.job.job_id, submission.duplicates) == ("b2", ())


def test_a_later_try_without_a_readable_list_leaves_an_earlier_outcome_unknown():
    script = Listing([failure(403, "AccessDenied")])
    with pytest.raises(e.SubmitOutcomeUnknownError, match="by an earlier try .*cannot be read"):
        submit(script, Notes(SubmissionNote(TOKEN, posts=1)), is_first=False)


# A recreated run; the list shows the deleted run's job late


def created_ago(seconds, job_id="b9", state="Success"):
    return mine(job_id, State=state, CreationTime=(START - timedelta(seconds=seconds)).isoformat())


def test_a_job_from_before_the_request_is_not_adopted_while_the_new_job_may_still_appear():
    script = answering(POST=LOST, GET=[NOTHING, page(created_ago(8)), page(created_ago(8), mine("b1"))])
    script.service_ahead = timedelta()
    assert submit(script).job.job_id == "b1"


def test_a_job_from_before_the_request_is_adopted_at_the_end_and_nothing_is_sent_again():
    """The service's servers may differ by more than is known: no clock difference causes a second job."""
    script = answering(POST=LOST, GET=[NOTHING, *[page(created_ago(8, "b1"))] * 40])
    script.service_ahead = timedelta()
    assert submit(script).job.job_id == "b1"
    assert sum(script.pauses) == WINDOW
    assert len(script.sent("POST")) == 1


def test_no_other_job_is_adopted_while_a_recorded_job_may_still_appear(service_time):
    note = replace(unsettled(2), job_id="b1")
    script = Listing([NOTHING, GONE, page(created_ago(8)), *[page(created_ago(8), mine("b1"))] * 2])
    service_time.append(script)
    assert submit(script, Notes(note), is_first=False).job.job_id == "b1"


def test_a_job_that_was_seen_as_failed_is_never_kept_again():
    live = page(mine("b1", CreationTime=OLD), mine("b2", CreationTime=YOUNG))
    script = Listing([page(mine("b1", State="Cancel")), page(mine("b1")), created("b2"), live])
    submission = submit(script, Notes(SubmissionNote(TOKEN, job_id="b1", posts=1)), is_first=False)
    assert (submission.job.job_id, submission.duplicates) == ("b2", ())
    assert not script.sent("PUT")


# Found with new random inputs in November 2026


class TooLate(Exception):
    pass


@pytest.mark.parametrize("unchecked", [False, True], ids=["submit_once", "submit_unchecked"])
def test_a_refused_request_is_not_retried_when_it_is_too_late(unchecked):
    checks = itertools.count(1)

    def check_deadline():
        if next(checks) > 2:
            raise TooLate

    script = answering(GET=NOTHING, POST=THROTTLED)
    flow = (
        s.submit_unchecked("nightly", SPECIFICATION, check_deadline=check_deadline)
        if unchecked
        else submitting(SPECIFICATION, check_deadline=check_deadline)
    )
    with pytest.raises(TooLate):
        script.run(flow)
    assert len(script.sent("POST")) == 2


class NotesOfTwoTries(Notes):
    """Another try writes its record while this one pauses after a refusal."""

    def try_to_write(self, note, kept):
        result = super().try_to_write(note, kept)
        self.note = SubmissionNote(TOKEN, job_id="b9", posts=1, noted_by="another try")
        return result


def test_a_try_that_pauses_after_a_refusal_sends_nothing_once_another_try_has_submitted():
    script = answering(GET=NOTHING, POST=[THROTTLED, created("b2")])
    with pytest.raises(e.SubmissionTakenOverError):
        submit(script, NotesOfTwoTries())
    assert len(script.sent("POST")) == 1


def test_a_try_detects_that_a_newer_one_adopted_the_job():
    note = SubmissionNote(TOKEN, job_id="b1", posts=1)
    notes = Notes(note)
    older = submitting(SPECIFICATION, notes, is_first=False, try_key="2")
    next(older)  # frozen at its first step, after it has read the record
    submit(answering(GET=page(mine("b1"))), notes, is_first=False, try_key="3")
    older.close()
    assert notes.note == replace(note, noted_by="3")


def test_without_a_store_an_active_job_wins_over_one_that_ended_before_it_was_created():
    ended = created_ago(900, "b0").replace("</JobsDetail>", f"<EndTime>{START.isoformat()}</EndTime></JobsDetail>")
    young = mine("b1", CreationTime=(START + timedelta(seconds=30)).isoformat())
    [job] = Script([page(ended)]).run(list_jobs_named(NAME, NO_RETRY))
    for knows_all_tries, kept_id in ((False, "b1"), (True, "b0")):
        search = DuplicateSearch(NAME, may_have_duplicates=True, knows_all_tries=knows_all_tries)
        script = answering(GET=page(ended, young), PUT=respond())
        kept, _ = script.run(cancel_duplicates(search, job))
        assert kept.job_id == kept_id
        assert len(script.sent("PUT")) == (kept_id == "b0")


def test_a_try_with_only_answered_requests_does_not_adopt_the_job_of_a_deleted_run():
    """The job of a deleted run was listed late; this run's only known job has failed."""
    note = SubmissionNote(TOKEN, job_id="b1", posts=1, answered=1)
    script = Listing(
        [
            page(mine("b1", State="Failed")),
            page(mine("b0", State="Success"), mine("b1", State="Failed")),
            created("b2"),
            page(mine("b0", State="Success"), mine("b2", State="Submitted")),
        ]
    )
    notes = Notes(note)
    submission = submit(script, notes, is_first=False)
    assert (submission.job.job_id, submission.adopted) == ("b2", False)
    assert notes.note.answered == notes.note.posts == 2


def test_a_noted_job_that_cannot_be_read_is_named():
    with pytest.raises(e.LostContactError, match="Batch job b1, which an earlier try"):
        submit(Script([LOST], forever=True), Notes(SubmissionNote(TOKEN, job_id="b1", posts=1)), is_first=False)
