"""The number of jobs that may still be submitted; nothing is submitted at the limit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.submitting.max_active_jobs import (
    CapacityStatus,
    CapacityWait,
    check_capacity,
    count_free_places,
    wait_for_capacity,
)
from airflow_provider_tencent_ci.core.submitting.submit_once import submit_new, submit_unchecked
from tests.core.script import LOST, START, Script, failure, job_xml, page
from tests.core.submitting.attempts import NAME, Listing, submitting

SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="media/")


def active(number):
    """The pages of a bucket with this number of active jobs."""

    def answer(request):
        query = dict(request.query)
        assert query["states"] == "Submitted,Running,Pause"
        start = int(query.get("nextToken") or 0)
        more = str(start + 100) if start + 100 < number else None
        return page(*(job_xml(f"b{index}") for index in range(start, min(number, start + 100))), next_token=more)

    return answer


@pytest.mark.parametrize(
    ("most", "jobs", "free", "requests"),
    [
        (1, 0, 1, 1),
        (1, 1, 0, 1),
        (1, 100_000, 0, 1),
        (50, 20, 30, 1),
        (100, 100, 0, 1),
        (250, 249, 1, 3),
        (250, 900, 0, 3),
    ],
)
def test_active_jobs_take_places_and_no_more_pages_are_read_than_needed(most, jobs, free, requests):
    script = Script([active(jobs)], forever=True)
    assert script.run(count_free_places(most)) == free
    assert len(script.requests) == requests


def test_no_limit_causes_no_request():
    script = Script()
    script.run(check_capacity(None))
    assert not script.requests


SUBMISSIONS = [
    lambda before_submit: submitting(SPECIFICATION, before_submit=before_submit),
    lambda before_submit: submit_new(NAME, SPECIFICATION, before_submit=before_submit),
    lambda before_submit: submit_unchecked(NAME, SPECIFICATION, before_submit=before_submit),
]


@pytest.mark.parametrize("submit", SUBMISSIONS)
def test_nothing_is_submitted_while_the_limit_is_reached(submit):
    script = Script([lambda request: page() if dict(request.query).get("name") else active(3)(request)], forever=True)
    with pytest.raises(e.TooManyActiveJobsError, match="At least 3 .* max_active_jobs"):
        script.run(submit(lambda: check_capacity(3)))
    assert not script.sent("POST")


@pytest.mark.parametrize("submit", SUBMISSIONS)
def test_a_free_place_is_taken(submit):
    def answer(request):
        query = dict(request.query)
        if request.method == "POST":
            return page(job_xml("b-new", Name=NAME))
        return page() if query.get("name") else active(2)(request)

    script = Script([answer], forever=True)
    assert script.run(submit(lambda: check_capacity(3))).job.job_id == "b-new"


def test_an_own_job_is_found_again_even_at_the_limit():
    script = Listing([page(job_xml("b1", Name=NAME))])
    submission = script.run(submitting(SPECIFICATION, before_submit=lambda: check_capacity(1)))
    assert (submission.job.job_id, submission.adopted) == ("b1", True)


def test_a_submission_of_unknown_outcome_is_not_reported_as_unsubmitted():
    """Other tasks may have filled the bucket meanwhile. The error must still say that the job may exist."""

    def answer(request):
        if request.method == "POST":
            return next(lost)
        return page() if dict(request.query).get("name") else counts.pop(0)(request)

    counts, lost = [active(2)], iter([failure(500), page(job_xml("b1", Name=NAME))])
    script = Script([answer], forever=True)
    submission = script.run(submitting(SPECIFICATION, before_submit=lambda: check_capacity(3)))
    assert submission.job.job_id == "b1"
    assert not counts, "the list is read once, and not between the two submissions"


def run_to_its_end(*answers, deadline_at=None, contact_timeout=600):
    script = Script(answers, forever=True)
    wait = CapacityWait(deadline_at=deadline_at, contact_timeout=contact_timeout)
    return script.run(wait_for_capacity(wait, 3, 30)), script


def wait(*answers):
    result, script = run_to_its_end(*answers)
    assert result.status is CapacityStatus.CAPACITY
    return script


def test_the_wait_for_a_place_pauses_with_jitter():
    script = wait(active(3), active(5), active(3), active(2))
    assert len(script.requests) == 4
    assert len(set(script.pauses)) == 3
    assert all(15 <= pause <= 30 for pause in script.pauses)


@pytest.mark.parametrize("answer", [LOST, failure(500), failure(403, "AccessDenied"), failure(429, "SlowDown")])
def test_a_wait_survives_a_failing_service(answer):
    assert len(wait(answer, answer, active(2)).requests) == 3


def test_retry_after_is_obeyed_up_to_the_contact_timeout():
    assert wait(failure(429, "SlowDown", retry_after="100"), active(0)).pauses == [100]
    assert wait(failure(429, "SlowDown", retry_after="100000"), active(0)).pauses == [600]


def test_a_service_that_fails_too_long_ends_the_wait():
    result, script = run_to_its_end(failure(500, "InternalError"))
    assert result.status is CapacityStatus.LOST_CONTACT
    assert result.message.startswith("Nothing was submitted: for 600 seconds")
    assert "InternalError" in result.message
    assert script.now == START + timedelta(seconds=600)


@pytest.mark.parametrize("answer", [active(3), failure(500)])
def test_a_deadline_ends_the_wait_on_time(answer):
    result, script = run_to_its_end(answer, deadline_at=START + timedelta(seconds=100))
    assert result.status is CapacityStatus.DEADLINE
    assert "until 2026-01-02 03:05:45 UTC. Nothing was submitted." in result.message
    assert script.now == START + timedelta(seconds=100)


def test_a_place_that_becomes_free_after_the_deadline_is_not_taken():
    result, _ = run_to_its_end(active(2), deadline_at=START)
    assert result.status is CapacityStatus.DEADLINE


def test_one_good_answer_resets_the_contact_timeout():
    bad = [failure(500)] * 15
    assert len(wait(*bad, active(3), *bad, active(2)).requests) == 32


def test_a_truncated_list_does_not_prove_a_free_place():
    three = page(job_xml("b1"), job_xml("b2"), job_xml("b3"), next_token="same")
    with pytest.raises(e.UnreadableResponseError, match="breaks off after 3 jobs"):
        Script([three], forever=True).run(count_free_places(5))
    assert Script([three], forever=True).run(count_free_places(3)) == 0
