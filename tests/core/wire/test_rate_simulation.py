"""The rate that a count finds, in simulated time: against services with and without a limit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.wire.messages import Priority
from airflow_provider_tencent_ci.core.wire.rate_limit import START_PER_SECOND, RateLimit
from tests.core.script import START
from tests.core.wire.rate_simulation import Bucket, Outage, Simulation, Unlimited, Windows

# As many as are in flight at a time.
CONNECTIONS = 16

latencies = st.floats(0.005, 0.2)
seeds = st.integers(0, 1_000)


def limiters(per_second):
    return st.sampled_from([Bucket(per_second, max(2, per_second * 0.2)), Bucket(per_second, per_second)]).map(
        lambda bucket: Bucket(bucket.per_second, bucket.burst)
    ) | st.builds(Windows, st.just(per_second))


def refused_share(simulation):
    return len(simulation.refused) / (len(simulation.refused) + len(simulation.accepted))


@pytest.mark.parametrize("latency", [0.005, 0.02, 0.08])
@pytest.mark.parametrize("limiter", [lambda: Bucket(50, 10), lambda: Bucket(50, 50), lambda: Windows(50)])
def test_of_fifty_requests_a_second_forty_are_used_and_less_than_two_percent_refused(limiter, latency):
    simulation = Simulation(limiter(), latency).count(10**6).run(120)
    assert len(simulation.accepted) / 120 >= 40
    assert refused_share(simulation) < 0.02


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.data(), st.integers(20, 400), st.floats(0.005, 0.1), seeds)
def test_most_of_any_limit_is_used_and_little_refused(data, per_second, latency, seed):
    simulation = Simulation(data.draw(limiters(per_second)), latency, seed).count(10**6).run(120)
    assert len(simulation.accepted) / 120 >= 0.7 * min(per_second, CONNECTIONS / (latency * 1.3))
    assert refused_share(simulation) < 0.02


@settings(max_examples=15, deadline=None)
@given(st.integers(5, 20), latencies, seeds)
def test_a_small_limit_is_found_too(per_second, latency, seed):
    simulation = Simulation(Bucket(per_second, per_second), latency, seed).count(10**6).run(300)
    assert len(simulation.accepted) / 300 >= 0.7 * per_second
    assert refused_share(simulation) < 0.03


@settings(max_examples=15, deadline=None)
@given(st.data(), st.floats(0.1, 0.5), st.floats(0.005, 0.08), seeds)
def test_others_get_their_share_and_the_rest_is_used(data, share, latency, seed):
    simulation = Simulation(data.draw(limiters(50)), latency, seed).others(50 * share).count(10**6).run(120)
    assert len(simulation.accepted) / 120 >= 0.6 * 50 * (1 - share)
    assert refused_share(simulation) < 0.04


@settings(max_examples=15, deadline=None)
@given(st.floats(0.005, 0.02), seeds)
def test_without_a_limit_four_thousand_requests_are_sent_in_less_than_ten_seconds(latency, seed):
    simulation = Simulation(Unlimited(), latency, seed).count(4_000).run(1_000)
    assert len(simulation.accepted) == 4_000
    assert simulation.now < 10


@settings(max_examples=15, deadline=None)
@given(st.data(), st.sampled_from([5, 50, 500]), latencies, seeds)
def test_polls_beside_a_count_wait_for_no_turn(data, per_second, latency, seed):
    simulation = Simulation(data.draw(limiters(per_second)), latency, seed).count(10**6).poll(1).run(60)
    assert len(simulation.poll_waits) >= 59
    assert max(simulation.poll_waits) == 0


@settings(max_examples=8, deadline=None)
@given(st.floats(10, 400), st.floats(0.005, 0.08), seeds)
def test_a_count_goes_on_after_the_service_has_refused_everything_for_minutes(seconds, latency, seed):
    limiter = Outage(Bucket(50, 50), 20, 20 + seconds)
    simulation = Simulation(limiter, latency, seed).count(10**6).run(20 + seconds + 120)
    after = [moment for moment in simulation.accepted if moment > 20 + seconds + 60]
    assert len(after) / 60 >= 20, "within a minute most of the rate is used again"


def refuse(limit, now=START):
    limit.reserve(now).answered(now, is_refused=True)


def test_the_refusals_of_one_round_trip_halve_the_rate_once():
    limit = RateLimit()
    turns = [limit.reserve(START) for _ in range(5)]
    for turn in turns:
        turn.answered(START, is_refused=True)
    assert limit.per_second == START_PER_SECOND / 2


def test_an_upper_limit_is_the_rate_until_a_refusal():
    limit = RateLimit(40)
    assert limit.per_second == 40
    refuse(limit)
    assert limit.per_second == 20


def test_the_rate_never_falls_below_one_a_second():
    limit, now = RateLimit(), START
    for _ in range(10):
        now += (now - START) + (now.resolution * 10**6)
        refuse(limit, now)
    assert limit.per_second == 1


def test_a_request_that_waits_for_its_turn_waits_longer_after_a_refusal():
    limit = RateLimit()
    turns = [limit.reserve(START) for _ in range(13)]
    turns[0].answered(START, is_refused=True)
    later = [turn.waited(START) for turn in turns[10:]]
    assert [turn.wait_seconds for turn in later] == pytest.approx([0, 0.2, 0.4])


@pytest.mark.parametrize("first", Priority)
@pytest.mark.parametrize("second", Priority)
def test_a_request_waits_for_those_of_its_own_and_a_higher_priority(first, second):
    limit = RateLimit(10)
    for _ in range(30):
        limit.reserve(START, first)
    assert (limit.reserve(START, second).wait_seconds > 1) == (second >= first)
