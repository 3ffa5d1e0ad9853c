"""The predicted duration of a job, from earlier jobs of its kind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.polling.earlier_durations import DurationHistory
from airflow_provider_tencent_ci.core.polling.poll_schedule import Expectation
from airflow_provider_tencent_ci.core.polling.wait import Wait, wait_for_job
from airflow_provider_tencent_ci.core.wire.service_times import format_time
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from tests.core.script import LOST, START, Script, failure, job_xml, page

LATER = START + timedelta(hours=1)


def operation(type, what):
    return {"WorkflowIds" if type == "Workflow" else "Tag": what}


def waiting(type="Workflow", what="w1", name="nightly-0123456789abcdef"):
    return InventoryJob("b0", name=name, type=type, creation_time=START, operation=operation(type, what))


def earlier(seconds, name="nightly-fedcba9876543210", type="Workflow", what="w1", state="Success"):
    [(node, text)] = operation(type, what).items()
    return job_xml(
        f"b{seconds}-{name}",
        Name=name,
        Type=type,
        State=state,
        CreationTime=format_time(START),
        EndTime=format_time(START + timedelta(seconds=seconds)) if seconds else "-",
        Operation=f"<{node}>{text}</{node}>",
    )


def expected(history, job, now=LATER):
    return history.expected(job, (now - START).total_seconds(), now, 30)


def fetch_durations(job, *answers, now=LATER):
    history, script = DurationHistory(), Script(answers)
    assert expected(history, job, now) is None
    while history.kinds_to_fetch:
        script.run(history.fetch_durations(now))
    return history, script


@pytest.mark.parametrize(
    ("type", "what", "query"),
    [("Workflow", "w1", {"type": "Workflow", "workflowId": "w1"}), ("Job", "Transcode", {"type": "Job"})],
)
def test_jobs_of_the_same_workflow_or_tag_predict_the_duration(type, what, query):
    job = waiting(type, what)
    jobs = [earlier(600, type=type, what=what), earlier(60, type=type, what="another")]
    history, script = fetch_durations(job, page(*jobs))
    assert expected(history, job) == Expectation.of([600])
    [sent] = [dict(request.query) for request in script.requests]
    assert sent == {"states": "Success", "size": "100", **query}
    assert not history.kinds_to_fetch


def test_enough_jobs_of_the_same_name_take_precedence():
    others = [earlier(seconds, name="hourly-fedcba9876543210") for seconds in (60, 61, 62)]
    own = [earlier(seconds) for seconds in (600, 610)]
    history, _ = fetch_durations(waiting(), page(*others, *own))
    assert expected(history, waiting()) == Expectation.of([60, 61, 62, 600, 610])
    history, _ = fetch_durations(waiting(), page(*others, *own, earlier(620)))
    assert expected(history, waiting()) == Expectation.of([600, 610, 620])
    assert expected(history, waiting(name="new")).until_seconds > 620


@pytest.mark.parametrize("nonsense", [earlier(600, state="Failed"), earlier(0), earlier(-5)])
def test_jobs_without_a_duration_do_not_count(nonsense):
    history, _ = fetch_durations(waiting(), page(nonsense))
    assert expected(history, waiting()) is None


@pytest.mark.parametrize(
    "job",
    [
        waiting(what=""),
        waiting(what="w1,w2"),
        waiting(what=["w1", "w2"]),
        InventoryJob("b0", creation_time=START),
        waiting(type="job"),
        waiting(type="Archive"),
    ],
)
def test_a_job_without_its_operation_causes_no_request(job):
    history, script = fetch_durations(job)
    assert expected(history, job) is None
    assert not script.requests


def test_a_young_job_causes_no_request():
    _, script = fetch_durations(waiting(), now=START + timedelta(seconds=29))
    assert not script.requests


def test_known_durations_are_read_again_after_some_hours():
    history, _ = fetch_durations(waiting(), page(earlier(600)))
    for hours, is_wanted in ((5, False), (7, True)):
        assert expected(history, waiting(), LATER + timedelta(hours=hours)) == Expectation.of([600])
        assert bool(history.kinds_to_fetch) is is_wanted


UNSENDABLE = InvalidArgumentError("workflowId='w1' cannot be sent.")


@pytest.mark.parametrize("answer", [LOST, failure(500), failure(429, "SlowDown"), page("<JobsDetail>"), UNSENDABLE])
def test_a_failed_read_of_durations_is_not_retried_and_fails_no_wait(answer):
    history, _ = fetch_durations(waiting(), answer)
    assert expected(history, waiting()) is None
    assert not history.kinds_to_fetch


class Silent:
    def job_polled(self, job):
        pass

    def poll_failed(self, error, failing_seconds):
        raise AssertionError(error)


class Service:
    """A job with this duration, and earlier jobs; or an error instead of these."""

    def __init__(self, run_seconds, history):
        self.script = Script([self], forever=True)
        self.run_seconds, self.history = run_seconds, history

    def __call__(self, request):
        query = dict(request.query)
        if query.get("states") == "Success":
            return self.history
        ended = self.script.now >= START + timedelta(seconds=self.run_seconds)
        workflow = "<WorkflowIds>w1</WorkflowIds>"
        return page(job_xml("b1", State="Success" if ended else "Running", Operation=workflow))

    def wait(self):
        wait = Wait("b1", deadline_at=None, contact_timeout=600, observer=Silent())
        result = self.script.run(wait_for_job(wait, 30))
        assert result.job.state is JobState.SUCCESS
        return self.script


def test_a_wait_reads_the_earlier_durations_once_and_polls_precisely_at_the_expected_end():
    script = Service(3600, page(*(earlier(seconds) for seconds in (3500, 3600, 3700)))).wait()
    assert sum("states" in dict(request.query) for request in script.requests) == 1
    assert script.now - START < timedelta(seconds=3604)
    assert max(script.pauses[-10:]) <= 3
    assert max(script.pauses) > 25


@pytest.mark.parametrize("history", [failure(500), failure(403, "AccessDenied")])
def test_a_wait_continues_without_earlier_durations(history):
    script = Service(3600, history).wait()
    assert max(script.pauses[-10:]) > 20


def test_retry_after_also_delays_the_read_of_durations():
    script = Service(3600, failure(429, "SlowDown", retry_after="100")).wait()
    assert 100 in script.pauses
