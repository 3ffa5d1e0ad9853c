"""The limit of requests per second."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.wire.rate_limit import TokenBucket
from tests.core.script import START


@pytest.mark.parametrize("per_second", [0.5, 1, 10, 100])
def test_of_a_burst_one_second_s_requests_go_first_and_the_others_follow_evenly(per_second):
    bucket = TokenBucket(per_second)
    waits = [bucket.reserve(START) for _ in range(50)]
    at_once = max(1, int(per_second))
    assert waits[:at_once] == [0] * min(50, at_once)
    assert waits[at_once:] == pytest.approx([number / per_second for number in range(1, 51 - at_once)])


def test_no_second_has_more_than_two_seconds_requests():
    bucket, now, sent = TokenBucket(10), START, []
    for pause in [0, 0.01, 0.3, 2, 0, 0.05] * 50:
        now += timedelta(seconds=pause)
        sent.append((now - START).total_seconds() + bucket.reserve(now))
    assert sent == sorted(sent)
    assert max(sum(start <= moment < start + 1 for moment in sent) for start in sent) <= 20
    assert len(sent) / sent[-1] <= 10


def test_unused_requests_are_saved_for_one_second_only():
    bucket = TokenBucket(10)
    bucket.reserve(START)
    later = START + timedelta(days=1)
    assert [bucket.reserve(later) for _ in range(10)] == [0] * 10
    assert bucket.reserve(later) == pytest.approx(0.1)


def test_a_clock_that_is_set_back_blocks_no_request():
    bucket = TokenBucket(10)
    bucket.reserve(START)
    earlier = START - timedelta(days=1)
    assert [bucket.reserve(earlier) for _ in range(9)] == [0] * 9
    assert bucket.reserve(earlier + timedelta(seconds=1)) == 0
