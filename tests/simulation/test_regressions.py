"""Histories that made two jobs, lost one, or broke another promise before; each in its reduced form."""

from __future__ import annotations

import pytest

from tests.simulation.history import Act, Blow, Fault, History, Jump
from tests.simulation.runs import run, told

FOUND = {
    # A wrong clock.
    "clock_ahead_and_lost_answer": History(clocks=(720, 720, 720, 720, 720, 0), faults=(Fault("lost", "post", 1),)),
    "database_clock_ahead": History(clocks=(0, 0, 0, 0, 3600, 0), faults=(Fault("hang", "post", 1),)),
    "clock_ahead_without_store": History(store=False, wait_timeout=10, clocks=(0, 0, 0, 0, 86400, 0)),
    "clock_ahead_and_crash": History(clocks=(0, 0, 0, 0, 720, 0), blows=(Blow("crash", 1, 5),)),
    "clock_ahead_and_eviction": History(clocks=(0, 0, 0, 0, 3600, 0), blows=(Blow("evict", 1, 2, 0.12),)),
    "clock_behind_asks_too_often": History(mode="deferred", poll_interval=10, clocks=(0, 0, -3600, 0, 0, 0)),
    "clock_behind_in_cos_style": History(mode="deferred", cos_style=True, clocks=(0, 0, -3600, 0, 0, 0)),
    "neighbour_cleared": History(
        job_seconds=400, faults=(Fault("lost", "post", 1),), acts=(Act("clear_neighbour", 3),)
    ),
    "odd_date": History(tasks=3, clocks=(-840, 0, 0, 0, 0, 0), faults=(Fault("odd_date", "list", 5),)),
    "keys_by_another_clock": History(keys_last=300, clocks=(3600, 0, 0, 0, 0, 0)),
    "keys_and_clock_set_back": History(job_seconds=400, keys_last=300, jumps=(Jump(0, 3, -600),)),
    "clock_of_triggerer_set_forward": History(
        mode="deferred", poller=True, retry_delay=1, lag=15, get_lags=True, jumps=(Jump(2, 4, 654),)
    ),
    # A list that lags.
    "list_late_and_lost_answer": History(lag=60, faults=(Fault("lost", "post", 1),)),
    "list_late_and_cut_answer": History(lag=25, faults=(Fault("truncated", "post", 1),)),
    "list_late_and_known_job": History(contact_timeout=60, lag=250),
    "list_late_and_crash": History(lag=150, blows=(Blow("crash", 1, 1, 1.0),)),
    "list_late_and_crash_without_store": History(
        store=False, lag=90, job_seconds=400, blows=(Blow("crash", 1, 5, 0.1),)
    ),
    "answer_by_id_late_and_eviction": History(retry_delay=1, lag=40, get_lags=True, blows=(Blow("evict", 1, 3),)),
    "list_cut_short": History(faults=(Fault("lost", "post", 1), Fault("cut_short", "list", 2))),
    # A service that executes a request after the client has disconnected.
    "acts_45_s_after_hang_up": History(faults=(Fault("late", "post", 1, 75),)),
    "acts_100_s_after_hang_up": History(faults=(Fault("late", "post", 1, 130),)),
    "acts_45_s_after_reset": History(faults=(Fault("late_reset", "post", 1, 45),)),
    "acts_100_s_after_504": History(faults=(Fault("late_504", "post", 1, 100),)),
    "acts_late_and_crash": History(faults=(Fault("late", "post", 1, 100),), blows=(Blow("crash", 1, 5, 1.0),)),
    "acts_late_and_list_late": History(lag=90, faults=(Fault("late_reset", "post", 1, 150),)),
    # Healthy tries that Airflow abandons, and actions of people.
    "busy_api": History(job_seconds=300, acts=(Act("api_busy", 20, 0, 80),)),
    "busy_api_in_last_try": History(retries=0, job_seconds=300, acts=(Act("api_busy", 20, 0, 80),)),
    "last_try_fails_while_the_first_is_thought_dead": History(
        job_seconds=1500, clocks=(-3600, 0, 0, 0, 0, 0), acts=(Act("api_busy", 6, seconds=121),)
    ),
    "orphan_reset": History(acts=(Act("reset", 3),)),
    "cancel_that_hangs": History(
        mode="deferred", faults=(Fault("dropped", "cancel", 1),), acts=(Act("mark_failed", 4),)
    ),
    "clock_of_service_set_back": History(job_seconds=1500, jumps=(Jump(5, 3, -3600),)),
    "frozen_worker": History(blows=(Blow("freeze", 1, 6, 0, 400),)),
    "frozen_triggerer": History(mode="deferred", job_seconds=400, blows=(Blow("freeze", 2, 2, 0, 100),)),
    "deleted_runs_job_listed_late": History(
        job_seconds=3, lag=15, faults=(Fault("late_504", "post", 2),), acts=(Act("remake", 8),)
    ),
    "newer_try_fails_before_the_old_one_knows": History(
        queue_seconds=60,
        faults=(Fault("late_504", "post", 1),),
        acts=(Act("api_busy", 62, seconds=62), Act("reset", 62)),
    ),
    "series_of_a_zombie": History(
        wait_timeout=750,
        job_seconds=1500,
        faults=(Fault("late_reset", "post", 1, seconds=2),),
        acts=(Act("mark_success", 2.21), Act("clear", 3)),
    ),
    "run_made_again": History(mode="submit", job_seconds=10, acts=(Act("remake", 30, 0, 20),)),
    "cleared_while_deferred": History(mode="deferred", job_seconds=400, acts=(Act("clear", 30),)),
    "deleted_runs_job_listed_after_the_own_one_failed": History(
        outcomes=("Success", "Failed"), lag=90, acts=(Act("remake", 3),)
    ),
    "job_of_a_run_made_again_recorded_before_the_old_trigger_asks": History(
        mode="deferred", store=False, acts=(Act("api_busy", 2, seconds=12), Act("remake", 4))
    ),
    "late_job_of_an_earlier_round": History(
        rounds=1,
        bad_rounds=1,
        job_seconds=3,
        faults=(Fault("late_504", "post", 1, seconds=3), Fault("late_504", "post", 2, seconds=7)),
        acts=(Act("remake", 3),),
    ),
    "older_try_records_the_job_after_the_newer_one": History(
        retry_delay=20, job_seconds=400, blows=(Blow("freeze", 1, 1, seconds=78),), acts=(Act("clear", 170),)
    ),
    "marked_soon_after_a_long_submission": History(
        job_seconds=400, faults=(Fault("late_reset", "post", 1, seconds=32),), acts=(Act("mark_failed", 93),)
    ),
    "noted_job_cannot_be_read": History(
        queue_seconds=60,
        faults=(*(Fault("hang", "list", number) for number in (3, 5, 6)), Fault("saturated", "list", 4)),
        acts=(Act("api_busy", 62, seconds=21),),
    ),
    "frozen_between_signature_and_send": History(blows=(Blow("freeze", 1, 1, seconds=898),)),
    "frozen_between_signature_and_send_with_a_wrong_clock": History(
        clocks=(86400, 0, 0, 0, 0, 0), blows=(Blow("freeze", 1, 2, seconds=898),)
    ),
    "frozen_try_takes_the_newer_one_s_success_for_a_mark": History(
        seed=151599,
        mode="submit",
        heartbeat_timeout=20,
        faults=(Fault("saturated", "post", 1),),
        blows=(Blow("freeze", 1, 1, after=0.5, seconds=81),),
    ),
    "cancel_while_the_clock_is_set_back": History(
        mode="deferred", queue_seconds=0.5, lag=60, jumps=(Jump(2, 5, -60),), acts=(Act("remake", 2.42),)
    ),
    "record_of_another_round": History(
        store=False,
        rounds=2,
        bad_rounds=1,
        heartbeat_timeout=20,
        poll_interval=10,
        blows=(Blow("freeze", 1, 1, after=4, seconds=400),),
    ),
    "answer_kept_by_a_freeze": History(
        queue_seconds=60,
        blows=(Blow("freeze", 3, 2, after=0.02, seconds=12),),
        acts=(Act("remake", 70, seconds=20), Act("reset", 62)),
    ),
}

# The jobs of a history in which more than one job is right: a recreated run and a clear need their own jobs.
JOBS = {
    "deleted_runs_job_listed_late": 2,
    "series_of_a_zombie": 2,
    "run_made_again": 2,
    "cleared_while_deferred": 2,
    "deleted_runs_job_listed_after_the_own_one_failed": 3,
    "job_of_a_run_made_again_recorded_before_the_old_trigger_asks": 1,
    "late_job_of_an_earlier_round": 3,
    "older_try_records_the_job_after_the_newer_one": 2,
    "cancel_while_the_clock_is_set_back": 2,
    "record_of_another_round": 2,
}


@pytest.mark.parametrize("name", FOUND)
def test_every_history_that_once_failed_holds(name):
    history = FOUND[name]
    world, violations = run(history)
    assert violations == [], told(history)
    assert len(world.service.jobs) == JOBS.get(name, history.tasks), told(history)
