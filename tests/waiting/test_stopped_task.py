"""The processes that cancel a batch job, and those that do not."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest
from airflow.triggers.base import BaseTrigger

from airflow_provider_tencent_ci.compat import supervision
from airflow_provider_tencent_ci.core.polling.cancel_decision import REMOVED
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from airflow_provider_tencent_ci.submission import submitter
from airflow_provider_tencent_ci.task_state import submission_xcom, try_order
from airflow_provider_tencent_ci.triggers import inventory_job as triggers
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.waiting import process_lease

TI = SimpleNamespace(
    dag_id="nightly", task_id="submit", run_id="r1", map_index=-1, try_number=1, max_tries=0, start_date=None
)
HELD, LOST = SimpleNamespace(is_held=lambda: True), SimpleNamespace(is_held=lambda: False)


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture(autouse=True)
def noted_try(monkeypatch):
    """The try with the latest record of its submission: the one that is stopped."""
    noted = {"try": str(TI.try_number)}
    monkeypatch.setattr(submission_xcom, "own_xcom", lambda _ti, _key: noted or None)
    return noted


def raising(_ti):
    raise RuntimeError("no supervisor")


def hanging(_ti):
    threading.Event().wait(4)


@pytest.fixture
def said(caplog, capsys):
    """The new log lines, wherever this Airflow logs to."""
    caplog.set_level("INFO")
    return lambda: caplog.text + capsys.readouterr().out


def killed_task(kind, job_id, lease=HELD, ti=TI):
    """A task that waited for its job, and is stopped."""
    task = kind(task_id="t", cancel_on_kill=True, **({"job_id": job_id} if kind is InventoryJobSensor else {}))
    task.job_id, task._ti, task._lease = job_id, ti, lease
    if kind is TriggerInventoryJobOperator:
        task._is_submission_pushed = True
    task.on_kill()


kinds = pytest.mark.parametrize("kind", [TriggerInventoryJobOperator, InventoryJobSensor])


def test_a_run_that_is_deleted_between_two_reads_cancels_its_job(emulator, job_id, noted_try, monkeypatch):
    """Its task was failed first; then its instance and its XComs go at once."""
    reads = []

    def state_of(_ti):
        reads.append("state")
        return "failed" if len(reads) == 1 else REMOVED

    def xcom_of(_ti, _key):
        reads.append("XCom")
        return noted_try if len(reads) == 1 else None

    monkeypatch.setattr(supervision, "task_instance_state", state_of)
    monkeypatch.setattr(submission_xcom, "own_xcom", xcom_of)
    killed_task(TriggerInventoryJobOperator, job_id)
    assert sorted(reads) == ["XCom", "state"]
    assert emulator.job(job_id).state == "Cancel"


@pytest.mark.parametrize("noted", [{"try": "2"}, {}], ids=["a newer try has submitted", "a newer try has begun"])
@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
def test_the_end_of_a_newer_try_does_not_end_an_older_one(emulator, job_id, noted_try, monkeypatch, state, noted):
    """
    Airflow abandoned the process, the next try found its job and ended; only then the process gets the signal to
    stop.
    """
    monkeypatch.setattr(supervision, "task_instance_state", lambda _ti: state)
    noted_try.clear()
    noted_try.update(noted)
    killed_task(TriggerInventoryJobOperator, job_id)
    assert emulator.count("cancel") == 0


@pytest.mark.parametrize(
    ("state", "cancelled"),
    [
        (lambda _ti: "failed", True),
        (lambda _ti: "success", True),
        (lambda _ti: "restarting", True),
        (lambda _ti: REMOVED, True),
        (lambda _ti: "running", False),
        (lambda _ti: "up_for_retry", False),
        (lambda _ti: "scheduled", False),
        (lambda _ti: None, False),
        (raising, False),
        (hanging, False),
    ],
    ids=[
        *("marked failed", "marked success", "cleared", "run deleted", "evicted", "given up", "next try"),
        *("reset by a new scheduler", "cannot be asked", "does not answer"),
    ],
)
@kinds
def test_a_killed_task_cancels_only_after_a_person_s_action(emulator, job_id, monkeypatch, kind, state, cancelled):
    monkeypatch.setattr(supervision, "task_instance_state", state)
    killed_task(kind, job_id)
    assert (emulator.job(job_id).state == "Cancel") is cancelled


@pytest.mark.parametrize(
    ("lease", "cancelled"),
    [(HELD, True), (LOST, False), (None, False), (SimpleNamespace(is_held=raising), False)],
    ids=["surely by a person", "perhaps by Airflow", "before it began", "cannot be told"],
)
@pytest.mark.parametrize("max_tries", [0, 1], ids=["last try", "with tries left"])
@kinds
def test_a_failed_task_cancels_only_if_airflow_cannot_have_failed_it(
    emulator, job_id, monkeypatch, kind, lease, max_tries, cancelled
):
    monkeypatch.setattr(supervision, "task_instance_state", lambda _ti: "failed")
    killed_task(kind, job_id, lease, SimpleNamespace(**{**vars(TI), "max_tries": max_tries}))
    assert (emulator.job(job_id).state == "Cancel") is cancelled


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (
            lambda _ti: "failed",
            "is not cancelled and continues. The task is failed, and this process cannot tell whether",
        ),
        (lambda _ti: "up_for_retry", "is left to the task's retry"),
        (raising, "is not cancelled and continues: Airflow did not say which state the task is in"),
    ],
)
def test_the_log_contains_the_reason_to_keep_a_job(emulator, job_id, monkeypatch, said, state, says):
    monkeypatch.setattr(supervision, "task_instance_state", state)
    killed_task(TriggerInventoryJobOperator, job_id, LOST)
    assert says in said()
    assert emulator.count("cancel") == 0


def test_a_killed_task_without_the_option_does_not_cancel(emulator, job_id, monkeypatch):
    monkeypatch.setattr(supervision, "task_instance_state", lambda _ti: "failed")
    for task in (
        TriggerInventoryJobOperator(task_id="a", cancel_on_kill=False),
        InventoryJobSensor(task_id="b", job_id=job_id),
        TriggerInventoryJobOperator(task_id="c"),
    ):
        task._ti = TI
        task.on_kill()
    assert emulator.count("cancel") == 0


def test_a_task_stopped_during_its_submission_logs_the_possible_job(monkeypatch):
    task = TriggerInventoryJobOperator(task_id="a", name="nightly")
    task._ti, said = TI, []
    monkeypatch.setattr(type(task), "log", SimpleNamespace(warning=lambda *a: said.append(a[0] % a[1:])))
    task.on_kill()
    assert "search for 'nightly' in the CI console" in said[0]


@pytest.mark.parametrize(
    "fault", [Fault("slow_down", operation="cancel", times=2), Fault("internal_error", operation="cancel")]
)
def test_a_cancel_is_repeated_while_the_service_is_busy(emulator, job_id, monkeypatch, fault):
    monkeypatch.setattr(supervision, "task_instance_state", lambda _ti: "failed")
    emulator.inject(fault)
    killed_task(TriggerInventoryJobOperator, job_id)
    assert emulator.job(job_id).state == "Cancel"


@pytest.mark.parametrize(
    ("arrange", "says"),
    [
        (lambda emulator, job_id: None, "was cancelled and has stopped"),
        (lambda emulator, job_id: emulator.configure(cancel_seconds=3600), "when last seen"),
        (lambda emulator, job_id: emulator.finish_job(job_id), "had ended before it could be cancelled: Success"),
        (
            lambda emulator, job_id: (emulator.configure(cancel_of_ended="refuse"), emulator.fail_job(job_id)),
            "had ended before it could be cancelled: Failed",
        ),
        (
            lambda emulator, job_id: emulator.inject(
                Fault("error", operation="cancel", status=400, code="InvalidArgument")
            ),
            "Could not cancel batch job",
        ),
        (lambda emulator, job_id: emulator.inject(Fault("reset", times=None)), "Could not cancel batch job"),
    ],
)
def test_the_log_contains_the_final_state_of_the_cancelled_job(emulator, job_id, arrange, says):
    arrange(emulator, job_id)
    hook, said = TencentCIHook(), []
    hook._log = SimpleNamespace(info=lambda *a: said.append(a[0] % a[1:]), error=lambda *a: said.append(a[0] % a[1:]))
    hook.cancel_quietly(job_id)
    assert says in "".join(said)


def killed(monkeypatch, job_id, state, recorded, lease=HELD, **arguments):
    """A trigger's ``on_kill``, in which Airflow interrupts it twice."""
    monkeypatch.setattr(triggers, "task_instance_state", lambda _ti: state)
    monkeypatch.setattr(triggers, "recorded_job_id", lambda _ti: recorded)
    trigger = InventoryJobTrigger(job_id, **{"cancel_on_kill": True, **arguments})
    trigger.task_instance, trigger._lease = TI, lease

    async def main():
        stop = asyncio.ensure_future(trigger.on_kill())
        for _ in range(2):
            await asyncio.sleep(0)
            stop.cancel()
        await asyncio.gather(stop, return_exceptions=True)

    asyncio.run(main())


def test_a_trigger_of_a_marked_task_cancels_even_when_it_is_interrupted(emulator, job_id, monkeypatch):
    killed(monkeypatch, job_id, "failed", job_id)
    assert emulator.job(job_id).state == "Cancel"


def test_a_trigger_of_a_cleared_task_cancels_its_own_job_and_not_the_new_try_s(emulator, job_id, monkeypatch):
    with TencentCIHook() as hook:
        new = hook.trigger_inventory_job(name="new-try", workflow_ids=WORKFLOW_ID, prefix="media/")
    killed(monkeypatch, job_id, "deferred", new.job_id)
    assert (emulator.job(job_id).state, emulator.job(new.job_id).state) == ("Cancel", "Submitted")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({}, "renewed flow"), ({"cancel_on_kill": False}, "flow"), ({"deferrable": True}, "flow")],
    ids=["waits itself", "never cancels", "is deferred"],
)
def test_a_task_that_waits_on_its_worker_renews_its_lease_while_it_submits(monkeypatch, arguments, expected):
    def submit(*_args, wrap_flow, **_options):
        raise LookupError(wrap_flow("flow"))

    monkeypatch.setattr(submitter, "submit_for_task", submit)
    task = TriggerInventoryJobOperator(task_id="t", **arguments)
    task._lease = SimpleNamespace(renewed_meanwhile=lambda flow: f"renewed {flow}")
    with pytest.raises(LookupError, match=f"^{expected}$"):
        task._submit({"ti": TI}, SimpleNamespace(round=0))


def test_a_trigger_does_not_cancel_a_job_that_a_recreated_run_adopted(emulator, job_id, monkeypatch, noted_try):
    noted_try.update({"try": "of the new run"})
    killed(monkeypatch, job_id, "running", job_id)
    assert emulator.count("cancel") == 0


def test_a_trigger_moved_to_another_triggerer_does_not_cancel(emulator, job_id, monkeypatch):
    killed(monkeypatch, job_id, "deferred", job_id)
    assert emulator.count("cancel") == 0


@pytest.mark.parametrize("state", ["failed", "scheduled", "queued", None])
@pytest.mark.parametrize(
    ("lease", "arguments"),
    [(LOST, {}), (None, {}), (HELD, {"deadline_at": "2026-01-01T00:00:00+00:00"})],
    ids=["frozen for a while", "before it began", "at its deadline"],
)
def test_a_trigger_of_a_possibly_resumed_task_does_not_cancel_and_logs_it(
    emulator, job_id, monkeypatch, said, state, lease, arguments
):
    killed(monkeypatch, job_id, state, job_id, lease, **arguments)
    assert emulator.count("cancel") == 0
    assert "cannot tell whether a person or Airflow has ended it" in said()


@pytest.mark.parametrize("state", ["scheduled", "queued", None])
def test_a_trigger_of_a_just_cleared_task_cancels_its_job(emulator, job_id, monkeypatch, state):
    killed(monkeypatch, job_id, state, job_id)
    assert emulator.job(job_id).state == "Cancel"


@pytest.mark.parametrize(("state", "cancelled"), [("failed", True), ("scheduled", True), ("deferred", False)])
def test_a_sensor_s_trigger_without_a_recorded_job_decides_the_same(emulator, job_id, monkeypatch, state, cancelled):
    killed(monkeypatch, job_id, state, None)
    assert (emulator.job(job_id).state == "Cancel") is cancelled


def test_a_trigger_without_the_option_does_not_cancel(emulator, job_id, monkeypatch):
    killed(monkeypatch, job_id, "failed", job_id, cancel_on_kill=False)
    assert emulator.count("cancel") == 0


def test_a_trigger_that_cannot_reach_airflow_does_not_cancel(emulator, job_id, monkeypatch):
    monkeypatch.setattr(triggers, "decide_cancel", raising)
    killed(monkeypatch, job_id, "failed", job_id)
    assert emulator.count("cancel") == 0


def cancelled(emulator, monkeypatch, job_id, *message):
    """The number of cancel requests of a trigger whose ``run`` is cancelled twice before Airflow calls ``on_kill``."""
    monkeypatch.setattr(triggers, "task_instance_state", lambda _ti: "failed")
    monkeypatch.setattr(process_lease, "task_instance_state", lambda _ti: "deferred")
    monkeypatch.setattr(triggers, "recorded_job_id", lambda _ti: job_id)
    trigger = InventoryJobTrigger(job_id, cancel_on_kill=True)
    trigger.task_instance = TI

    async def main():
        run = asyncio.ensure_future(anext(trigger.run()))
        await asyncio.sleep(0.2)
        run.cancel(*message)
        await asyncio.sleep(0)
        run.cancel(*message)
        with pytest.raises(asyncio.CancelledError) as caught:
            await run
        assert caught.value.args == tuple(message)
        cancels = emulator.count("cancel")
        if cancels:
            await trigger.on_kill()  # is called late, and does nothing
            assert emulator.count("cancel") == cancels
        return cancels

    return asyncio.run(main())


@pytest.mark.skipif(not hasattr(BaseTrigger, "on_kill"), reason="before 3.3 every cancelled trigger reads the state")
def test_a_trigger_cancelled_by_a_user_works_without_the_reason(emulator, job_id, monkeypatch):
    from airflow.jobs.triggerer_job_runner import _USER_ACTION_CANCEL_MSG

    assert cancelled(emulator, monkeypatch, job_id, _USER_ACTION_CANCEL_MSG) == 1
    assert emulator.job(job_id).state == "Cancel"


@pytest.mark.skipif(not hasattr(BaseTrigger, "on_kill"), reason="before 3.3 every cancelled trigger reads the state")
def test_a_trigger_that_ends_with_its_triggerer_sends_no_request(emulator, job_id, monkeypatch):
    assert cancelled(emulator, monkeypatch, job_id) == 0
    assert emulator.job(job_id).state == "Submitted"


@pytest.mark.parametrize(
    ("recorded", "own", "is_newer"),
    [
        (None, "1", True),
        ("1", "1", False),
        ("2", "10", False),
        ("10", "9", True),
        ("0198c0de-0000-7000-8000-000000000001", "0198c0de-0000-7000-8000-000000000002", False),
        ("0198c0de-0000-7000-8000-000000000002", "0198c0de-0000-7000-8000-000000000001", True),
    ],
)
def test_the_record_of_an_older_try_does_not_hide_a_person_s_action(recorded, own, is_newer):
    assert try_order.is_newer_try(recorded, own) is is_newer
