"""The number of requests of a bulk poll, and its result for jobs that are not found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.polling.bulk_poll import BulkPoll
from tests.core.script import LOST, START, Script, failure, job_xml, page, respond


def service(jobs, page_size=100, **errors):
    """Answers as the list endpoint would: ``jobs`` by id and state; ``errors`` by the requested job."""

    def answer(request):
        query = dict(request.query)
        if job_id := query.get("jobId"):
            if job_id in errors:
                return errors[job_id]
            return page(*[job_xml(job_id, State=jobs[job_id])] if job_id in jobs else [])
        shown_states = query["states"].split(",")
        live = [job_id for job_id, state in jobs.items() if state in shown_states]
        start = int(query.get("nextToken") or 0)
        shown = live[start : start + page_size]
        more = str(start + page_size) if start + page_size < len(live) else None
        return page(*(job_xml(job_id, State=jobs[job_id]) for job_id in shown), next_token=more)

    return answer


def read(answer, ids, created_at=None, pages_before=0):
    script = Script([answer], forever=True)
    results = {}
    bulk_poll = BulkPoll(dict.fromkeys(ids, created_at), pages_before)
    while not bulk_poll.is_over:
        before = len(script.requests)
        results |= script.run(bulk_poll.send_next_request())
        assert len(script.requests) == before + 1, "each step is a request"
    return {job_id: getattr(result, "state", result) for job_id, result in results.items()}, script


def running(number):
    return {f"b{index}": "Running" for index in range(number)}


@pytest.mark.parametrize(("jobs", "requests"), [(1, 1), (2, 2), (3, 1), (100, 1), (101, 2), (1000, 10)])
def test_one_page_answers_for_a_hundred_jobs(jobs, requests):
    results, script = read(service(running(jobs)), running(jobs))
    assert results == running(jobs)
    assert len(script.requests) == requests


@pytest.mark.parametrize("state", ["Success", "Failed", "Cancel", "Archived"])
def test_a_job_that_is_not_live_is_read_by_its_id(state):
    jobs = running(5) | {"b3": state}
    results, script = read(service(jobs), jobs)
    assert results == jobs
    assert [dict(request.query).get("jobId") for request in script.requests] == [None, "b3"]


def test_jobs_that_ended_together_are_read_from_pages_of_ended_jobs():
    jobs = running(300) | {f"b{index}": "Success" for index in range(0, 300, 2)}
    results, script = read(service(jobs), jobs, START)
    assert results == jobs
    queries = [dict(request.query) for request in script.requests]
    assert [query["states"] for query in queries] == ["Submitted,Running,Pause"] * 2 + ["Success,Failed,Cancel"] * 2
    assert {query["startCreationTime"] for query in queries} == {"2026-01-02T03:04:05+0000"}
    assert queries[-1]["endCreationTime"] == "2026-01-02T03:04:05+0000"
    assert "endCreationTime" not in queries[0]


BROKEN = respond("<Response><JobsDetail><JobId>b1</Jo")


def test_an_unreadable_record_costs_only_its_own_job():
    jobs = running(5)
    answer = service(jobs, b3=BROKEN)

    def with_an_odd_record(request):
        return answer(request) if dict(request.query).get("jobId") else BROKEN

    readings, script = read(with_an_odd_record, jobs)
    assert isinstance(readings.pop("b3"), e.UnreadableResponseError)
    assert readings == {job_id: "Running" for job_id in jobs if job_id != "b3"}
    assert len(script.requests) == 6


def test_an_unreadable_page_that_is_not_the_service_s_ends_the_poll():
    page_of_a_proxy = respond("<html>Log in</html>", x_ci_request_id="")
    readings, script = read(lambda _: page_of_a_proxy, running(50))
    assert {type(error) for error in readings.values()} == {e.UnreadableResponseError}
    assert len(script.requests) == 1


def test_a_few_jobs_in_a_bucket_full_of_other_jobs_are_read_one_by_one():
    jobs = running(1000)
    wanted = [f"b{index}" for index in range(990, 1000)]
    _, script = read(service(jobs), wanted, pages_before=10)
    assert [dict(request.query)["jobId"] for request in script.requests] == wanted
    _, script = read(service(jobs), jobs, pages_before=10)
    assert len(script.requests) == 10


def test_a_bulk_poll_reports_its_number_of_pages():
    for jobs, pages in [(2, None), (3, 1), (250, 3)]:
        bulk_poll = BulkPoll(dict.fromkeys(running(jobs)))
        script = Script([service(running(jobs))], forever=True)
        while not bulk_poll.is_over:
            script.run(bulk_poll.send_next_request())
        assert bulk_poll.active_pages == pages


def test_pages_start_at_the_oldest_job_and_list_live_jobs_only():
    _, script = read(service(running(5)), running(5), START - timedelta(hours=1))
    [query] = [dict(request.query) for request in script.requests]
    assert query["states"] == "Submitted,Running,Pause"
    assert query["startCreationTime"] == "2026-01-02T02:04:05+0000"


def test_other_jobs_cost_no_more_than_reading_one_by_one():
    wanted = ["x1", "x2", "x3"]
    jobs = running(100_000) | dict.fromkeys(wanted, "Running")
    results, script = read(service(jobs), wanted)
    assert results == dict.fromkeys(wanted, "Running")
    assert len(script.requests) == 6


def test_an_error_of_one_job_does_not_affect_the_others():
    jobs = running(5)
    results, _ = read(service({**jobs, "b2": "Success"}, b2=failure(400, "InvalidArgument")), [*jobs, "gone"])
    assert isinstance(results.pop("b2"), e.InvalidRequestError)
    assert isinstance(results.pop("gone"), e.NotFoundError)
    assert set(results.values()) == {"Running"}


@pytest.mark.parametrize("answer", [LOST, failure(500), failure(429, "SlowDown"), failure(403, "AccessDenied")])
def test_a_service_failure_ends_the_poll_for_all_jobs(answer):
    results, script = read(answer, running(50))
    assert len(script.requests) == 1
    assert len(results) == 50
    assert len({id(error) for error in results.values()}) == 1


def test_a_page_whose_time_filter_is_refused_is_requested_without_it():
    """One malformed record is enough for a time filter that the service refuses; the other jobs are still read."""
    jobs = running(50)

    def answer(request):
        too_early = dict(request.query).get("startCreationTime", "9").startswith("0001")
        return failure(400, "InvalidArgument") if too_early else service(jobs)(request)

    script = Script([answer], forever=True)
    bulk_poll = BulkPoll({**dict.fromkeys(jobs, START), "b7": datetime(1, 1, 2, tzinfo=UTC)})
    results = script.run(bulk_poll.send_next_request()) | script.run(bulk_poll.send_next_request())
    assert {result.state for result in results.values()} == {"Running"}
    assert bulk_poll.is_over


def test_results_from_before_a_service_failure_count():
    answers = iter([service(running(150)), lambda _: failure(500)])
    results, _ = read(lambda request: next(answers)(request), running(150))
    assert list(results.values()).count("Running") == 100
    assert len(results) == 150
