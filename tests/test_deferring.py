"""A task whose deferral ended without an event of ours: by Airflow's own limit, or because its trigger failed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.exceptions import TaskDeferralError

from airflow_provider_tencent_ci import request
from airflow_provider_tencent_ci.compat import (
    DEFERRAL_FAILED,
    AirflowTaskTimeout,
)
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.exceptions import LostContactError
from airflow_provider_tencent_ci.operators import inventory_job as operators
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

try:
    from airflow.sdk.bases.operator import TriggerFailureReason

    TIME_OUT, FAILURE = TriggerFailureReason.TRIGGER_TIMEOUT, TriggerFailureReason.TRIGGER_FAILURE
except ImportError:  # 2.11 has texts
    TIME_OUT, FAILURE = "Trigger/execution timeout", "Trigger failure"

CONTEXT = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture(autouse=True)
def no_xcoms(monkeypatch):
    monkeypatch.setattr(request, "own_xcom", lambda _ti, _key: None)


@pytest.fixture
def operator(job_id, monkeypatch):
    monkeypatch.setattr(operators, "recorded_job_id", lambda _ti: job_id)
    return TriggerInventoryJobOperator(task_id="submit")


def resume(task, reason):
    return task.resume_execution(DEFERRAL_FAILED, {"error": reason, "traceback": None}, CONTEXT)


@pytest.mark.parametrize(
    ("reason", "error", "state"),
    [(TIME_OUT, AirflowTaskTimeout, "Cancel"), (FAILURE, LostContactError, "Running")],
)
def test_only_a_time_out_cancels_the_job(emulator, operator, job_id, reason, error, state):
    with pytest.raises(error, match=job_id):
        resume(operator, reason)
    operator.on_kill()  # as Airflow does after a time-out
    assert emulator.job(job_id).state == state


def test_a_time_out_leaves_the_job_if_it_is_not_to_be_cancelled(emulator, operator, job_id):
    operator.cancel_on_kill = False
    with pytest.raises(AirflowTaskTimeout):
        resume(operator, TIME_OUT)
    assert emulator.job(job_id).state == "Running"


@pytest.mark.parametrize("reason", [TIME_OUT, FAILURE])
def test_a_job_that_ended_meanwhile_is_seen_as_ended(emulator, operator, job_id, reason):
    emulator.finish_job(job_id)
    assert resume(operator, reason) == job_id
    assert resume(InventoryJobSensor(task_id="wait", job_id=job_id), reason)["State"] == "Success"
    assert emulator.count("cancel") == 0


def test_a_service_that_does_not_answer_changes_nothing(emulator, operator, job_id):
    emulator.inject(Fault("error", operation="list", status=403, code="AccessDenied", times=None))
    with pytest.raises(LostContactError):
        resume(operator, FAILURE)
    assert emulator.count("cancel") == 0


def test_a_task_that_never_submitted_fails_as_airflow_says(emulator, monkeypatch):
    monkeypatch.setattr(operators, "recorded_job_id", lambda _ti: None)
    with pytest.raises(TaskDeferralError):
        resume(TriggerInventoryJobOperator(task_id="submit"), FAILURE)


@pytest.mark.parametrize(("reason", "error"), [(TIME_OUT, AirflowTaskTimeout), (FAILURE, TaskDeferralError)])
def test_a_sensor_leaves_the_job(emulator, job_id, reason, error):
    with pytest.raises(error):
        resume(InventoryJobSensor(task_id="wait", job_id=job_id, cancel_on_kill=True), reason)
    assert emulator.count("cancel") == 0


def test_a_time_out_while_the_job_is_asked_about_cancels_it(emulator, operator, job_id, monkeypatch):
    def times_out(_hook, _job_id):
        raise AirflowTaskTimeout

    monkeypatch.setattr(operators, "look_once", times_out)
    with pytest.raises(AirflowTaskTimeout):
        resume(operator, TIME_OUT)
    assert emulator.job(job_id).state == "Cancel"
