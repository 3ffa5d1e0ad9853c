"""The limit of requests per second."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.wire.messages import Priority
from airflow_provider_tencent_ci.core.wire.rate_limit import RateLimit
from tests.core.script import START


@pytest.mark.parametrize("per_second", [0.5, 1, 10, 100])
def test_of_a_burst_one_second_s_requests_go_first_and_the_others_follow_evenly(per_second):
    bucket = RateLimit(per_second)
    waits = [bucket.reserve(START).wait_seconds for _ in range(50)]
    at_once = max(1, int(per_second))
    assert waits[:at_once] == [0] * min(50, at_once)
    assert waits[at_once:] == pytest.approx([number / per_second for number in range(1, 51 - at_once)])


def test_no_second_has_more_than_two_seconds_requests():
    bucket, now, sent = RateLimit(10), START, []
    for pause in [0, 0.01, 0.3, 2, 0, 0.05] * 50:
        now += timedelta(seconds=pause)
        sent.append((now - START).total_seconds() + bucket.reserve(now).wait_seconds)
    assert sent == sorted(sent)
    assert max(sum(start <= moment < start + 1 for moment in sent) for start in sent) <= 20
    assert len(sent) / sent[-1] <= 10


def test_unused_requests_are_saved_for_one_second_only():
    bucket = RateLimit(10)
    bucket.reserve(START)
    later = START + timedelta(days=1)
    assert [bucket.reserve(later).wait_seconds for _ in range(10)] == [0] * 10
    assert bucket.reserve(later).wait_seconds == pytest.approx(0.1)


def test_a_clock_that_is_set_back_blocks_no_request():
    bucket = RateLimit(10)
    bucket.reserve(START)
    earlier = START - timedelta(days=1)
    assert [bucket.reserve(earlier).wait_seconds for _ in range(9)] == [0] * 9
    assert bucket.reserve(earlier + timedelta(seconds=1)).wait_seconds == 0


def most_in_a_second(moments):
    return max(sum(start <= moment < start + 1 for moment in moments) for start in moments)


@given(
    st.lists(
        st.tuples(st.floats(0, 0.5), st.sampled_from(["ask", "ask", "ask", "give back"])), min_size=1, max_size=80
    ),
    st.sampled_from([1, 5, 10]),
)
def test_turns_that_are_given_back_are_used_again_and_never_exceed_the_limit(steps, per_second):
    bucket, now, held, asked = RateLimit(per_second), START, [], 0
    for pause, step in steps:
        now += timedelta(seconds=pause)
        waiting = [each for each in held if each[0] > (now - START).total_seconds()]
        if step == "give back" and waiting:
            waiting[0][1].give_back()
            held.remove(waiting[0])
        else:
            turn = bucket.reserve(now)
            asked += 1
            held.append(((now - START).total_seconds() + turn.wait_seconds, turn))
            assert turn.wait_seconds <= asked / per_second
    assert most_in_a_second([moment for moment, _ in held]) <= 2 * per_second


def test_a_request_waits_for_no_turns_that_were_given_back():
    bucket = RateLimit(10)
    turns = [bucket.reserve(START) for _ in range(200)]
    for turn in turns:
        if turn.wait_seconds:
            turn.give_back()
    assert [bucket.reserve(START).wait_seconds for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])


@pytest.mark.parametrize("limits", [(5, 5.1), (5.1, 5), (5, 5), (5, 50, 7)])
def test_the_lowest_limit_counts_as_long_as_its_owner_sends(limits):
    bucket = RateLimit()
    for limit in limits:
        bucket.add_limit(limit)
    waits = [bucket.reserve(START).wait_seconds for _ in range(25)]
    assert waits[-1] == pytest.approx(20 / 5)
    later = START + timedelta(hours=1)
    bucket.remove_limit(5)
    waits = [bucket.reserve(later).wait_seconds for _ in range(25)]
    assert waits[-1] == pytest.approx((25 - min(sorted(limits)[1:])) / min(sorted(limits)[1:]), abs=0.2)


def test_an_urgent_request_waits_for_urgent_ones_only():
    bucket = RateLimit(10)
    for _ in range(300):
        bucket.reserve(START)
    waits = [bucket.reserve(START, Priority.URGENT).wait_seconds for _ in range(12)]
    assert waits == pytest.approx([0.0] * 10 + [0.1, 0.2])
    assert bucket.reserve(START).wait_seconds == pytest.approx(29.1 + 1.2), "they count for the others"
