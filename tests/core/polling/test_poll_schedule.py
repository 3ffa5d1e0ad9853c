"""The time of the next poll: long pauses, and short ones around the expected end."""

from __future__ import annotations

import random

import pytest

from airflow_provider_tencent_ci.core.polling.poll_schedule import Expectation, poll_delay_seconds

HOUR = 3600
NIGHTLY = Expectation(0.8 * HOUR, 1.2 * HOUR)


def steps(poll_interval, age, expected=None):
    """The shortest and the longest possible pause."""
    found = [poll_delay_seconds(poll_interval, age, expected) for _ in range(300)]
    return min(found), max(found)


@pytest.mark.parametrize(
    ("age", "expected", "longest"),
    [
        (0, None, 3),
        (-600, None, 3),  # clocks differ
        (20, None, 10),
        (60, None, 30),
        (HOUR, None, 30),
        (0.5 * HOUR, NIGHTLY, 30),
        (0.8 * HOUR - 10, NIGHTLY, 10),  # not beyond the earliest expected end
        (0.8 * HOUR - 1, NIGHTLY, 3),
        (0.8 * HOUR, NIGHTLY, 3),
        (1.2 * HOUR, NIGHTLY, 3),
        (1.2 * HOUR + 100, NIGHTLY, 10),  # overdue
        (1.5 * HOUR, NIGHTLY, 30),
    ],
)
def test_the_pause_without_a_prediction_is_bounded_and_has_jitter(age, expected, longest):
    least, most = steps(30, age, expected)
    assert 0.85 * longest <= least < 0.9 * longest
    assert 0.96 * longest < most <= longest


@pytest.mark.parametrize("poll_interval", [0.2, 1, 3, 8, 30, 600])
def test_no_pause_is_longer_than_the_interval_or_shorter_than_its_minimum(poll_interval):
    for age in (0, 1, 30, 0.8 * HOUR, HOUR, 24 * HOUR):
        least, most = steps(poll_interval, age, NIGHTLY)
        assert most <= poll_interval
        assert least >= 0.85 * min(poll_interval, 1)


def test_a_prediction_gets_sharper_with_each_job():
    generator = random.Random(1)
    of_number = {number: [generator.uniform(3000, 4200) for _ in range(number)] for number in (4, 100)}
    alone, few, many = Expectation.of([3600]), Expectation.of(of_number[4]), Expectation.of(of_number[100])
    assert alone == Expectation(1800, 5400)
    assert few.from_seconds == pytest.approx(min(of_number[4]) * 0.75)
    assert 2800 < many.from_seconds < 3000
    assert 4200 < many.until_seconds < 4500
    assert Expectation.of([]) is None


def test_one_failed_or_hanging_job_spoils_no_prediction():
    assert Expectation.of([1, *[3600] * 60, 9 * HOUR]) == Expectation.of([3600] * 62)
