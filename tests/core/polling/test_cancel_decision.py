"""Whether a stopped task cancels its batch job: every state, on a worker and deferred."""

from __future__ import annotations

import itertools

import pytest

from airflow_provider_tencent_ci.core.polling.cancel_decision import (
    NOT_TOLD,
    REMOVED,
    CancelDecision,
    StoppedTask,
    decide_cancel,
)

CANCEL, LEAVE, DOUBT = CancelDecision.CANCEL, CancelDecision.LEAVE, CancelDecision.DOUBT
MINE, OTHER, NONE = "b-mine", "b-other", None
ANY = (False, True)

# All states of Airflow 2.11 to 3.3, and the values that replace a state.
ON_THE_WAY = (None, "scheduled", "queued", "running", "deferred", "up_for_retry", "up_for_reschedule", "awaiting_input")
STATES = (*ON_THE_WAY, "restarting", "success", "failed", "skipped", "upstream_failed", REMOVED, NOT_TOLD)


def decisions(state, *, is_deferred, only_a_person=ANY, recorded=(MINE, OTHER, NONE)):
    """Return the decisions for all combinations of the arguments that are not given."""
    return {
        decide_cancel(StoppedTask(state, is_deferred, person, MINE, job))
        for person, job in itertools.product(only_a_person, recorded)
    }


@pytest.mark.parametrize("state", ["restarting", REMOVED])
def test_a_running_task_that_a_person_ended_always_cancels(state):
    assert decisions(state, is_deferred=False) == {CANCEL}


@pytest.mark.parametrize("state", ["success", "skipped", "upstream_failed"])
def test_a_running_task_that_a_newer_try_may_have_ended_cancels_only_if_only_a_person_can_have_done_so(state):
    assert decisions(state, is_deferred=False, only_a_person=(True,)) == {CANCEL}
    assert decisions(state, is_deferred=False, only_a_person=(False,)) == {DOUBT}


@pytest.mark.parametrize("state", [*ON_THE_WAY, NOT_TOLD])
def test_a_running_task_before_its_next_try_never_cancels(state):
    assert decisions(state, is_deferred=False) == {LEAVE}


SAME = (MINE, NONE)  # no other job


@pytest.mark.parametrize("state", [state for state in STATES if state != REMOVED])
def test_a_job_that_another_try_recorded_is_not_cancelled(state):
    for is_deferred, person in itertools.product(ANY, ANY):
        task = StoppedTask(state, is_deferred, person, MINE, MINE, has_newer_try=True)
        assert decide_cancel(task) is LEAVE


def test_a_new_try_with_another_job_does_not_protect_the_trigger_s_job():
    assert decide_cancel(StoppedTask("running", True, True, MINE, OTHER, has_newer_try=True)) is CANCEL


@pytest.mark.parametrize("is_deferred", ANY)
def test_a_failed_task_cancels_only_if_a_person_failed_it(is_deferred):
    assert decisions("failed", is_deferred=is_deferred, only_a_person=(True,)) == {CANCEL}
    assert decisions("failed", is_deferred=is_deferred, only_a_person=(False,), recorded=SAME) == {DOUBT}


@pytest.mark.parametrize("state", ["deferred", "up_for_retry", "up_for_reschedule", "awaiting_input"])
def test_a_deferred_task_that_still_waits_or_retries_never_cancels(state):
    assert decisions(state, is_deferred=True, recorded=SAME) == {LEAVE}


def test_a_deferred_task_of_unknown_state_does_not_cancel():
    assert decisions(NOT_TOLD, is_deferred=True) == {LEAVE}


@pytest.mark.parametrize("state", ["success", REMOVED])
def test_an_ended_deferred_task_always_cancels(state):
    assert decisions(state, is_deferred=True) == {CANCEL}


@pytest.mark.parametrize("state", [state for state in STATES if state != NOT_TOLD])
def test_a_cleared_task_whose_new_try_has_another_job_cancels_the_old_one(state):
    assert decisions(state, is_deferred=True, recorded=(OTHER,)) == {CANCEL}


@pytest.mark.parametrize("state", ["running", "restarting"])
def test_a_deferred_task_that_runs_again_was_cleared_or_resumed_or_may_adopt_its_job(state):
    assert decisions(state, is_deferred=True, only_a_person=(True,)) == {CANCEL}
    assert decisions(state, is_deferred=True, recorded=(MINE,), only_a_person=(False,)) == {LEAVE}
    assert decisions(state, is_deferred=True, recorded=(NONE,), only_a_person=(False,)) == {DOUBT}


@pytest.mark.parametrize("state", [None, "scheduled", "queued", "skipped", "upstream_failed"])
def test_a_deferred_task_that_stopped_waiting_cancels_only_if_only_a_person_can_have_ended_it(state):
    assert decisions(state, is_deferred=True, only_a_person=(True,)) == {CANCEL}
    assert decisions(state, is_deferred=True, only_a_person=(False,), recorded=SAME) == {DOUBT}


@pytest.mark.parametrize(("state", "is_deferred"), itertools.product(STATES, ANY))
def test_an_end_that_airflow_itself_can_have_caused_cancels_nothing(state, is_deferred):
    known = decisions(state, is_deferred=is_deferred, only_a_person=(False,), recorded=SAME)
    of_person = {"success", REMOVED} if is_deferred else {REMOVED, "restarting"}
    assert (known == {CANCEL}) is (state in of_person)
    assert CANCEL not in known or len(known) == 1


def test_an_unknown_state_does_not_cancel_the_job():
    for is_deferred in ANY:
        assert decisions("a_state_of_airflow_4", is_deferred=is_deferred, recorded=SAME) == {LEAVE}
