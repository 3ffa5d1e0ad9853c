"""The operator in real task runs, blocking and deferred, against the emulator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from tests.runs.conftest import broken_in_airflow_3_0, only_job
from tests.runs.dag_test import run_dag_file

HEADER = """
from datetime import datetime, timedelta, timezone
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

WORKFLOW = "w00000000000000000000000000000001"
dag = DAG("DAG_UNDER_TEST", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=timezone.utc))
"""

WAITING = {
    "blocking": "wait_for_completion=True, deferrable=False, poll_interval=0.2",
    "deferred": "wait_for_completion=True, deferrable=True, poll_interval=0.2",
}
MODES = {"not waiting": "wait_for_completion=False", **WAITING}

modes = pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
waiting = pytest.mark.parametrize("mode", WAITING.values(), ids=WAITING.keys())
no_retry = broken_in_airflow_3_0("does not retry a task that failed after it was deferred")
waiting_with_retries = pytest.mark.parametrize(
    "mode",
    [pytest.param(mode, id=name, marks=[no_retry] if name == "deferred" else []) for name, mode in WAITING.items()],
)


def without_airflow_s_own(output):
    """The printed text without the internal messages of 3.0's ``dag.test``, which contain the secrets to mask."""
    return "\n".join(line for line in output.splitlines() if "MaskSecret" not in line)


def submit(arguments="workflow_ids=WORKFLOW, prefix='media/'", mode="wait_for_completion=False", before=""):
    task = f"with dag:\n    TriggerInventoryJobOperator(task_id='submit', {arguments}, {mode})\n"
    return run_dag_file(HEADER + before + task)


@modes
def test_the_return_value_is_the_job_id_in_every_mode(emulator, mode):
    run = submit(mode=mode)
    job = only_job(emulator)
    assert run.state == "success"
    assert run.xcoms["submit"]["return_value"] == run.xcoms["submit"]["job_id"] == job.job_id
    assert run.xcoms["submit"]["job_name"] == job.name
    assert run.xcoms["submit"]["job_url"] == (
        "https://console.cloud.tencent.com/ci/bucket?bucket=examplebucket-1250000000&region=ap-beijing"
    )


def test_an_end_in_the_triggerer_has_the_same_result_in_dag_test(emulator):
    run = submit(mode=WAITING["deferred"] + ", end_from_trigger=True")
    assert run.state == "success"
    assert run.xcoms["submit"]["return_value"] == run.xcoms["submit"]["job"]["JobId"] == only_job(emulator).job_id


def test_a_failed_job_never_counts_as_success(emulator):
    emulator.configure(outcome="fail", failure_code="TemplateNotFound")
    run = submit(mode=WAITING["deferred"] + ", end_from_trigger=True")
    assert run.state == "failed"
    assert "TemplateNotFound" in run.failure


@waiting
def test_a_wait_stores_the_final_record(emulator, mode):
    record = submit(mode=mode).xcoms["submit"]["job"]
    assert record["JobId"] == only_job(emulator).job_id
    assert record["State"] == "Success"
    assert record["Input"] == {"Prefix": "media/"}
    assert record["EndTime"]


DEFAULTS = """
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
tasks = TriggerInventoryJobOperator(task_id="submit"), InventoryJobSensor(task_id="wait", job_id="b1")
print(*(task.deferrable for task in tasks))
"""


@pytest.mark.parametrize("default", [True, False])
def test_a_wait_is_deferred_if_airflow_s_default_says_so(default):
    settings = {**os.environ, "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": str(default)}
    command = [sys.executable, "-c", DEFAULTS]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == f"{default} {default}"


def test_a_task_does_not_wait_by_default(emulator):
    assert "job" not in submit(mode="deferrable=True").xcoms["submit"]
    assert emulator.count("list") == 1


@modes
def test_the_name_is_readable_and_ends_with_a_token(emulator, mode):
    submit("name='夜间: raw/', workflow_ids=WORKFLOW, prefix='media/'", mode)
    readable, _, token = only_job(emulator).name.rpartition("-")
    assert readable == "夜间_raw"
    assert len(token) == 16


@waiting
def test_a_failed_job_fails_the_task_with_the_service_s_message(emulator, mode):
    emulator.configure(outcome="fail", failure_code="TemplateNotFound", failure_message="no such template")
    run = submit(mode=mode)
    assert run.state == "failed"
    assert run.xcoms["submit"]["job"]["State"] == "Failed"
    assert re.match(r"JobFailedError: Connection '.*', bucket .*: Batch job b", run.failure)
    assert run.failure.endswith("failed: TemplateNotFound: no such template.")


@waiting
def test_a_cancelled_job_fails_the_task(emulator, mode):
    emulator.configure(outcome="cancel")
    run = submit(mode=mode)
    assert run.state == "failed"
    assert "JobCancelledError" in run.failure


@waiting
def test_a_wait_that_times_out_fails_the_task_and_the_job_continues(emulator, mode):
    emulator.configure(run_seconds=3600)
    run = submit(mode=f"{mode}, wait_timeout=timedelta(seconds=1)")
    assert run.state == "failed"
    assert "WaitTimeoutError" in run.failure
    assert "It was not cancelled and continues" in run.failure
    assert only_job(emulator).state == "Running"


@waiting
@pytest.mark.parametrize("wait_timeout", [None, 3600])
def test_a_task_that_exceeds_its_execution_timeout_cancels_its_job(emulator, mode, wait_timeout):
    emulator.configure(run_seconds=3600)
    with suppress(AirflowTaskTimeout):  # which 2.11's dag.test lets through
        run = submit(mode=f"{mode}, wait_timeout={wait_timeout}, execution_timeout=timedelta(seconds=3)")
        assert run.state == "failed"
    assert only_job(emulator).state == "Cancel"


def test_a_wait_timeout_before_the_execution_timeout_does_not_cancel_the_job(emulator):
    emulator.configure(run_seconds=3600)
    run = submit(mode=f"{WAITING['deferred']}, wait_timeout=1, execution_timeout=timedelta(seconds=60)")
    assert "WaitTimeoutError" in run.failure
    assert only_job(emulator).state == "Running"


@waiting_with_retries
def test_a_retry_after_a_wait_timeout_finds_its_own_job(emulator, mode):
    emulator.configure(run_seconds=4)
    run = submit(mode=f"{mode}, wait_timeout=1, retries=8, retry_delay=timedelta(seconds=0)")
    assert run.state == "success"
    assert run.tries["submit"] > 1
    assert run.xcoms["submit"]["return_value"] == only_job(emulator).job_id


@pytest.mark.skipif(airflow_version < "3.3", reason="earlier versions have no retry policies")
@pytest.mark.parametrize(("arguments", "jobs"), [("", 1), ("retry_failed_jobs=True", 2)])
def test_the_retry_policy_does_not_resubmit_a_failed_job_by_default(emulator, arguments, jobs):
    emulator.configure(outcome="fail", submitted_seconds=0, run_seconds=0.1)
    policy = f"retry_policy=InventoryJobRetryPolicy({arguments}), retries=1, retry_delay=timedelta(seconds=0)"
    before = "from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy\n"
    assert submit(mode=f"{WAITING['blocking']}, {policy}", before=before).state == "failed"
    assert len(emulator.jobs) == jobs


@waiting_with_retries
def test_a_retry_after_a_failed_job_submits_a_new_one(emulator, mode):
    emulator.configure(outcome="fail", submitted_seconds=0, run_seconds=0.1)
    # Before Airflow 3.3 the retry does not know that the first try has no other job.
    retrying = "reconcile_timeout=1, retries=1, retry_delay=timedelta(seconds=0)"
    assert submit(mode=f"{mode}, {retrying}").state == "failed"
    assert [job.state for job in emulator.jobs] == ["Failed", "Failed"]
    assert len({job.name for job in emulator.jobs}) == 1


@waiting_with_retries
def test_a_retry_with_another_request_submits_a_new_job_and_waits_for_it(emulator, mode):
    emulator.configure(run_seconds=3600)
    # Before Airflow 3.3 the retry does not know that the first try has sent no request for this job.
    retrying = "wait_timeout=0.5, reconcile_timeout=1, retries=1, retry_delay=timedelta(seconds=0)"
    run = submit("workflow_ids=WORKFLOW, prefix='media/000{{ ti.try_number }}'", f"{mode}, {retrying}")
    assert run.state == "failed"
    first, second = emulator.jobs
    assert first.name != second.name
    assert run.xcoms["submit"]["job_id"] == second.job_id
    assert emulator.count("cancel") == 0


@waiting_with_retries
def test_a_retry_that_submits_all_files_again_warns(emulator, warned, mode):
    emulator.configure(outcome="fail")
    submit(mode=f"{mode}, reconcile_timeout=1, retries=1, retry_delay=timedelta(seconds=0)")
    first, second = emulator.jobs
    [line] = warned("submitted its files again")
    assert first.job_id in line
    assert second.job_id not in line


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("fail_on='any'", "fail_on"),
        ("on_empty='fail', failures_path='/tmp/failed/'", "on_empty, failures_path"),
        ("count_files=False", None),
        ("wait_for_completion=True, deferrable=False, poll_interval=0.2, fail_on='any'", None),
    ],
)
def test_rules_for_files_without_a_wait_are_said_to_have_no_effect(emulator, warned, arguments, named):
    arguments = arguments if "wait_for" in arguments else f"wait_for_completion=False, {arguments}"
    assert submit(mode=arguments).state == "success"
    said = warned("Without effect")
    assert [re.search("is not set: (.*?)[.] ", line)[1] for line in said] == ([named] if named else [])


@waiting
@pytest.mark.parametrize("on_empty", ["succeed", "skip"])
@pytest.mark.parametrize("prefix", ["nothing/", "media/"])
def test_a_batch_without_files_is_a_warning_that_names_what_was_looked_for(emulator, warned, mode, prefix, on_empty):
    interval = "start_time='2026-01-01T00:00:00Z', end_time='2999-01-01T00:00:00Z'"
    run = submit(f"workflow_ids=WORKFLOW, prefix={prefix!r}, on_empty={on_empty!r}, {interval}", mode)
    assert run.state == "success"
    warnings = warned("If there should be some")
    if prefix == "media/":
        assert warnings == []
        return
    [line] = warnings
    assert "reads nothing/) succeeded, and no file modified from 2026-01-01T00:00:00+0000 to 2999-01-01" in line
    assert f'on_empty="{on_empty}" the task' in line


@waiting
def test_a_wait_survives_transient_errors(emulator, mode):
    for kind in ("internal_error", "truncated_xml", "slow_down", "bad_gateway", "unknown_state"):
        emulator.inject(Fault(kind, operation="list", skip=1))
    assert submit(mode=mode).state == "success"


@waiting
def test_a_lost_contact_fails_the_task_and_the_job_continues(emulator, mode):
    emulator.configure(run_seconds=3600)
    emulator.inject(Fault("internal_error", operation="list", skip=1, times=None))
    run = submit(mode=f"{mode}, contact_timeout=1")
    assert run.state == "failed"
    assert "LostContactError" in run.failure
    assert run.failure.count("Connection 'tencent_ci_default', bucket examplebucket-1250000000: ") == 1
    assert only_job(emulator).state == "Running"
    assert emulator.count("cancel") == 0


@modes
def test_a_lost_answer_is_settled_by_the_list(emulator, mode):
    emulator.inject(Fault("reset", operation="create", after_acting=True))
    run = submit(mode=mode)
    assert run.state == "success"
    assert run.xcoms["submit"]["job_id"] == only_job(emulator).job_id
    assert emulator.count("create") == 1


def test_mapped_tasks_submit_one_job_each(emulator):
    mode = "wait_for_completion=True, deferrable=True, poll_interval=0.2"
    run = run_dag_file(
        HEADER
        + "with dag:\n    TriggerInventoryJobOperator.partial(task_id='submit', workflow_ids=WORKFLOW,\n"
        + f"        {mode}).expand(prefix=['media/0001', 'media/0002', 'media/0003'])\n"
    )
    assert run.state == "success"
    ids = {run.xcoms["submit", index]["return_value"] for index in range(3)}
    assert ids == {job.job_id for job in emulator.jobs}
    names = {job.name.rpartition("-")[0].partition("-submit-")[2] for job in emulator.jobs}
    assert names == {"0-media_0001", "1-media_0002", "2-media_0003"}


def test_templates_in_nested_arguments_are_rendered(emulator):
    before = "JOB = {'Tag': 'Transcode', 'JobParam': {'TemplateId': 't1'}, 'UserData': '{{ task.task_id }}',\n"
    before += (
        "  'Output': {'Region': 'r', 'Bucket': 'out-1250000000', 'Object': '{{ dag.dag_id }}/${InputName}.mp4'}}\n"
    )
    run = submit(
        "job=JOB, prefix='{{ params.prefix }}', params={'prefix': 'media/'}, name='{{ task.task_id }} it'",
        WAITING["blocking"],
        before,
    )
    operation = run.xcoms["submit"]["job"]["Operation"]
    assert re.fullmatch(r"dag_\d+/\$\{InputName\}\.mp4", operation["Output"]["Object"])
    assert operation["UserData"] == "submit"
    assert only_job(emulator).name.startswith("submit_it-")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("'2020-01-01T00:00:00+0800'", "'2030-01-01T00:00:00+08:00'"),
        ("datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=8)))", "'{{ \"2030-01-01T00:00:00Z\" }}'"),
        ("dag.start_date", "None"),
    ],
    ids=["texts", "datetime and template", "one end"],
)
def test_times_may_be_datetimes_texts_or_templates(emulator, start, end):
    arguments = f"workflow_ids=WORKFLOW, prefix='media/', start_time={start}, end_time={end}"
    interval = submit(arguments, WAITING["blocking"]).xcoms["submit"]["job"]["Operation"]["TimeInterval"]
    assert interval["Start"] in ("2020-01-01T00:00:00+0800", "2020-01-01T00:00:00+0000")
    assert interval.get("End") in ("2030-01-01T00:00:00+0800", "2030-01-01T00:00:00+0000", None)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("workflow_ids=WORKFLOW", "exactly one of prefix, manifest, url_file, object_key"),
        ("workflow_ids=WORKFLOW, prefix='a', object_key='b'", "prefix and object_key are there"),
        ('workflow_ids=WORKFLOW, prefix=\'{{ params.get("none", "") }}\'', "prefix is empty"),
        ("prefix='a'", "workflow_ids"),
        ("workflow_ids=WORKFLOW, prefix='a', start_time='noon'", "start_time='noon'"),
        ("workflow_ids=WORKFLOW, prefix='a', start_time='2022-01-01'", "start_time='2022-01-01' has no UTC offset"),
        ("workflow_ids=WORKFLOW, prefix='a', name='a b', on_existing='submit'", "name='a b'"),
        ("workflow_ids=WORKFLOW, prefix='a', bucket='short'", "bucket='short'"),
        ("workflow_ids=WORKFLOW, prefix='a', region='no where'", "region='no where'"),
        ("workflow_ids=WORKFLOW, prefix='a\\x00b'", "Prefix"),
    ],
)
def test_a_wrong_argument_raises_an_error_that_names_it_before_any_request(emulator, arguments, complaint):
    run = submit(arguments)
    assert run.state == "failed"
    assert "InvalidArgumentError" in run.failure
    assert complaint in run.failure
    assert emulator.requests == []


def test_a_wrong_credential_raises_an_authentication_error_with_code_and_request_id(emulator, capfd, monkeypatch):
    wrong = emulator.connection_json().replace("fake-secret-key-of-the-emulator", "another-key")
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", wrong)
    run = submit()
    assert run.state == "failed"
    assert "AuthenticationError" in run.failure
    assert "Connection 'tencent_ci_default', bucket examplebucket-1250000000, reading media/: " in run.failure
    assert "code " in run.failure
    assert "request id" in run.failure
    assert "another-key" not in without_airflow_s_own("".join(capfd.readouterr()))
    assert emulator.jobs == []


def test_submit_sends_the_name_unchanged(emulator):
    for _ in range(2):
        submit("workflow_ids=WORKFLOW, prefix='media/', name='as-it-stands', on_existing='submit'")
    assert [job.name for job in emulator.jobs] == ["as-it-stands"] * 2
    assert emulator.count("list") == 0


def test_fail_fails_when_a_job_of_the_name_exists(emulator):
    arguments = "workflow_ids=WORKFLOW, prefix='media/', name='as-it-stands', on_existing='fail'"
    assert submit(arguments).state == "success"
    assert re.match("JobExistsError: .*: A batch job named 'as-it-stands' exists", submit(arguments).failure)
    assert len(emulator.jobs) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("on_existing='replace'", "must be one of .*adopt.*submit.*fail"),
        ("reconcile_timeout=0", "reconcile_timeout=0 must be a positive number of seconds"),
    ],
)
def test_a_wrong_argument_without_a_template_is_an_import_error(arguments, complaint):
    with pytest.raises(AssertionError, match=complaint):
        submit(f"workflow_ids=WORKFLOW, prefix='a', {arguments}")


def test_of_two_jobs_of_one_submission_the_older_is_kept_and_the_younger_cancelled(emulator):
    emulator.configure(submitted_seconds=0, run_seconds=3600)
    # The first try submits, and another process at the same time; then the try is killed, and the second try searches.
    before = """
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

class Racing(TriggerInventoryJobOperator):
    def execute(self, context):
        context.pop("task_state_store", None)  # which would find the first job without a look at the list
        return super().execute(context)

    def _submit(self, context, specification):
        submission = super()._submit(context, specification)
        if context["ti"].try_number > 1:
            return submission
        with TencentCIHook() as hook:
            hook.trigger_inventory_job(name=submission.job.name, workflow_ids=WORKFLOW, prefix="media/")
        raise RuntimeError("died")
"""
    task = "Racing(task_id='submit', workflow_ids=WORKFLOW, prefix='media/', retries=1, retry_delay=timedelta(0))"
    run = run_dag_file(HEADER + before + f"with dag:\n    {task}\n")
    assert run.state == "success"
    # The service's times have whole seconds; of two jobs of one second, the one with the smaller JobId counts as the
    # older.
    older, younger = sorted(emulator.jobs, key=lambda job: (job.created_at.replace(microsecond=0), job.job_id))
    assert [older.state, younger.state] == ["Running", "Cancel"]
    assert run.xcoms["submit"]["job_id"] == older.job_id


def test_two_runs_of_a_dag_submit_a_job_each(emulator):
    submit()
    submit()
    assert len({job.name for job in emulator.jobs}) == 2


DOCUMENT_INTERVAL = "start_time='2022-02-01T12:00:00+0800', end_time='2022-05-01T12:00:00+0800'"
DOCUMENT_JOB = """job={
    'Tag': 'Transcode',
    'QueueId': 'p00000000000000000000000000000001',
    'UserData': 'this is my inventorytriggerjob',
    'CallBack': 'https://www.callback.com',
    'JobParam': {'TemplateId': 't1460606b9752148c4ab182f55163ba7cd'},
    'Output': {'Region': 'ap-chongqing', 'Bucket': 'test-1234567890', 'Object': 'o/${InventoryTriggerJobId}/out.mp4'},
    'JobLevel': '0',
}"""


@pytest.mark.parametrize("what", ["workflow_ids=WORKFLOW", DOCUMENT_JOB], ids=["Workflow", "Job"])
def test_operator_and_sensor_send_the_requests_of_the_documents(emulator, what):
    run = run_dag_file(
        HEADER + f"with dag:\n    submit = TriggerInventoryJobOperator(task_id='submit', name='demo', prefix='input',\n"
        f"        {DOCUMENT_INTERVAL}, {what})\n"
        "    InventoryJobSensor(task_id='wait', job_id=submit.output, poke_interval=0.3, deferrable=True)\n"
    )
    record = run.xcoms["wait"]["return_value"]
    assert record["State"] == "Success"
    assert record["Input"] == {"Prefix": "input"}
    assert record["Operation"]["TimeInterval"] == {
        "Start": "2022-02-01T12:00:00+0800", "End": "2022-05-01T12:00:00+0800"
    }  # fmt: skip


@modes
def test_a_job_is_submitted_once_there_is_a_place_for_it(emulator, mode):
    emulator.configure(run_seconds=2)
    with TencentCIHook() as hook:
        other = hook.trigger_inventory_job(name="other", workflow_ids=WORKFLOW_ID, prefix="media/")
    deferrable = "" if "deferrable" in mode else ", deferrable=True, poll_interval=0.2"
    run = submit(mode=f"{mode}{deferrable}, max_active_jobs=1")
    assert run.state == "success"
    first, second = sorted(emulator.jobs, key=lambda job: job.created_at)
    assert first.job_id == other.job_id
    assert first.ended_at <= second.created_at
    assert run.xcoms["submit"]["return_value"] == second.job_id
    assert emulator.count("create") == 2


@waiting
def test_a_wait_for_a_place_that_times_out_submits_nothing(emulator, mode):
    emulator.configure(run_seconds=3600)
    with TencentCIHook() as hook:
        hook.trigger_inventory_job(name="other", workflow_ids=WORKFLOW_ID, prefix="media/")
    emulator.inject(Fault("internal_error", operation="list", times=None, skip=2))
    run = submit(mode=f"{mode}, max_active_jobs=1, contact_timeout=1")
    assert run.state == "failed"
    assert emulator.count("create") == 1


@waiting
def test_a_lost_contact_during_the_wait_for_a_place_raises_the_same_error_in_each_mode(emulator, mode):
    emulator.configure(run_seconds=3600)
    with TencentCIHook() as hook:
        hook.trigger_inventory_job(name="other", workflow_ids=WORKFLOW_ID, prefix="media/")
    emulator.inject(Fault("internal_error", operation="list", times=None, skip=2))
    run = submit(mode=f"{mode}, max_active_jobs=1, contact_timeout=1")
    said = r"LostContactError: Nothing was submitted: for [12] seconds it could not be found out .*InternalError"
    assert re.match(said, run.failure)
    assert run.failure.count("Connection 'tencent_ci_default', bucket examplebucket-1250000000: ") == 1


@waiting
def test_a_task_that_waits_for_a_place_ends_with_its_execution_timeout_and_submits_nothing(emulator, mode):
    emulator.configure(run_seconds=3600)
    with TencentCIHook() as hook:
        hook.trigger_inventory_job(name="other", workflow_ids=WORKFLOW_ID, prefix="media/")
    with suppress(AirflowTaskTimeout):  # which 2.11's dag.test lets through
        run = submit(mode=f"{mode}, max_active_jobs=1, execution_timeout=timedelta(seconds=3)")
        assert run.state == "failed"
    only_job(emulator)
    assert emulator.count("cancel") == 0


@pytest.mark.parametrize("limit", [0, -1, True, "many", 1.5])
def test_a_limit_that_is_no_number_raises_when_the_dag_is_parsed(limit):
    with pytest.raises(InvalidArgumentError, match="max_active_jobs"):
        TriggerInventoryJobOperator(task_id="submit", max_active_jobs=limit)
