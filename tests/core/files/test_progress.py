"""Counting during a wait: at intervals, in the pauses, without delaying the wait."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
from airflow_provider_tencent_ci.core.polling.wait import Wait, wait_for_job
from tests.core.files.records import Files, in_seconds
from tests.core.polling.test_wait import Watcher
from tests.core.script import LOST, START, Script, failure, job_xml, page


class Observer:
    def __init__(self):
        self.counts = []
        self.failures = []

    def counted(self, job, counts, now):
        self.counts.append((counts.done, counts.total, (now - START).total_seconds()))

    def not_counted(self, job, error, now):
        self.failures.append((now - START).total_seconds())


class Service:
    """A job with this duration, and its files."""

    def __init__(self, seconds, files, per_count=None):
        self.script = Script([self.answer], forever=True)
        self.ends_at = START + timedelta(seconds=seconds)
        self.files = files
        self.per_count = per_count

    def answer(self, request):
        if request.path == "/inventorytriggerjob":
            state = "Success" if self.script.now >= self.ends_at else "Running"
            return page(job_xml("b1", State=state, Operation="<WorkflowIds>w1</WorkflowIds>"))
        if self.per_count is not None:
            self.script.now += timedelta(seconds=self.per_count)
        if isinstance(self.files, Exception):
            raise self.files
        return self.files.answer(request) if isinstance(self.files, Files) else self.files


def wait(service, interval=300):
    observer = Observer()
    job_wait = Wait("b1", deadline_at=None, contact_timeout=600, observer=Watcher())
    result = service.script.run(wait_for_job(job_wait, 30, ProgressCounter(interval, observer)))
    return result, observer


def test_files_are_counted_at_intervals():
    result, observer = wait(Service(1000, Files(*in_seconds("Success", "Failed", "Running"))))
    assert result.job.state == "Success"
    assert [counts[:2] for counts in observer.counts] == [(2, 3)] * 3
    assert all(later - earlier >= 300 for (*_, earlier), (*_, later) in pairwise(observer.counts))


def test_a_job_that_ends_before_the_first_count_is_not_counted():
    assert wait(Service(200, Files()))[1].counts == []


@pytest.mark.parametrize("answer", [LOST, failure(403, "AccessDenied"), failure(429, "SlowDown"), failure(500)])
def test_a_failed_count_is_logged_and_retried_one_interval_later(answer):
    result, observer = wait(Service(1000, answer))
    assert result.job.state == "Success"
    assert observer.counts == []
    assert len(observer.failures) == 3


def test_an_uncountable_record_fails_no_wait():
    service = Service(1000, Files())
    service.answer = lambda request: page(
        job_xml("b1", State="Success" if service.script.now >= service.ends_at else "Running")
    )
    service.script.answers = [service.answer]
    result, observer = wait(service)
    assert (result.job.state, len(observer.failures)) == ("Success", 3)


def test_a_long_count_does_not_delay_the_wait():
    service = Service(1000, Files(*in_seconds(*["Running"] * 600), size=1), per_count=2)
    asked_at = []
    answer = service.answer

    def noting(request):
        if request.path == "/inventorytriggerjob":
            asked_at.append(service.script.now)
        return answer(request)

    service.script.answers = [noting]
    result, _ = wait(service, interval=60)
    assert result.job.state == "Success"
    assert max(later - earlier for earlier, later in pairwise(asked_at)) <= timedelta(seconds=33)


def test_a_clock_that_is_set_back_does_not_stop_the_counting():
    progress = ProgressCounter(300, Observer())
    assert not progress.is_due(START)
    assert not progress.is_due(START - timedelta(days=1))
    assert progress.is_due(START - timedelta(days=1) + timedelta(seconds=300))
