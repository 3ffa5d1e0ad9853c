"""The link to the console exists while the task runs, after a failure and after a success."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_tencent_ci.compat import task_context
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.hooks import tencent_ci as hook_module
from airflow_provider_tencent_ci.links import InventoryJobLink, console_url
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER, MODES, modes, submit

URL = "https://console.cloud.tencent.com/ci/bucket?bucket=examplebucket-1250000000&region=ap-beijing"
STORED = getattr(InventoryJobLink(), "xcom_key", None)


def link_of(run, task="submit"):
    """The link in the UI: on 3.x from a stored XCom, on 2.11 from the task's own XCom."""
    return run.xcoms[task][STORED or "job_url"]


def test_the_link_opens_the_page_of_the_bucket():
    assert console_url("examplebucket-1250000000", "ap-beijing") == URL


@modes
def test_the_link_exists_after_success(emulator, mode):
    assert link_of(submit(mode=mode)) == URL


@pytest.mark.parametrize("mode", list(MODES.values())[1:], ids=list(MODES)[1:])
def test_the_link_exists_after_the_job_failed(emulator, mode):
    emulator.configure(outcome="fail")
    run = submit(mode=mode)
    assert run.state == "failed"
    assert link_of(run) == URL


def test_the_link_exists_after_a_failed_submission(emulator):
    emulator.inject(Fault("error", operation="create", status=400, code="InvalidArgument"))
    run = submit()
    assert run.state == "failed"
    assert link_of(run) == URL


def test_the_link_exists_after_a_wrong_argument(emulator):
    assert link_of(submit("prefix='media/'")) == URL


@pytest.mark.parametrize("mode", ["mode='poke'", "mode='reschedule'", "deferrable=True"])
def test_the_sensor_has_the_link(emulator, mode):
    source = f"    InventoryJobSensor(task_id='wait', job_id='b1', timeout=0.2, poke_interval=0.1, {mode})\n"
    emulator.inject(Fault("error", status=400, code="InvalidArgument", times=None))
    run = run_dag_file(HEADER + "with dag:\n" + source)
    assert run.state == "failed"
    assert link_of(run, "wait") == URL


def test_the_link_exists_while_the_task_runs(emulator):
    """The task reads its own XCom between submission and end, as the UI would."""
    source = """
class Curious(TriggerInventoryJobOperator):
    def _wait_in_process(self, *arguments):
        self.seen = get_current_context()["ti"].xcom_pull(task_ids="submit", key=KEY)
        return super()._wait_in_process(*arguments)

    def execute(self, context):
        super().execute(context)
        return self.seen

with dag:
    Curious(task_id="submit", workflow_ids=WORKFLOW, prefix="media/", wait_for_completion=True, poll_interval=0.2)
"""
    get_context = "from airflow.providers.common.compat.sdk import get_current_context\n"
    run = run_dag_file(HEADER + get_context + f"KEY = {STORED or 'job_url'!r}\n" + source)
    assert run.xcoms["submit"]["return_value"] == URL


@pytest.fixture
def values_are_elsewhere(monkeypatch, tmp_path):
    """The XCom backend of the provider common.io, which keeps every value in a file and its path in the database."""
    backend = pytest.importorskip("airflow.providers.common.io.xcom.backend")
    if STORED is None:
        pytest.skip("2.11 calls the link itself")
    from airflow.providers.common.compat.sdk import XCom

    caches = (backend._get_base_path, backend._get_threshold)
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", f"file://{tmp_path}/xcoms")
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD", "0")
    base = {method: getattr(XCom, method) for method in ("serialize_value", "deserialize_value")}
    monkeypatch.setattr(backend, "BaseXCom", SimpleNamespace(**base))
    for method in base:
        monkeypatch.setattr(XCom, method, staticmethod(getattr(backend.XComObjectStorageBackend, method)))
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize("mode", ["deferrable=False", "deferrable=True"])
@pytest.mark.parametrize("kind", ["operator", "sensor"])
def test_the_link_is_no_file_of_an_xcom_backend_while_the_task_runs(
    emulator, values_are_elsewhere, job_id, kind, mode, monkeypatch
):
    """The database is read between the submission and the end, as the UI would read it."""
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"], "airflow.db"))) as database, database:
        database.execute("DELETE FROM xcom WHERE key IN (?, 'job_url')", [STORED])  # of earlier tests
    seen = []
    sent = hook_module.TencentCIHook.run

    def reading(hook, flow):
        done = sent(hook, flow)
        with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"], "airflow.db"))) as database:
            seen.extend(database.execute("SELECT key, value FROM xcom WHERE key IN (?, 'job_url')", [STORED]))
        return done

    monkeypatch.setattr(hook_module.TencentCIHook, "run", reading)
    tasks = {
        "operator": "TriggerInventoryJobOperator(task_id='t', workflow_ids=WORKFLOW, prefix='media/', "
        f"poll_interval=0.2, wait_for_completion=True, {mode})",
        "sensor": f"InventoryJobSensor(task_id='t', job_id={job_id!r}, poke_interval=0.2, {mode})",
    }
    run = run_dag_file(f"{HEADER}with dag:\n    {tasks[kind]}\n")
    assert run.state == "success"
    links = {json.loads(value) for key, value in seen if key == STORED}
    assert links == {URL}
    assert all("file://" in value for key, value in seen if key == "job_url")


def test_the_link_is_no_file_of_an_xcom_backend_in_the_triggerer(values_are_elsewhere, monkeypatch):
    from airflow.sdk.execution_time import task_runner

    sent = []
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=sent.append), raising=False)
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    task_context.push_xcoms(ti, {"job_url": URL})
    task_context.push_link_xcom(ti, InventoryJobLink(), URL)
    assert "file://" in str(sent[0].value)
    assert (sent[1].key, sent[1].value) == (STORED, URL)


def test_the_link_never_fails_a_task(emulator, monkeypatch):
    before = """
from airflow_provider_tencent_ci import links

def broken(*args, **kwargs):
    raise RuntimeError("no link today")

links.push_link_xcom = broken
"""
    original = task_context.push_link_xcom
    try:
        assert submit(before=before).state == "success"
    finally:
        monkeypatch.setattr("airflow_provider_tencent_ci.links.push_link_xcom", original)
