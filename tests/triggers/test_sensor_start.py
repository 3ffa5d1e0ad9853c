"""The trigger of a sensor that no worker has started: it starts as on a worker, or not at all."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.compat.airflow_names import TaskSuccessEvent
from airflow_provider_tencent_ci.compat.triggerer_features import has_workerless_waits
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggerer import shared_poller
from airflow_provider_tencent_ci.triggers import inventory_job as triggers
from airflow_provider_tencent_ci.triggers import sensor_start as starting
from airflow_provider_tencent_ci.triggers.sensor_start import StartingInventoryJobTrigger
from airflow_provider_tencent_ci.waiting.resume_event import is_not_started, read_event

pytestmark = pytest.mark.skipif(not has_workerless_waits(), reason="Airflow can do so from 3.3 on")

FIELDS = ("job_id", "bucket", "region", "tencent_ci_conn_id")


class TaskInstance(SimpleNamespace):
    """The task instance of the sensor ``wait``; it pulls XComs of other tasks as in the triggerer."""

    def xcom_pull(self, task_ids, *, key="return_value", map_indexes=None):
        if map_indexes is None:
            import greenback

            return greenback.await_(asyncio.get_running_loop().create_future())  # which is never answered
        return self.pushed.get((task_ids, key, map_indexes))


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=0.5) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture(autouse=True)
def pushed(monkeypatch):
    pushed = {}
    for module in (starting, triggers):
        monkeypatch.setattr(module, "push_xcoms", lambda _ti, values: pushed.update(values))
    monkeypatch.setattr(starting, "push_link_xcom", lambda _ti, link, url: pushed.update({link.xcom_key: url}))
    return pushed


def event_of(job_id, *, pushed=None, limit_at=None, try_number=1, **arguments):
    """Run the trigger as Airflow 3.3 does, with the context that it makes for such a task."""
    trigger = StartingInventoryJobTrigger(job_id, **{"poll_interval": 0.1, **arguments})
    task = SimpleNamespace(
        template_fields=FIELDS,
        template_ext=(),
        start_trigger_args=SimpleNamespace(trigger_kwargs=dict.fromkeys(FIELDS)),
        get_template_env=lambda: None,
        dag=None,
    )
    names = {"dag_id": "d", "task_id": "wait", "run_id": "r1", "map_index": -1}
    ti = TaskInstance(id=1, try_number=try_number, task=task, pushed=pushed or {}, **names)
    trigger.task_instance = ti
    trigger.timeout_after = limit_at or datetime.now(UTC) + timedelta(hours=1)

    async def collect():
        import greenback

        await greenback.ensure_portal()
        trigger.render_template_fields({"ti": ti, "task_instance": ti})
        return [event async for event in trigger.run()]

    [event] = asyncio.run(asyncio.wait_for(collect(), 30))
    return event


@pytest.fixture
def long_job_id(emulator):
    """The id of a job that does not end by itself."""
    emulator.configure(run_seconds=3600)
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name="long", workflow_ids=WORKFLOW_ID, prefix="media/").job_id


def why_not_started(event):
    assert is_not_started(event.payload), event.payload
    return event.payload["message"]


def test_the_trigger_waits_for_a_job_and_stores_the_link(emulator, job_id, pushed):
    event = event_of(job_id)
    assert read_event(event.payload)["job"]["State"] == "Success"
    assert pushed["job_url"] == pushed["_link_InventoryJobLink"] != ""


def test_the_trigger_ends_the_task_on_request(emulator, job_id, pushed):
    assert type(event_of(job_id, success_xcoms={"return_value": "record"})) is TaskSuccessEvent
    assert pushed["return_value"]["JobId"] == job_id


def test_a_worker_ends_a_later_try(emulator, job_id, pushed):
    event = event_of(job_id, success_xcoms={"return_value": "record"}, try_number=2)
    assert read_event(event.payload)["job"]["State"] == "Success"
    assert "return_value" not in pushed


@pytest.mark.parametrize(
    "template",
    [
        "{{ ti.xcom_pull('submit', key='return_value', map_indexes=-1) or '' }}",
        "{{ ti.xcom_pull('submit') }}",
        "{{ task_instance.xcom_pull(task_ids='submit') }}",
    ],
)
def test_the_trigger_renders_an_xcom_of_another_task(emulator, job_id, template):
    event = event_of(template, pushed={("submit", "return_value", -1): job_id})
    assert read_event(event.payload)["job_id"] == job_id


def test_an_unanswered_template_times_out(emulator, monkeypatch):
    monkeypatch.setattr(starting, "_RENDER_SECONDS", 0.2)
    event = event_of("{{ ti.xcom_pull('submit', map_indexes=None) }}")
    assert "Airflow does not give to the triggerer" in why_not_started(event)


def test_a_failed_template_is_left_to_a_worker(emulator):
    assert "ZeroDivisionError" in why_not_started(event_of("{{ 1 / 0 }}"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"job_id": "{{ ti.xcom_pull('submit') or '' }}"}, "InvalidArgumentError: job_id=''"),
        ({"job_id": "b0000000000000000000000000000000"}, "NotFoundError"),
        ({"job_id": "b1", "bucket": "short"}, "InvalidArgumentError"),
        (
            {"job_id": "b1", "tencent_ci_conn_id": "there_is_no_such_connection", "contact_timeout": 0.2},
            "there_is_no_such_connection",
        ),
        ({"job_id": "b1", "poll_interval": "often"}, "TypeError"),
    ],
)
def test_an_argument_that_a_worker_refuses_is_left_to_a_worker(emulator, arguments, complaint):
    assert complaint in why_not_started(event_of(**arguments))


def test_a_start_without_a_renderer_is_left_to_a_worker(emulator):
    async def collect():
        return [event async for event in StartingInventoryJobTrigger("b1").run()]

    [event] = asyncio.run(collect())
    assert "nothing to render templates with" in why_not_started(event)


def test_the_wait_survives_transient_errors(emulator, job_id):
    emulator.inject(Fault("internal_error", operation="list", times=2))
    assert read_event(event_of(job_id).payload)["job"]["State"] == "Success"


def test_the_wait_survives_a_refusal_after_the_first_poll(emulator, long_job_id):
    emulator.inject(Fault("internal_error", operation="list"))
    emulator.inject(Fault("error", operation="list", status=403, code="AccessDenied", times=None))
    assert read_event(event_of(long_job_id, contact_timeout=0.5).payload)["status"] == "lost_contact"


def test_a_wait_that_fails_later_ends_as_any_other(emulator, job_id, monkeypatch):
    async def break_off(_config, wait, _poll_interval):
        wait.judge(InventoryJob(job_id), datetime.now(UTC))
        raise RuntimeError("out of sockets")

    monkeypatch.setattr(shared_poller, "wait_together", break_off)
    event = read_event(event_of(job_id).payload)
    assert (event["status"], event["job_id"]) == ("lost_contact", job_id)
    assert "out of sockets" in event["message"]


def test_a_link_that_cannot_be_stored_fails_no_task(emulator, job_id, monkeypatch):
    def refuse(_ti, _values):
        raise RuntimeError("no API server")

    monkeypatch.setattr(starting, "push_xcoms", refuse)
    assert read_event(event_of(job_id).payload)["job"]["State"] == "Success"


def test_a_trigger_without_its_job_id_sends_no_cancel_and_logs_it(emulator, monkeypatch, capsys):
    monkeypatch.setattr(triggers, "task_instance_state", lambda _ti: "success")
    monkeypatch.setattr(triggers, "recorded_job_id", lambda _ti: None)
    trigger = StartingInventoryJobTrigger("{{ ti.xcom_pull('submit') }}", cancel_on_kill=True)
    trigger.task_instance = SimpleNamespace(dag_id="d", task_id="wait", run_id="r1", map_index=-1)
    asyncio.run(trigger.on_kill())
    assert emulator.count() == 0
    assert "Could not cancel batch job {{ ti.xcom_pull('submit') }} for certain" in capsys.readouterr().out


def test_the_time_to_wait_is_derived_from_airflow_s_limit(emulator, long_job_id):
    limit_at = datetime.now(UTC) + timedelta(seconds=60)
    event = read_event(event_of(long_job_id, limit_at=limit_at, seconds_before_limit=60).payload)
    assert event["status"] == "deadline"
    assert f"{limit_at - timedelta(seconds=60):%H:%M:%S} UTC" in event["message"]


@pytest.mark.parametrize("nonsense", [None, [], {}, "x", -1, object()])
def test_the_constructor_accepts_any_arguments(nonsense):
    StartingInventoryJobTrigger(*[nonsense] * 9, seconds_before_limit=nonsense)
