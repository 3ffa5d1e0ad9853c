"""The link to the console exists while the task runs, after a failure and after a success."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.compat import task_context
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.links import InventoryJobLink, console_url
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER, MODES, modes, submit

URL = "https://console.cloud.tencent.com/ci/bucket?bucket=examplebucket-1250000000&region=ap-beijing"
STORED = task_context.link_xcom_key(InventoryJobLink())


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


def test_the_link_never_fails_a_task(emulator, monkeypatch):
    before = """
from airflow_provider_tencent_ci import links

def broken(*args, **kwargs):
    raise RuntimeError("no link today")

links.link_xcom_key = broken
"""
    original = task_context.link_xcom_key
    try:
        assert submit(before=before).state == "success"
    finally:
        monkeypatch.setattr("airflow_provider_tencent_ci.links.link_xcom_key", original)
