"""The jobs that a poll of a bucket reports, and the snapshot that it keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.polling.ended_jobs import (
    BucketSnapshot,
    EndedJobsDetector,
    JobCriteria,
    list_ended_since,
    list_ended_within,
)
from airflow_provider_tencent_ci.exceptions import ApiError, TransportError
from tests.core.script import LOST, START, Script, failure, job_xml, page

WEEK = timedelta(days=7)


class Bucket:
    """A bucket's jobs behind the list endpoint, with its filters and pages."""

    def __init__(self, page_size=100):
        self.jobs: dict[str, tuple[datetime, str, str]] = {}
        self.page_size = page_size
        self.script = Script([self.answer], forever=True)
        self.hidden: set[str] = set()
        self.end_times: dict[str, str] = {}

    def put(self, job_id, state, created_at=START, name="nightly"):
        self.jobs[job_id] = (created_at, state, name)

    def end(self, job_id, state="Success"):
        self.put(job_id, state, self.jobs[job_id][0], self.jobs[job_id][2])

    def answer(self, request):
        query = dict(request.query)
        states = query.get("states", "").split(",")
        since = query.get("startCreationTime")
        since = datetime.fromisoformat(since) if since else datetime.min.replace(tzinfo=UTC)
        found = [
            (created_at, self._record(job_id, state, created_at, name))
            for job_id, (created_at, state, name) in self.jobs.items()
            if (job_id == query["jobId"] if "jobId" in query else state in states and job_id not in self.hidden)
            and created_at >= since
        ]
        found.sort(reverse=True)
        offset = int(query.get("nextToken") or 0)
        upto = offset + self.page_size
        return page(*[xml for _, xml in found[offset:upto]], next_token=str(upto) if upto < len(found) else None)

    def _record(self, job_id, state, created_at, name):
        times = {"CreationTime": created_at.isoformat(timespec="seconds"), "EndTime": self.end_times.get(job_id, "")}
        return job_xml(job_id, Name=name, State=state, **times)

    def poll(self, lookout):
        self.script.requests.clear()
        return [job.job_id for job in self.script.run(lookout.poll()).ended]

    @property
    def requests(self):
        return len(self.script.requests)


@pytest.fixture
def bucket():
    return Bucket()


@pytest.fixture
def lookout(bucket):
    bucket.put("old", "Success", START - timedelta(minutes=3))
    bucket.put("b1", "Running")
    lookout = EndedJobsDetector(WEEK)
    assert bucket.poll(lookout) == []
    return lookout


def test_a_job_that_ended_before_the_first_poll_is_not_reported(bucket, lookout):
    assert bucket.poll(lookout) == []


def test_a_job_that_ended_since_the_last_poll_is_reported_once(bucket, lookout):
    bucket.end("b1")
    assert bucket.poll(lookout) == ["b1"]
    assert bucket.poll(lookout) == []


def test_the_job_that_ended_first_is_reported_first(bucket, lookout):
    for minutes, job_id in ((3, "b1"), (1, "b2"), (2, "b3")):
        bucket.put(job_id, "Success")
        bucket.end_times[job_id] = (START + timedelta(minutes=minutes)).isoformat(timespec="seconds")
    assert bucket.poll(lookout) == ["b2", "b3", "b1"]


@pytest.mark.parametrize("state", ["Success", "Failed", "Cancel"])
def test_every_final_state_is_reported(bucket, lookout, state):
    bucket.end("b1", state)
    assert bucket.poll(lookout) == ["b1"]


@pytest.mark.parametrize("state", ["Submitted", "Running", "Pause", "Rehearsing"])
def test_a_running_job_is_not_reported(bucket, lookout, state):
    bucket.end("b1", state)
    assert bucket.poll(lookout) == []
    bucket.end("b1")
    assert bucket.poll(lookout) == ["b1"]


def test_a_job_created_and_ended_between_two_polls_is_reported(bucket, lookout):
    bucket.put("b2", "Failed", START + timedelta(minutes=1))
    assert bucket.poll(lookout) == ["b2"]
    assert bucket.poll(lookout) == []


def test_a_job_that_is_listed_minutes_late_is_reported(bucket, lookout):
    bucket.put("young", "Success", START + timedelta(minutes=9))
    bucket.put("late", "Success", START)
    bucket.hidden.add("late")
    assert bucket.poll(lookout) == ["young"]
    bucket.hidden.clear()
    assert bucket.poll(lookout) == ["late"]


def test_the_first_job_of_a_bucket_is_reported(bucket):
    lookout = EndedJobsDetector(WEEK)
    assert bucket.poll(lookout) == []
    bucket.put("b1", "Success")
    assert bucket.poll(lookout) == ["b1"]


def test_a_job_created_hours_ago_is_reported_when_it_ends(bucket):
    bucket.put("long", "Running", START - timedelta(hours=30))
    bucket.put("old", "Success", START - timedelta(hours=29))
    lookout = EndedJobsDetector(WEEK)
    bucket.poll(lookout)
    bucket.put("young", "Running")
    bucket.poll(lookout)
    bucket.end("long")
    assert bucket.poll(lookout) == ["long"]
    assert bucket.requests == 3  # the active ones, the young ended ones, and this one
    assert bucket.poll(lookout) == []
    assert bucket.requests == 2


def test_many_old_jobs_that_end_together_are_read_by_pages(bucket):
    for number in range(150):
        bucket.put(f"b{number}", "Running", START - timedelta(hours=3))
    bucket.put("young", "Running")
    lookout = EndedJobsDetector(WEEK)
    bucket.poll(lookout)
    for number in range(150):
        bucket.end(f"b{number}")
    assert len(bucket.poll(lookout)) == 150
    assert bucket.requests <= 6


def test_a_job_that_moves_between_two_pages_of_active_jobs_is_not_lost(bucket, lookout):
    bucket.hidden.add("b1")
    assert bucket.poll(lookout) == []  # found by its id, and still running
    bucket.hidden.clear()
    bucket.end("b1")
    assert bucket.poll(lookout) == ["b1"]


def test_a_list_that_shows_an_old_state_once_causes_no_second_report(bucket, lookout):
    bucket.end("b1")
    assert bucket.poll(lookout) == ["b1"]
    bucket.end("b1", "Running")
    assert bucket.poll(lookout) == []
    bucket.end("b1")
    assert bucket.poll(lookout) == []


def test_a_deleted_job_is_forgotten(bucket, lookout):
    del bucket.jobs["b1"]
    assert bucket.poll(lookout) == []
    assert bucket.poll(lookout) == []
    assert bucket.requests == 2


def test_jobs_older_than_the_look_back_time_are_not_read(bucket):
    bucket.put("ancient", "Running", START - timedelta(days=2))
    lookout = EndedJobsDetector(timedelta(days=1))
    bucket.poll(lookout)
    bucket.end("ancient")
    assert bucket.poll(lookout) == []


def test_all_pages_are_read(bucket, lookout):
    bucket.page_size = 2
    for number in range(7):
        bucket.put(f"n{number}", "Success", START + timedelta(seconds=number))
    assert sorted(bucket.poll(lookout)) == [f"n{number}" for number in range(7)]


@pytest.mark.parametrize("error", [LOST, failure(503, "ServiceUnavailable"), failure(429, "SlowDown")])
def test_a_poll_that_fails_halfway_loses_nothing(bucket, lookout, error):
    bucket.end("b1")
    bucket.script.requests.clear()
    bucket.script.answers = [bucket.answer, error, error, error]
    with pytest.raises((ApiError, TransportError)):
        bucket.script.run(lookout.poll())
    assert bucket.requests == 4
    bucket.script.answers = [bucket.answer]
    assert bucket.poll(lookout) == ["b1"]


@pytest.mark.parametrize("is_listed", [True, False], ids=["pages", "one by one"])
@pytest.mark.parametrize("error", [LOST, failure(503, "ServiceUnavailable"), failure(429, "SlowDown")])
def test_a_poll_of_hundreds_of_requests_outlasts_single_errors(bucket, error, is_listed):
    """One request in 20 fails. The jobs are on 300 pages, or on none, so that each is polled by its id."""
    ids = {f"n{number}" for number in range(300)}
    for job_id in ids:
        bucket.put(job_id, "Running")
    lookout = EndedJobsDetector(WEEK)
    bucket.poll(lookout)
    for job_id in ids:
        bucket.end(job_id)
    if is_listed:
        bucket.page_size = 1
    else:
        bucket.hidden = ids

    def answer(request):
        if bucket.requests % 20 == 0:
            if isinstance(error, TransportError):
                raise error
            return error
        return bucket.answer(request)

    bucket.script.answers = [answer]
    assert set(bucket.poll(lookout)) == ids
    assert 300 <= bucket.requests <= 330


def test_a_failed_read_of_a_job_does_not_count_as_its_end(bucket):
    bucket.put("long", "Running", START - timedelta(hours=30))
    bucket.put("young", "Running")
    lookout = EndedJobsDetector(WEEK)
    bucket.poll(lookout)
    bucket.end("long")
    bucket.script.answers = [bucket.answer, bucket.answer, failure(403, "AccessDenied")]
    with pytest.raises(ApiError):
        bucket.script.run(lookout.poll())
    bucket.script.answers = [bucket.answer]
    assert bucket.poll(lookout) == ["long"]


def test_a_detector_continues_from_the_snapshot_of_an_earlier_one(bucket, lookout):
    memory = bucket.script.run(lookout.poll()).snapshot
    bucket.end("b1", "Cancel")
    bucket.put("b2", "Success", START + timedelta(hours=5))
    written = json.loads(json.dumps(memory.to_dict()))
    assert bucket.poll(EndedJobsDetector(WEEK, BucketSnapshot.from_dict(written))) == ["b1", "b2"]


def test_a_snapshot_holds_only_ids_and_times(bucket, lookout):
    bucket.put("other", "Running", name="weekly")
    memory = bucket.script.run(lookout.poll()).snapshot.about(JobCriteria(name="nightly*"))
    created, old = "2026-01-02T03:04:05+0000", "2026-01-02T03:01:05+0000"
    assert memory.to_dict() == {"newest_at": created, "active": {"b1": created}, "settled": {"old": old}}


@pytest.mark.parametrize("written", [None, "x", [], {}, {"newest_at": "noon", "active": {}, "settled": {}}])
def test_a_foreign_snapshot_is_not_read(written):
    assert BucketSnapshot.from_dict(written) is None


def test_the_snapshot_does_not_grow_with_ended_jobs(bucket, lookout):
    for hour in range(1, 50):
        bucket.put(f"h{hour}", "Success", START + timedelta(hours=hour))
        bucket.script.now = START + timedelta(hours=hour)
        memory = bucket.script.run(lookout.poll()).snapshot
    assert list(memory.settled) == ["h49"]


def test_jobs_that_ended_since_a_time_are_selected_by_their_end(bucket):
    def ended(job_id, end):
        return job_xml(job_id, State="Success", **({"EndTime": end} if end else {}))

    jobs = [ended("b1", "2026-01-02T12:00:00+0800"), ended("b2", "2026-01-02T10:00:00+0800"), ended("b3", "")]
    script = Script([page(*jobs)])
    long = script.run(list_ended_since(START - timedelta(hours=1), timedelta(days=99_999)))
    assert [job.job_id for job in long] == ["b1"]


@pytest.mark.parametrize(
    ("criteria", "met"),
    [
        ({}, True),
        ({"name": "nightly-*"}, True),
        ({"name": "Nightly-*"}, False),
        ({"name": "nightly"}, False),
        ({"states": ("Failed",)}, False),
        ({"states": ("Failed", "Success")}, True),
        ({"job_type": "Workflow"}, True),
        ({"job_type": "Job"}, False),
        ({"workflow_id": "w2"}, True),
        ({"workflow_id": "w"}, False),
    ],
)
def test_the_criteria_select_jobs(criteria, met):
    job = InventoryJob("b1", name="nightly-0123", state=JobState.SUCCESS, operation={"WorkflowIds": "w1,w2"})
    assert JobCriteria(**criteria).is_met_by(job) is met


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)])
def test_the_age_limit_is_measured_with_the_service_s_clock(bucket, ahead):
    now = START + ahead
    bucket.script.service_ahead = ahead
    bucket.put("young", "Running", now - timedelta(minutes=29))
    bucket.put("old", "Running", now - timedelta(minutes=31))
    memory = bucket.script.run(EndedJobsDetector(timedelta(minutes=30)).poll()).snapshot
    assert list(memory.active) == ["young"]
    bucket.put("ended", "Success", now - timedelta(minutes=29))
    found = bucket.script.run(list_ended_within(timedelta(hours=9), timedelta(minutes=30)))
    assert not found, "it has no EndTime"
    since = dict(bucket.script.requests[-1].query)["startCreationTime"]
    assert datetime.fromisoformat(since) == now - timedelta(minutes=30)


def test_the_service_s_time_is_requested_if_no_answer_had_it(bucket):
    def answer(request):
        script.service_ahead = timedelta(hours=1)
        return bucket.answer(request)

    script = Script([answer], forever=True, service_ahead=None)
    lookout = EndedJobsDetector(timedelta(minutes=30))
    script.run(lookout.poll())
    first, second, _ = (dict(request.query) for request in script.requests)
    assert "startCreationTime" not in first, "its answer contains the time, which decides what is recent"
    assert datetime.fromisoformat(second["startCreationTime"]) == START + timedelta(minutes=30)
    script.service_ahead = None
    script.requests.clear()
    script.run(list_ended_since(START, timedelta(minutes=30)))
    first, second = (dict(request.query) for request in script.requests)
    assert first == {"size": "1"}
    assert datetime.fromisoformat(second["startCreationTime"]) == START + timedelta(minutes=30)


def test_without_the_service_s_time_the_local_clock_is_used(bucket):
    bucket.script.service_ahead = None
    bucket.put("young", "Running", START - timedelta(minutes=29))
    assert list(bucket.script.run(EndedJobsDetector(timedelta(minutes=30)).poll()).snapshot.active) == ["young"]
