"""The sensor in real task runs, in all three modes with the same results."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.compat.triggerer_features import has_workerless_waits
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from tests.runs.conftest import broken_in_airflow_3_0, only_job
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER, without_airflow_s_own

MODES = {
    "poke": "mode='poke', deferrable=False",
    "reschedule": "mode='reschedule', deferrable=False",
    "deferred": "deferrable=True",
    "without workers": "start_from_trigger=True, end_from_trigger=True",  # dag.test() keeps it
}
modes = pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
again = broken_in_airflow_3_0("hands a sensor the time of its first look as text, so that a second look fails")
modes_that_look_again = pytest.mark.parametrize(
    "mode",
    [pytest.param(mode, id=name, marks=[again] if name == "reschedule" else []) for name, mode in MODES.items()],
)


@pytest.fixture
def job_id(emulator):
    """The id of a job of another origin."""
    emulator.configure(run_seconds=1.5)
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="by-another-system", workflow_ids=WORKFLOW_ID, prefix="media/")
    return job.job_id


def wait(job_id, mode, arguments=""):
    return run_dag_file(
        HEADER + f"with dag:\n    InventoryJobSensor(task_id='wait', job_id={job_id!r}, poke_interval=0.3, {mode},"
        f" {arguments})\n"
    )


@modes_that_look_again
def test_a_success_returns_the_final_record(emulator, job_id, mode):
    run = wait(job_id, mode)
    assert run.state == "success"
    record = run.xcoms["wait"]["return_value"]
    assert (record["JobId"], record["State"], record["Name"]) == (job_id, "Success", "by-another-system")


@modes
def test_an_ended_job_is_not_waited_for(emulator, job_id, mode):
    emulator.finish_job(job_id)
    assert wait(job_id, mode).xcoms["wait"]["return_value"]["State"] == "Success"
    assert emulator.count("list") == 1


@modes
@pytest.mark.parametrize("outcome", ["Failed", "Cancel"])
def test_a_failed_job_fails_at_once_without_retries(emulator, job_id, mode, outcome):
    if outcome == "Failed":
        emulator.fail_job(job_id, code="TemplateNotFound", message="no such template")
    else:
        emulator.cancel_job(job_id)
    run = wait(job_id, mode, "retries=3, retry_delay=timedelta(seconds=0)")
    assert (run.state, run.tries["wait"]) == ("failed", 1)
    assert "AirflowFailException" in run.failure
    assert ("TemplateNotFound: no such template" if outcome == "Failed" else "was cancelled") in run.failure


@modes_that_look_again
def test_a_job_that_fails_during_the_wait_fails_the_task_at_once(emulator, mode):
    emulator.configure(run_seconds=1, outcome="fail", failure_code="TemplateNotFound")
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="fails-later", workflow_ids=WORKFLOW_ID, prefix="media/")
    run = wait(job.job_id, mode, "retries=3, retry_delay=timedelta(seconds=0)")
    assert (run.state, run.tries["wait"]) == ("failed", 1)
    assert "TemplateNotFound" in run.failure


@modes
@pytest.mark.parametrize("flag", ["soft_fail", "never_fail"])
def test_a_flag_skips_the_task_after_a_failed_job_and_the_log_has_the_reason(emulator, job_id, mode, flag, warned):
    emulator.fail_job(job_id)
    assert wait(job_id, mode, f"{flag}=True").states == {"wait": "skipped"}
    [reason] = warned(f"The task is skipped and does not fail, since {flag} is set: ")
    assert f"Batch job {job_id} (" in reason


@pytest.fixture
def long_job_id(emulator):
    """The id of a job that does not end by itself."""
    emulator.configure(run_seconds=3600)
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name="long", workflow_ids=WORKFLOW_ID, prefix="media/").job_id


@modes_that_look_again
def test_a_timeout_fails_without_retries_and_the_job_continues(emulator, long_job_id, mode):
    run = wait(long_job_id, mode, "timeout=0.5, retries=3, retry_delay=timedelta(seconds=0)")
    assert (run.state, run.tries["wait"]) == ("failed", 1)
    assert "AirflowSensorTimeout" in run.failure
    assert only_job(emulator).state in ("Submitted", "Running")
    assert emulator.count("cancel") == 0


@modes_that_look_again
def test_a_paused_job_is_waited_for_and_the_log_says_so(emulator, mode, capfd, caplog):
    emulator.configure(outcome="pause")
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="paused", workflow_ids=WORKFLOW_ID, prefix="media/")
    emulator.advance(10)
    assert "AirflowSensorTimeout" in wait(job.job_id, mode, "timeout=1").failure
    assert f"Batch job {job.job_id} is paused" in caplog.text + "".join(capfd.readouterr())


def test_airflow_s_default_for_the_timeout_is_seven_days():
    assert InventoryJobSensor(task_id="wait", job_id="b1").timeout == 7 * 24 * 3600


@modes_that_look_again
def test_soft_fail_skips_the_task_after_a_timeout(emulator, long_job_id, mode):
    assert wait(long_job_id, mode, "timeout=0.5, soft_fail=True").states == {"wait": "skipped"}


@modes_that_look_again
def test_the_wait_survives_transient_errors(emulator, job_id, mode):
    for kind in ("internal_error", "truncated_xml", "slow_down", "unknown_state"):
        emulator.inject(Fault(kind, operation="list"))
    assert wait(job_id, mode).state == "success"


@modes
def test_a_wrong_credential_fails_at_once_with_the_service_s_code(emulator, job_id, mode, capfd, monkeypatch):
    wrong = emulator.connection_json().replace("fake-secret-key-of-the-emulator", "another-key")
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", wrong)
    run = wait(job_id, mode)
    assert run.state == "failed"
    assert "AuthenticationError" in run.failure
    assert "Connection 'tencent_ci_default', bucket examplebucket-1250000000: " in run.failure
    assert "another-key" not in without_airflow_s_own("".join(capfd.readouterr()))


@modes
@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [("''", "job_id=''"), ("'a b'", "job_id='a b'"), ('\'{{ params.get("x", "") }}\'', "job_id=''")],
)
def test_a_wrong_job_id_raises_an_error_that_names_it(emulator, mode, wrong, complaint):
    source = HEADER + f"with dag:\n    InventoryJobSensor(task_id='wait', job_id={wrong}, {mode})\n"
    run = run_dag_file(source)
    assert run.state == "failed"
    assert complaint in run.failure
    assert emulator.requests == []


@again
def test_a_task_in_reschedule_mode_has_no_process_between_two_polls(emulator, long_job_id, monkeypatch):
    """So a mark at this time stops no process that could cancel the job."""
    ends, execute = [], InventoryJobSensor.execute

    def noted(task, context):
        try:
            return execute(task, context)
        except Exception as error:
            ends.append(type(error).__name__)
            raise

    monkeypatch.setattr(InventoryJobSensor, "execute", noted)
    assert wait(long_job_id, MODES["reschedule"], "timeout=1, cancel_on_kill=True").state == "failed"
    assert len(ends) > 1
    assert ends == ["AirflowRescheduleException"] * (len(ends) - 1) + ["AirflowSensorTimeout"]
    assert emulator.count("list") == len(ends)
    assert emulator.count("cancel") == 0


@modes_that_look_again
def test_a_lost_contact_fails_the_task_and_the_job_continues(emulator, job_id, mode):
    emulator.inject(Fault("internal_error", operation="list", times=None))
    # Before 3.3 nothing is stored between two polls in reschedule mode, so the sensor's own timeout ends it.
    forgets = "reschedule" in mode and not has_workerless_waits()
    run = wait(job_id, mode, "contact_timeout=1, timeout=3" if forgets else "contact_timeout=1")
    assert run.state == "failed"
    assert ("AirflowSensorTimeout" if forgets else "LostContactError") in run.failure
    if not forgets:
        assert run.failure.count("Connection 'tencent_ci_default', bucket examplebucket-1250000000: ") == 1
    assert emulator.count("cancel") == 0
