"""What becomes of the batch job of a stopped task: every state, on a worker and deferred."""

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

# All states of Airflow 2.11 to 3.3, and what stands for one.
ON_THE_WAY = (None, "scheduled", "queued", "running", "deferred", "up_for_retry", "up_for_reschedule", "awaiting_input")
STATES = (*ON_THE_WAY, "restarting", "success", "failed", "skipped", "upstream_failed", REMOVED, NOT_TOLD)


def decisions(state, *, is_deferred, only_a_person=ANY, recorded=(MINE, OTHER, NONE)):
    """The decisions that come of all combinations of what is not given."""
    return {
        decide_cancel(StoppedTask(state, is_deferred, person, MINE, job))
        for person, job in itertools.product(only_a_person, recorded)
    }


@pytest.mark.parametrize("state", ["success", "restarting", REMOVED])
def test_a_running_task_that_a_person_ended_cancels_whatever_else_is_known(state):
    assert decisions(state, is_deferred=False) == {CANCEL}


@pytest.mark.parametrize("state", ["skipped", "upstream_failed"])
def test_a_running_task_that_a_newer_try_may_have_ended_cancels_only_if_a_person_alone_can_have_done_so(state):
    assert decisions(state, is_deferred=False, only_a_person=(True,)) == {CANCEL}
    assert decisions(state, is_deferred=False, only_a_person=(False,)) == {DOUBT}


@pytest.mark.parametrize("state", [*ON_THE_WAY, NOT_TOLD])
def test_a_running_task_on_the_way_to_its_next_try_leaves_its_job_whatever_else_is_known(state):
    assert decisions(state, is_deferred=False) == {LEAVE}


SAME = (MINE, NONE)  # no other job


@pytest.mark.parametrize("state", [state for state in STATES if state != REMOVED])
def test_a_job_that_another_try_has_recorded_as_its_own_is_left(state):
    for is_deferred, person in itertools.product(ANY, ANY):
        task = StoppedTask(state, is_deferred, person, MINE, MINE, has_newer_try=True)
        assert decide_cancel(task) is LEAVE


def test_a_new_try_with_another_job_does_not_keep_a_trigger_s_job():
    assert decide_cancel(StoppedTask("running", True, True, MINE, OTHER, has_newer_try=True)) is CANCEL


@pytest.mark.parametrize("is_deferred", ANY)
def test_a_failed_task_cancels_only_if_a_person_failed_it(is_deferred):
    assert decisions("failed", is_deferred=is_deferred, only_a_person=(True,)) == {CANCEL}
    assert decisions("failed", is_deferred=is_deferred, only_a_person=(False,), recorded=SAME) == {DOUBT}


@pytest.mark.parametrize("state", ["deferred", "up_for_retry", "up_for_reschedule", "awaiting_input"])
def test_a_deferred_task_whose_wait_or_next_try_goes_on_leaves_its_job_whatever_else_is_known(state):
    assert decisions(state, is_deferred=True, recorded=SAME) == {LEAVE}


def test_a_deferred_task_that_airflow_cannot_be_asked_about_leaves_its_job():
    assert decisions(NOT_TOLD, is_deferred=True) == {LEAVE}


@pytest.mark.parametrize("state", ["success", REMOVED])
def test_a_deferred_task_that_is_over_cancels_whatever_else_is_known(state):
    assert decisions(state, is_deferred=True) == {CANCEL}


@pytest.mark.parametrize("state", [state for state in STATES if state != NOT_TOLD])
def test_a_cleared_task_whose_new_try_has_another_job_cancels_the_old_one(state):
    assert decisions(state, is_deferred=True, recorded=(OTHER,)) == {CANCEL}


@pytest.mark.parametrize("state", ["running", "restarting"])
def test_a_deferred_task_that_runs_was_cleared_or_resumed_or_may_find_its_job_again(state):
    assert decisions(state, is_deferred=True, only_a_person=(True,)) == {CANCEL}
    assert decisions(state, is_deferred=True, recorded=(MINE,), only_a_person=(False,)) == {LEAVE}
    assert decisions(state, is_deferred=True, recorded=(NONE,), only_a_person=(False,)) == {DOUBT}


@pytest.mark.parametrize("state", [None, "scheduled", "queued", "skipped", "upstream_failed"])
def test_a_deferred_task_that_waits_no_more_cancels_only_if_a_person_alone_can_have_ended_it(state):
    assert decisions(state, is_deferred=True, only_a_person=(True,)) == {CANCEL}
    assert decisions(state, is_deferred=True, only_a_person=(False,), recorded=SAME) == {DOUBT}


@pytest.mark.parametrize(("state", "is_deferred"), itertools.product(STATES, ANY))
def test_what_airflow_can_have_done_by_itself_cancels_nothing(state, is_deferred):
    known = decisions(state, is_deferred=is_deferred, only_a_person=(False,), recorded=SAME)
    of_person = {"success", REMOVED} if is_deferred else {"success", REMOVED, "restarting"}
    assert (known == {CANCEL}) is (state in of_person)
    assert CANCEL not in known or len(known) == 1


def test_a_state_of_a_later_airflow_leaves_the_job():
    for is_deferred in ANY:
        assert decisions("a_state_of_airflow_4", is_deferred=is_deferred, recorded=SAME) == {LEAVE}
