from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitStatus, wait_for_job
from tests.core.script import LOST, START, Script, failure, job_xml, page


class Watcher:
    def __init__(self):
        self.states = []
        self.failures = []

    def job_polled(self, job):
        self.states.append(job.state.value)

    def poll_failed(self, error, failing_seconds):
        self.failures.append(failing_seconds)


def state(word):
    return page(job_xml("b1", State=word))


def wait(script, **options):
    watcher = Watcher()
    wait = Wait("b1", observer=watcher, **{"deadline_at": None, "contact_timeout": 600, **options})
    return script.run(wait_for_job(wait, 30)), watcher


@pytest.mark.parametrize("word", ["Success", "Failed", "Cancel"])
def test_a_wait_ends_with_the_job(word):
    script = Script([state("Submitted"), state("Running"), state("Pause"), state("Archived"), state(word)])
    result, watcher = wait(script)
    assert (result.status, result.job.state) == (WaitStatus.TERMINAL, word)
    assert watcher.states == ["Submitted", "Running", "Pause", "Archived", word]
    assert all(2.5 <= pause <= 30 for pause in script.pauses)


def test_a_wait_ends_at_the_deadline_and_does_not_cancel_the_job():
    script = Script([state("Running")], forever=True)
    result, _ = wait(script, deadline_at=START + timedelta(seconds=100))
    assert result.status is WaitStatus.DEADLINE
    assert result.job.state is JobState.RUNNING
    assert script.now == START + timedelta(seconds=100), "the last pause is cut to the deadline"
    assert "still Running" in result.message
    assert not script.sent("PUT")


def test_a_job_that_ended_in_time_never_counts_as_timed_out():
    result, _ = wait(Script([state("Success")]), deadline_at=START - timedelta(days=1))
    assert result.status is WaitStatus.TERMINAL


def test_a_deadline_is_not_applied_while_the_job_cannot_be_read():
    result, _ = wait(Script([LOST, LOST, state("Success")]), deadline_at=START - timedelta(days=1))
    assert result.status is WaitStatus.TERMINAL


@pytest.mark.parametrize("answer", [LOST, failure(500), failure(401, "InvalidAuthorization"), failure(429, "SlowDown")])
def test_a_wait_survives_failed_polls(answer):
    result, watcher = wait(Script([state("Running"), answer, answer, state("Success")]))
    assert result.status is WaitStatus.TERMINAL
    assert watcher.failures[0] == 0
    assert len(watcher.failures) == 2


def test_a_service_that_stays_unreachable_ends_the_wait_and_the_job_continues():
    script = Script([state("Running"), *[LOST] * 100])
    result, watcher = wait(script)
    assert result.status is WaitStatus.LOST_CONTACT
    assert result.job.state is JobState.RUNNING
    assert 600 <= watcher.failures[-1] < 640
    assert "No answer from the script" in result.message


def test_any_answer_resets_the_contact_timeout():
    script = Script([*[LOST] * 15, state("Running"), *[LOST] * 15, state("Success")])
    assert wait(script)[0].status is WaitStatus.TERMINAL


def test_a_longer_retry_after_takes_precedence():
    script = Script([failure(429, "SlowDown", retry_after="45"), state("Success")])
    wait(script)
    assert script.pauses == [45]


def test_retry_after_does_not_extend_the_contact_timeout():
    script = Script([failure(503, retry_after="86400")], forever=True)
    result, _ = wait(script)
    assert result.status is WaitStatus.LOST_CONTACT
    assert script.now - START == timedelta(seconds=600)


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)])
def test_the_age_of_a_job_is_measured_with_the_service_s_clock(ahead):
    """By the machine's clock a job would look one hour old, or not started yet."""
    created = (START + ahead).isoformat(timespec="seconds")
    script = Script([page(job_xml("b1", State="Running", CreationTime=created))], forever=True, service_ahead=ahead)
    wait(script, deadline_at=START + timedelta(minutes=10))
    assert script.pauses[0] <= 3, "a new job is polled soon"
    assert script.pauses[-2] > 20, "an older one is not"


def test_without_the_service_s_time_a_job_is_polled_at_equal_intervals():
    created = START.isoformat(timespec="seconds")
    script = Script([page(job_xml("b1", State="Running", CreationTime=created))], forever=True, service_ahead=None)
    wait(script, deadline_at=START + timedelta(minutes=10))
    assert all(12 < pause <= 15 for pause in script.pauses[:-1])
