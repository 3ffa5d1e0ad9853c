"""The proof of a process that Airflow has received its heartbeats."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.compat.supervision import (
    Supervision,
    supervision_of_triggers,
    supervision_of_worker,
)
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, pause
from airflow_provider_tencent_ci.core.wire.messages import Now, Sleep
from airflow_provider_tencent_ci.exceptions import TransportError
from airflow_provider_tencent_ci.waiting import process_lease
from airflow_provider_tencent_ci.waiting.process_lease import Lease, WorkerLease, triggerer_lease

# As Airflow's defaults are for a task.
DEFAULTS = Supervision(limit_seconds=300, answers=7, shortest_seconds=5)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def answers(lease, clock, number):
    """Let a number of answers arrive, at the interval of the requests."""
    for _ in range(number):
        clock.now += lease.interval_seconds
        lease.renew(clock.now)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lease(clock):
    return Lease(DEFAULTS, now=clock)


def test_a_lease_without_answers_ends_before_airflow_s_heartbeat_timeout(lease, clock):
    clock.now += 239
    assert lease.is_held()
    clock.now += 2
    assert not lease.is_held()


def test_a_renewed_lease_is_held_without_limit(lease, clock):
    for _ in range(100):
        answers(lease, clock, 1)
        assert lease.is_held()


def test_a_frozen_process_loses_its_lease_until_enough_answers_prove_a_heartbeat(lease, clock):
    answers(lease, clock, 20)
    clock.now += 600
    assert not lease.is_held()
    answers(lease, clock, 6)
    assert not lease.is_held()
    answers(lease, clock, 1)
    assert lease.is_held()


def test_a_process_with_an_old_or_unknown_start_has_no_lease_yet(clock):
    assert Lease(DEFAULTS, 200, clock).is_held()
    assert not Lease(DEFAULTS, 250, clock).is_held()
    assert not Lease(DEFAULTS, math.inf, clock).is_held()


def test_answers_are_never_requested_more_often_than_heartbeats(clock):
    assert Lease(DEFAULTS, now=clock).interval_seconds == pytest.approx(17, abs=1)
    assert Lease(Supervision(20, 7, 5), now=clock).interval_seconds == 5


def test_four_answers_within_24_seconds_hold_the_lease_of_a_triggerer_with_airflow_s_default(clock):
    lease = Lease(supervision_of_triggers(), math.inf, clock)
    assert lease.interval_seconds == 3
    answers(lease, clock, 3)
    assert not lease.is_held()
    answers(lease, clock, 1)
    clock.now += 23 - 3 * lease.interval_seconds
    assert lease.is_held()
    clock.now += 2
    assert not lease.is_held()


@pytest.mark.parametrize("answer_seconds", [0, 1, 3, 4.5])
def test_slow_answers_of_a_busy_airflow_hold_the_lease_of_a_triggerer(clock, answer_seconds):
    lease = Lease(supervision_of_triggers(), now=clock)
    asked_at = clock.now
    for _ in range(20):
        clock.now += lease.seconds_to_next_request(asked_at)
        asked_at = clock.now
        clock.now += answer_seconds
        assert lease.is_held()
        lease.renew(asked_at)


def test_the_clock_counts_while_the_machine_sleeps_and_ignores_a_calendar_that_is_set_back(monkeypatch):
    by_calendar, since_boot = [1000.0], [50.0]
    monkeypatch.setattr(process_lease, "_since_boot", lambda: since_boot[0])
    monkeypatch.setattr(process_lease.time, "time", lambda: by_calendar[0])
    clock = process_lease._Clock()
    since_boot[0] += 10
    by_calendar[0] -= 500
    assert clock.now() == 10
    by_calendar[0] += 900  # a virtual machine stood still
    assert clock.now() == 400


def test_the_times_are_read_from_airflow(monkeypatch):
    monkeypatch.setenv("AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT", "120")
    monkeypatch.setenv("AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS", "4")
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "9")
    monkeypatch.setenv("AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD", "44")
    assert supervision_of_worker() == Supervision(120, answers=9, shortest_seconds=9)
    assert supervision_of_triggers().limit_seconds == 44


def task_instance(**changed):
    began_at = datetime.now(UTC)
    own = {"dag_id": "nightly", "task_id": "submit", "run_id": "r1", "map_index": -1}
    return SimpleNamespace(**{**own, "try_number": 1, "max_tries": 0, "start_date": began_at, **changed})


@pytest.fixture
def asked(monkeypatch):
    """Airflow 3, which answers that the task is running; the list of requests to it."""
    asked = []
    monkeypatch.setattr(process_lease, "workers_have_database", lambda: False)
    monkeypatch.setattr(process_lease, "task_instance_state", lambda ti: asked.append(ti) or "running")
    monkeypatch.setenv("AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT", "300")
    return asked


def worker_lease(clock, **changed):
    lease = WorkerLease(task_instance(**changed))
    lease._lease.now, lease._next_at = clock, clock()
    lease._lease._answered_at.extend([clock()] * 7)
    return lease


def waiting(hours):
    """A flow that pauses for this time, as a wait does between two polls."""
    for _ in range(hours * 120):
        yield from pause(30)
    return "ended"


def run(flow, clock):
    """Drive a flow whose pauses pass at once; return its result and the pauses."""
    pauses = []
    try:
        while True:
            step = next(flow)
            assert isinstance(step, Sleep)
            pauses.append(step.seconds)
            clock.now += step.seconds
    except StopIteration as stop:
        return stop.value, pauses


def test_a_wait_renews_the_lease_in_its_pauses_without_getting_longer(asked, clock):
    lease = worker_lease(clock)
    result, pauses = run(lease.renewed_meanwhile(waiting(hours=1)), clock)
    assert result == "ended"
    assert sum(pauses) == 3600
    assert lease.is_held()
    assert 100 < len(asked) < 240


def test_a_task_with_tries_left_holds_its_lease_too(asked, clock):
    """Another try may have started and failed after Airflow abandoned this one."""
    lease = worker_lease(clock, max_tries=2)
    run(lease.renewed_meanwhile(waiting(hours=1)), clock)
    assert lease.is_held()
    assert asked


def test_a_task_that_can_read_the_abandoned_tries_sends_no_request(asked, clock, monkeypatch):
    monkeypatch.setattr(process_lease, "workers_have_database", lambda: True)
    lease = worker_lease(clock)
    lease.renew()
    assert set(run(lease.renewed_meanwhile(waiting(hours=1)), clock)[1]) == {30}
    assert asked == []


def test_a_task_that_no_longer_runs_renews_nothing(asked, clock, monkeypatch):
    monkeypatch.setattr(process_lease, "task_instance_state", lambda _ti: "up_for_retry")
    lease = worker_lease(clock)
    run(lease.renewed_meanwhile(waiting(hours=1)), clock)
    assert not lease.is_held()


def test_an_unresponsive_airflow_delays_no_wait_and_gets_one_request(asked, clock, monkeypatch):
    monkeypatch.setattr(process_lease, "_ANSWER_SECONDS", 0.05)
    answer = threading.Event()
    monkeypatch.setattr(
        process_lease, "task_instance_state", lambda ti: asked.append(ti) or (answer.wait(20) and "running")
    )
    lease = worker_lease(clock)
    began_at = time.monotonic()
    run(lease.renewed_meanwhile(waiting(hours=1)), clock)
    answer.set()
    assert time.monotonic() - began_at < 10
    assert len(asked) == 1
    assert not lease.is_held()


def test_an_error_of_airflow_ends_no_wait(asked, clock, monkeypatch):
    def refuse(_ti):
        raise RuntimeError("no supervisor")

    monkeypatch.setattr(process_lease, "task_instance_state", refuse)
    lease = worker_lease(clock)
    assert run(lease.renewed_meanwhile(waiting(hours=1)), clock)[0] == "ended"
    assert not lease.is_held()


def test_requests_errors_and_the_end_of_a_flow_are_passed_through(asked, clock):
    closed = []

    def flow():
        try:
            yield "a request"
        except TransportError as error:
            yield f"a request after {error}"
            now = yield from current_time()
            yield now
        finally:
            closed.append(True)

    renewed = worker_lease(clock).renewed_meanwhile(flow())
    assert next(renewed) == "a request"
    assert renewed.throw(TransportError("a reset", request_sent=False)) == "a request after a reset"
    assert renewed.send("a response") == Now()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert renewed.send(now) == now
    renewed.close()
    assert closed == [True]


def test_a_process_holds_its_lease_from_the_start_of_its_task(asked):
    assert WorkerLease(task_instance()).is_held()
    assert not WorkerLease(task_instance(start_date=datetime.now(UTC) - timedelta(minutes=5))).is_held()
    assert not WorkerLease(task_instance(start_date=None)).is_held()


@pytest.mark.parametrize("given_up", [True, False])
def test_airflow_s_record_of_abandoned_tries_decides_if_it_exists(monkeypatch, given_up):
    monkeypatch.setattr(process_lease, "workers_have_database", lambda: True)
    monkeypatch.setattr(process_lease, "was_given_up", lambda _ti: given_up)
    assert WorkerLease(task_instance(start_date=None)).is_held() is not given_up


@pytest.fixture
def triggerer(monkeypatch):
    """A triggerer that sends its requests at once."""
    asked = []
    monkeypatch.setattr(process_lease, "task_instance_state", lambda ti: asked.append(ti.task_id))
    monkeypatch.setattr(
        process_lease, "supervision_of_triggers", lambda: Supervision(0.2, answers=4, shortest_seconds=0.01)
    )
    return asked


async def until(reached):
    """Wait for something that a busy machine may delay."""
    for _ in range(3000):
        if reached():
            return
        await asyncio.sleep(0.01)
    pytest.fail("not reached")


def test_all_triggers_of_a_triggerer_share_one_lease(triggerer):
    async def main():
        with triggerer_lease(task_instance(task_id="a")) as one:
            with triggerer_lease(task_instance(task_id="b")) as other:
                assert one is other
            await asyncio.sleep(0.5)  # longer than without a renewal
            await until(one.is_held)
        await asyncio.sleep(0.3)
        assert not one.is_held()
        assert len(asyncio.all_tasks()) == 1
        with triggerer_lease(task_instance(task_id="c")) as third:
            assert third is not one
            assert third.is_held()

    asyncio.run(main())
    assert set(triggerer) == {"a"}


def test_a_triggerer_without_answers_loses_its_lease_and_no_trigger(triggerer, monkeypatch):
    def refuse(_ti):
        raise RuntimeError("the database does not answer")

    async def main():
        with triggerer_lease(task_instance()) as lease:
            monkeypatch.setattr(process_lease, "task_instance_state", refuse)
            await asyncio.sleep(0.4)
            assert not lease.is_held()
            monkeypatch.setattr(process_lease, "task_instance_state", lambda _ti: "deferred")
            await until(lease.is_held)

    asyncio.run(main())
