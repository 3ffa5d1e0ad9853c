"""Answers that are cached for some seconds."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.file_survey import Survey
from airflow_provider_tencent_ci.plugins.ttl_cache import Remembered, survey_seconds


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def test_an_answer_is_cached_for_its_time_and_its_key():
    clock, asked = Clock(), []
    remembered = Remembered(clock=clock)

    def get(key):
        return remembered.get(key, lambda: (asked.append(key) or len(asked), 10))

    assert [get("a"), get("a"), get("b")] == [1, 1, 2]
    clock.seconds = 9.9
    assert get("a") == 1
    clock.seconds = 10
    assert [get("a"), get("a")] == [3, 3]


def test_none_is_cached_too():
    remembered = Remembered(clock=Clock())
    assert remembered.get("a", lambda: (None, 10)) is None
    assert remembered.get("a", lambda: pytest.fail("asked again")) is None


def test_an_error_is_not_cached():
    remembered = Remembered(clock=Clock())
    with pytest.raises(ZeroDivisionError):
        remembered.get("a", lambda: 1 / 0)
    assert remembered.get("a", lambda: (1, 10)) == 1


def test_the_most_recently_used_answers_are_kept():
    remembered = Remembered(2, Clock())
    for key in ("a", "b", "a", "c"):
        remembered.get(key, lambda: ("first", 10))
    assert remembered.get("a", lambda: ("anew", 10)) == "first"
    assert remembered.get("b", lambda: ("anew", 10)) == "anew"


def test_callers_during_a_request_wait_for_its_answer():
    remembered, asking, answer = Remembered(), threading.Event(), threading.Event()
    asked, got = [], []

    def ask():
        asked.append(1)
        asking.set()
        assert answer.wait(10)
        return "answer", 10

    threads = [threading.Thread(target=lambda: got.append(remembered.get("a", ask))) for _ in range(5)]
    threads[0].start()
    assert asking.wait(10)
    for thread in threads[1:]:
        thread.start()
    assert remembered.get("b", lambda: ("another", 10)) == "another"  # no other caller waits
    answer.set()
    for thread in threads:
        thread.join(10)
    assert (asked, got) == ([1], ["answer"] * 5)


@pytest.mark.parametrize(
    ("state", "counts", "seconds"),
    [
        (JobState.SUCCESS, FileCounts(succeeded=3), 600),
        (JobState.SUCCESS, FileCounts(succeeded=3, running=1), 15),
        (JobState.RUNNING, FileCounts(succeeded=3), 15),
    ],
)
def test_a_survey_that_cannot_change_any_more_is_cached_for_longer(state, counts, seconds):
    assert survey_seconds(InventoryJob("b1", state=state), Survey.of_all(counts)) == seconds
