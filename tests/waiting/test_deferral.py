"""
A task whose deferral ended without an event of this package: by Airflow's own limit, or because its trigger failed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.exceptions import TaskDeferralError, TaskDeferred

from airflow_provider_tencent_ci.compat.airflow_names import (
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow_provider_tencent_ci.compat.task_context import DEFERRAL_FAILED
from airflow_provider_tencent_ci.core.submitting.max_active_jobs import CapacityResult, CapacityStatus
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.exceptions import LostContactError, UnexpectedEventError, WaitTimeoutError
from airflow_provider_tencent_ci.operators import inventory_job as operators
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from airflow_provider_tencent_ci.task_state import submission_xcom
from airflow_provider_tencent_ci.waiting import deferral
from airflow_provider_tencent_ci.waiting.deferral import BACKSTOP, LONGEST_DEFERRAL, Deferral, try_ends_at
from airflow_provider_tencent_ci.waiting.resume_event import write_capacity

try:
    from airflow.sdk.bases.operator import TriggerFailureReason

    TIME_OUT, FAILURE = TriggerFailureReason.TRIGGER_TIMEOUT, TriggerFailureReason.TRIGGER_FAILURE
except ImportError:  # 2.11 has texts
    TIME_OUT, FAILURE = "Trigger/execution timeout", "Trigger failure"

HOUR = timedelta(hours=1)
PAST = datetime(2026, 1, 1, tzinfo=UTC)


class TaskInstance(SimpleNamespace):
    """With XComs that the process which resumes the task reads."""

    def xcom_push(self, key, value):
        self.xcoms[key] = value


@pytest.fixture
def ti(monkeypatch):
    ti = TaskInstance(xcoms={}, start_date=datetime.now(UTC), next_method=None)
    for module in (deferral, submission_xcom):
        monkeypatch.setattr(module, "own_xcom", lambda ti, key: ti.xcoms.get(key))
    monkeypatch.setattr(operators, "recorded_job_id", lambda ti: ti.xcoms.get("job_id"))
    return ti


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture
def operator(ti, job_id):
    """A task that was deferred until the end of its ``execution_timeout``, which is over."""
    ti.xcoms["job_id"] = job_id
    Deferral("job", "execution_timeout", PAST, 0).push({"ti": ti})
    return new_operator(execution_timeout=HOUR)


def new_operator(**arguments):
    return TriggerInventoryJobOperator(
        task_id="submit",
        workflow_ids="w00000000000000000000000000000001",
        prefix="media/",
        wait_for_completion=True,
        deferrable=True,
        **arguments,
    )


@pytest.fixture
def resume(ti):
    def resume(task, reason):
        return task.resume_execution(DEFERRAL_FAILED, {"error": reason, "traceback": None}, {"ti": ti})

    return resume


@pytest.mark.parametrize(
    ("reason", "error", "state"),
    [(TIME_OUT, AirflowTaskTimeout, "Cancel"), (FAILURE, LostContactError, "Running")],
)
def test_only_a_timeout_cancels_the_job(emulator, operator, resume, job_id, reason, error, state):
    with pytest.raises(error, match=job_id):
        resume(operator, reason)
    operator.on_kill()  # as Airflow does after a timeout
    assert emulator.job(job_id).state == state


def test_a_timeout_without_the_option_does_not_cancel_the_job(emulator, operator, resume, job_id):
    operator.cancel_on_kill = False
    with pytest.raises(AirflowTaskTimeout):
        resume(operator, TIME_OUT)
    assert emulator.job(job_id).state == "Running"


@pytest.mark.parametrize("reason", [TIME_OUT, FAILURE])
def test_a_job_that_ended_meanwhile_counts_as_ended(emulator, operator, resume, job_id, reason):
    emulator.finish_job(job_id)
    assert resume(operator, reason) == job_id
    assert resume(InventoryJobSensor(task_id="wait", job_id=job_id), reason)["State"] == "Success"
    assert emulator.count("cancel") == 0


def test_a_service_without_an_answer_changes_nothing(emulator, operator, resume):
    emulator.inject(Fault("error", operation="list", status=403, code="AccessDenied", times=None))
    with pytest.raises(LostContactError):
        resume(operator, FAILURE)
    assert emulator.count("cancel") == 0


def test_a_task_that_never_submitted_fails_with_airflow_s_error(emulator, resume):
    with pytest.raises(TaskDeferralError):
        resume(new_operator(), FAILURE)


@pytest.mark.parametrize(
    ("reason", "limits", "error"),
    [
        (TIME_OUT, {"execution_timeout": HOUR}, AirflowTaskTimeout),
        (TIME_OUT, {"timeout": 3600, "execution_timeout": 2 * HOUR}, AirflowSensorTimeout),
        (TIME_OUT, {"timeout": 3600}, AirflowSensorTimeout),
        (TIME_OUT, {"timeout": 3600, "soft_fail": True}, AirflowSkipException),
        (FAILURE, {}, LostContactError),
        (FAILURE, {"soft_fail": True}, LostContactError),
        (FAILURE, {"never_fail": True}, AirflowSkipException),
    ],
)
def test_a_sensor_does_not_cancel_the_job(emulator, resume, job_id, reason, limits, error):
    with pytest.raises(error):
        resume(InventoryJobSensor(task_id="wait", job_id=job_id, cancel_on_kill=True, **limits), reason)
    assert emulator.count("cancel") == 0


def test_a_timeout_during_a_poll_cancels_the_job(emulator, operator, resume, job_id, monkeypatch):
    def times_out(_hook, _job_id):
        raise AirflowTaskTimeout

    monkeypatch.setattr(deferral, "read_job_once", times_out)
    with pytest.raises(AirflowTaskTimeout):
        resume(operator, TIME_OUT)
    assert emulator.job(job_id).state == "Cancel"


def test_an_expired_wait_timeout_without_an_event_does_not_cancel_the_job(emulator, ti, resume, operator, job_id):
    Deferral("job", "wait_timeout", datetime.now(UTC) + HOUR, 0).push({"ti": ti})
    with pytest.raises(WaitTimeoutError, match="not cancelled and continues"):
        resume(operator, TIME_OUT)
    operator.on_kill()
    assert emulator.count("cancel") == 0


def test_an_unreadable_connection_does_not_hide_a_timeout(emulator, ti, resume, operator, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", "{")
    Deferral("job", "wait_timeout", None, 0).push({"ti": ti})
    with pytest.raises(WaitTimeoutError):
        resume(operator, TIME_OUT)


def deferral_of(act):
    """The arguments of the deferral: the trigger, the method, and Airflow's own limit."""
    with pytest.raises(TaskDeferred) as deferred:
        act()
    return deferred.value


def test_a_deferral_without_a_limit_is_repeated_after_a_day(emulator, ti, resume, job_id):
    ti.xcoms["job_id"] = job_id
    Deferral("job", None, None, 0).push({"ti": ti})
    again = deferral_of(lambda: resume(new_operator(), TIME_OUT))
    assert (again.trigger.job_id, again.trigger.deadline_at) == (job_id, None)
    assert again.timeout == LONGEST_DEFERRAL
    assert again.method_name == "execute_complete"
    assert emulator.count("cancel") == emulator.count("create") - 1 == 0


def defer(ti, task, deadline_at):
    task._try_ends_at = try_ends_at(task.execution_timeout)
    return deferral_of(lambda: task._defer({"ti": ti}, "b1", deadline_at, 0, needs_worker=False))


@pytest.mark.parametrize(
    ("execution_timeout", "wait_seconds", "left", "limit"),
    [
        (HOUR, None, HOUR, "execution_timeout"),
        (None, 3600, HOUR, "wait_timeout"),
        (HOUR, 60, timedelta(minutes=1), "wait_timeout"),
        (HOUR, 7200, HOUR, "execution_timeout"),
    ],
)
def test_every_deferral_has_a_backstop(ti, execution_timeout, wait_seconds, left, limit):
    now = datetime.now(UTC)
    deadline_at = now + timedelta(seconds=wait_seconds) if wait_seconds else None
    deferred = defer(ti, new_operator(execution_timeout=execution_timeout), deadline_at)
    assert abs(deferred.timeout - left - BACKSTOP) < timedelta(minutes=3)
    assert deferred.trigger.deadline_at
    assert ti.xcoms["deferral"]["limit"] == limit
    in_time = limit == "execution_timeout"
    assert deferred.method_name == ("execute_complete_with_execution_timeout" if in_time else "execute_complete")


@pytest.mark.parametrize("limits", [{"timeout": 600}, {"execution_timeout": timedelta(minutes=10)}])
def test_a_deferred_sensor_has_a_backstop(ti, emulator, job_id, limits):
    task = InventoryJobSensor(task_id="wait", job_id=job_id, deferrable=True, **limits)
    deferred = deferral_of(lambda: task.execute({"ti": ti}))
    assert abs(deferred.timeout - timedelta(minutes=10) - BACKSTOP) < timedelta(minutes=3)


def test_a_deferred_sensor_says_which_arguments_have_no_effect(ti, emulator, job_id, caplog, capfd):
    task = InventoryJobSensor(task_id="wait", job_id=job_id, deferrable=True, exponential_backoff=True, max_wait=60)
    deferral_of(lambda: task.execute({"ti": ti}))
    assert (
        "Without effect while the task is deferred: exponential_backoff, max_wait."
        in caplog.text + capfd.readouterr().out
    )


def test_a_deferral_without_a_limit_has_a_backstop_of_a_day(ti):
    assert defer(ti, new_operator(), None).timeout == LONGEST_DEFERRAL


def test_all_deferrals_of_a_try_share_its_deadline(ti):
    """A process that resumes a task may get the time of its own start as the start of the try."""
    task = new_operator(execution_timeout=HOUR)
    first = defer(ti, task, None).trigger.deadline_at
    ti.start_date = datetime.now(UTC) + timedelta(minutes=50)
    task = new_operator(execution_timeout=HOUR)
    with pytest.raises(UnexpectedEventError):
        task.resume_execution("execute_complete", {"event": None}, {"ti": ti})
    assert task._try_ends_at.isoformat() == first


@pytest.fixture
def waits_for_room(ti, emulator, job_id):
    """A task that waits for ``max_active_jobs`` before a further round; ``job_id`` belongs to the round before."""
    ti.xcoms |= {"job_id": job_id, "rounds": [job_id]}
    emulator.finish_job(job_id)

    def note(limit, ends_at):
        Deferral("capacity", limit, ends_at, 1).push({"ti": ti})

    return note


def test_an_ended_wait_for_a_place_is_not_mistaken_for_that_of_the_round_before(
    emulator, ti, resume, waits_for_room, job_id
):
    waits_for_room("execution_timeout", PAST)
    task = new_operator(execution_timeout=HOUR, max_active_jobs=1, cancel_on_kill=True)
    with pytest.raises(AirflowTaskTimeout, match="Nothing more was submitted"):
        resume(task, TIME_OUT)
    task.on_kill()
    assert (emulator.count("create"), emulator.count("cancel"), emulator.count("executions")) == (1, 0, 0)


def test_the_event_of_a_deadline_before_a_submission_ends_the_try(emulator, ti, waits_for_room):
    waits_for_room("execution_timeout", PAST)
    event = write_capacity(CapacityResult(CapacityStatus.DEADLINE, "too late"))
    task = new_operator(execution_timeout=HOUR, max_active_jobs=1)
    with pytest.raises(AirflowTaskTimeout, match="Nothing more was submitted"):
        task.resume_execution("execute_with_capacity", {"event": event}, {"ti": ti})
    assert emulator.count("create") == 1


def test_nothing_is_submitted_when_a_place_is_free_too_late(emulator, ti, waits_for_room, monkeypatch):
    waits_for_room("execution_timeout", PAST)
    event = write_capacity(CapacityResult(CapacityStatus.CAPACITY))
    task = new_operator(execution_timeout=HOUR, max_active_jobs=1)
    with pytest.raises(AirflowTaskTimeout):
        task.resume_execution("execute_with_capacity", {"event": event}, {"ti": ti})
    assert emulator.count("create") == 1


def test_a_failed_trigger_of_a_wait_for_a_place_fails_with_airflow_s_error(emulator, ti, resume, waits_for_room):
    waits_for_room(None, None)
    with pytest.raises(TaskDeferralError):
        resume(new_operator(max_active_jobs=1), FAILURE)
    assert emulator.count("create") == 1
