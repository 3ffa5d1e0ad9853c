"""The policies of ``docs/permissions.md`` allow exactly the actions that the hook needs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from airflow_provider_tencent_ci.core.api.job_calls import find_job
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.exceptions import PermissionDeniedError
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "permissions.md").read_text("utf-8")
POLICIES = {path.stem: json.loads(path.read_text("utf-8")) for path in (DOCS / "policies").glob("*.json")}
JOB = {
    "Tag": "Transcode",
    "JobParam": {"TemplateId": "t1"},
    "Output": {"Region": "r", "Bucket": "b", "Object": "${InputName}"},
}

# One call of each method, with the job that it is about.
CALLS: dict[str, Callable[[TencentCIHook, InventoryJob], object]] = {
    "test_connection": lambda hook, job: hook.test_connection(),
    "trigger_inventory_job": lambda hook, job: hook.trigger_inventory_job(
        name="nightly", workflow_ids=WORKFLOW_ID, prefix="media/"
    ),
    "list_inventory_jobs": lambda hook, job: list(hook.list_inventory_jobs()),
    "get_inventory_job": lambda hook, job: hook.get_inventory_job(job.job_id),
    "cancel_inventory_job": lambda hook, job: hook.cancel_inventory_job(job.job_id),
    "cancel_quietly": lambda hook, job: hook.cancel_quietly(job.job_id),
    "list_workflow_executions": lambda hook, job: list(hook.list_workflow_executions(WORKFLOW_ID, job_id=job.job_id)),
    "list_failed_files": lambda hook, job: list(hook.list_failed_files(job)),
    "list_failed_keys": lambda hook, job: list(hook.list_failed_keys(job)),
    "list_workflows": lambda hook, job: hook.list_workflows(),
    "list_queues": lambda hook, job: hook.list_queues(),
    "put_object": lambda hook, job: hook.put_object(".airflow/tencent-ci/failed.txt", b"media/0001.mp4\n"),
}
# Attributes of the hook that send no request.
NOT_CALLS = {
    "close", "get_conn", "get_connection_form_widgets", "get_ui_field_behaviour", "read_config", "run",
}  # fmt: skip
NEEDED = {
    method: re.findall(r"`((?:ci|cos):\w+)`", actions)
    for method, actions in re.findall(r"^\| `(\w+)` \| ([^|]*) \|", PAGE, re.M)
}


def actions_of(name):
    return {action for statement in POLICIES[name]["statement"] for action in statement["action"]}


@pytest.fixture
def job(emulator):
    """A batch with one failed file, submitted by a key with all actions."""
    emulator.configure(failing_keys="media/0003.mp4", run_seconds=0, submitted_seconds=0)
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name="before", workflow_ids=WORKFLOW_ID, prefix="media/")


@pytest.fixture
def key_that_may(emulator, monkeypatch):
    """Give the default connection a key with certain actions only."""

    def give(actions):
        emulator.add_key("AKIDBOUND", "bound-secret", actions=actions)
        connection = {**emulator.connection(), "login": "AKIDBOUND", "password": "bound-secret"}
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))

    return give


def test_the_page_lists_every_method_that_sends_a_request():
    public = {name for name in vars(TencentCIHook) if not name.startswith("_")}
    methods = {name for name in public if callable(getattr(TencentCIHook, name))}
    assert set(NEEDED) == set(CALLS) == methods - NOT_CALLS


def refused(emulator, call, job):
    """Whether a request of a call was refused for a missing permission, including a refusal that is only logged."""
    before = len(emulator.requests)
    with TencentCIHook() as hook, suppress(PermissionDeniedError):
        call(hook, job)
    return any(request.status == 403 for request in emulator.requests[before:])


@pytest.mark.parametrize("method", CALLS)
def test_a_method_needs_exactly_the_actions_that_the_page_names(emulator, job, key_that_may, method):
    key_that_may(NEEDED[method])
    assert not refused(emulator, CALLS[method], job)
    for left_out in NEEDED[method]:
        key_that_may([action for action in NEEDED[method] if action != left_out])
        assert refused(emulator, CALLS[method], job), left_out


def test_the_complete_policy_allows_exactly_the_actions_of_the_methods():
    of_single_jobs = {"ci:DescribeMediaJobs", "ci:DescribePicProcessJobs"}
    besides = of_single_jobs | {"ci:DescribeInventoryTriggerJob"}  # a retry asks for its job by the id
    assert actions_of("everything") == {action for actions in NEEDED.values() for action in actions} | besides
    assert besides <= set(re.findall(r"`((?:ci|cos):\w+)`", PAGE))


def test_the_small_policies_add_up_to_the_complete_one():
    small = [actions_of(name) for name in POLICIES if name != "everything"]
    assert set().union(*small) == actions_of("everything")


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_policy_has_the_format_of_cam(policy):
    assert policy["version"] == "2.0"
    for statement in policy["statement"]:
        assert statement["effect"] == "allow"
        [service] = {action.partition(":")[0] for action in statement["action"]}
        [resource] = statement["resource"]
        assert resource.startswith(f"qcs::{service}:ap-beijing:uid/1250000000:")


@pytest.mark.parametrize("request_", ["workflow_ids=WORKFLOW", f"job={JOB!r}"], ids=["workflow", "job"])
def test_the_operator_runs_all_its_features_with_the_complete_policy(emulator, key_that_may, request_):
    emulator.configure(failing_keys="media/0003.mp4", failing_times=1)
    key_that_may(actions_of("everything"))
    arguments = "wait_for_completion=True, poll_interval=0.3, resubmit_rounds=1, fail_on='any'"
    validate = "validate=True, " if request_.startswith("workflow") else ""
    task = f"TriggerInventoryJobOperator(task_id='submit', {request_}, prefix='media/', {validate}{arguments})"
    assert run_dag_file(f"{HEADER}with dag:\n    {task}\n").state == "success"
    assert [job.files for job in emulator.jobs] == [8, 1]


def test_a_task_that_only_submits_needs_only_the_small_policy(emulator, key_that_may):
    key_that_may(actions_of("submit"))
    task = "TriggerInventoryJobOperator(task_id='submit', workflow_ids=WORKFLOW, prefix='media/')"
    assert run_dag_file(f"{HEADER}with dag:\n    {task}\n").state == "success"


def test_a_retry_of_an_unlisted_job_needs_only_the_small_policy(emulator, key_that_may):
    emulator.configure(list_lag_seconds=3600)
    key_that_may(actions_of("submit"))
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="nightly", workflow_ids=WORKFLOW_ID, prefix="media/")
        assert hook.run(find_job(job.job_id)).job_id == job.job_id
        key_that_may(actions_of("submit") - {"ci:DescribeInventoryTriggerJob"})
    with TencentCIHook() as hook, pytest.raises(PermissionDeniedError, match="DescribeInventoryTriggerJob"):
        hook.run(find_job(job.job_id))


def test_a_sensor_needs_only_the_small_policy(emulator, job, key_that_may):
    key_that_may(actions_of("read"))
    task = f"InventoryJobSensor(task_id='wait', job_id={job.job_id!r}, poke_interval=0.3)"
    assert run_dag_file(f"{HEADER}with dag:\n    {task}\n").state == "success"


def test_a_stop_of_a_job_needs_only_the_small_policy(emulator, key_that_may):
    emulator.configure(run_seconds=3600)
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="long", workflow_ids=WORKFLOW_ID, prefix="media/")
    key_that_may(actions_of("cancel"))
    task = f"CancelInventoryJobOperator(task_id='stop', job_id={job.job_id!r})"
    source = (
        f"{HEADER}from airflow_provider_tencent_ci.operators.cancel_inventory_job import CancelInventoryJobOperator\n"
    )
    assert run_dag_file(f"{source}with dag:\n    {task}\n").state == "success"
