"""``@task.tencent_ci_inventory_job`` in real task runs against the emulator."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.runs.conftest import broken_in_airflow_3_0, only_job
from tests.runs.dag_test import run_dag_file

HEADER = """
from datetime import datetime, timedelta, timezone
from airflow.providers.common.compat.sdk import DAG, task

WORKFLOW = "w00000000000000000000000000000001"
NOT_WAITING = {"wait_for_completion": False}
DEFERRED = {"wait_for_completion": True, "deferrable": True, "poll_interval": 0.2}
BLOCKING = {"wait_for_completion": True, "deferrable": False, "poll_interval": 0.2}

with DAG("DAG_UNDER_TEST", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=timezone.utc)):
"""


def run(body):
    return run_dag_file(HEADER + "\n".join(f"    {line}" for line in body.strip().splitlines()))


def run_function(returned, arguments="**NOT_WAITING"):
    return run(f"""
@task.tencent_ci_inventory_job({arguments})
def submit():
    return {returned}
submit()
""")


@pytest.mark.parametrize("mode", ["NOT_WAITING", "BLOCKING", "DEFERRED"])
def test_the_returned_request_is_submitted(emulator, mode):
    done = run_function("{'workflow_ids': WORKFLOW, 'prefix': 'media/'}", f"**{mode}")
    job = only_job(emulator)
    assert done.state == "success"
    assert done.xcoms["submit"]["return_value"] == done.xcoms["submit"]["job_id"] == job.job_id
    if mode != "NOT_WAITING":
        assert done.xcoms["submit"]["job"]["Input"] == {"Prefix": "media/"}


def test_the_function_gets_its_rendered_arguments_and_the_context(emulator):
    done = run("""
@task
def find():
    return "media/0003/"

@task.tencent_ci_inventory_job(**BLOCKING)
def submit(prefix, run_id=None) -> dict:
    job = {
        "Tag": "Transcode", "JobParam": {"TemplateId": "t1"},
        "Output": {"Region": "r", "Bucket": "out-1250000000", "Object": "{{ task.task_id }}/" + run_id[:6] + "/x.mp4"},
    }
    return {"job": job, "prefix": prefix, "name": "of-{{ task.task_id }}"}

submit(find())
""")
    record = done.xcoms["submit"]["job"]
    assert record["Input"] == {"Prefix": "media/0003/"}
    assert record["Name"].startswith("of-submit-")
    assert record["Operation"]["Output"]["Object"] == "submit/manual/x.mp4"


def test_a_decorated_task_is_mapped(emulator):
    done = run("""
@task.tencent_ci_inventory_job(**DEFERRED)
def submit(prefix):
    return {"workflow_ids": WORKFLOW, "prefix": prefix}
submit.expand(prefix=["media/1/", "media/2/"])
""")
    assert done.state == "success"
    inputs = [done.xcoms["submit", index]["job"]["Input"] for index in (0, 1)]
    assert inputs == [{"Prefix": "media/1/"}, {"Prefix": "media/2/"}]
    assert len(emulator.jobs) == 2


def test_a_decorated_task_is_mapped_over_other_arguments_of_the_operator(emulator):
    done = run("""
@task.tencent_ci_inventory_job(**NOT_WAITING)
def submit(prefix):
    return {"workflow_ids": WORKFLOW, "prefix": prefix}
submit.override(task_id="other").partial(prefix="media/").expand_kwargs([{}, {}])
""")
    assert done.state == "success"
    assert len(emulator.jobs) == 2


@broken_in_airflow_3_0("does not retry a task that failed after it was deferred")
def test_a_retry_calls_the_function_again_and_finds_its_job(emulator):
    emulator.configure(run_seconds=4)
    done = run_function(
        "{'workflow_ids': WORKFLOW, 'prefix': 'media/'}",
        "**DEFERRED, wait_timeout=1, retries=8, retry_delay=timedelta(0)",
    )
    assert done.state == "success"
    assert done.tries["submit"] > 1
    assert done.xcoms["submit"]["return_value"] == only_job(emulator).job_id


def test_the_function_is_called_again_after_a_wait_for_a_place(emulator):
    with TencentCIHook() as hook:
        hook.trigger_inventory_job(name="other", workflow_ids=WORKFLOW_ID, prefix="media/")
    done = run_function("{'workflow_ids': WORKFLOW, 'prefix': 'media/'}", "**DEFERRED, max_active_jobs=1")
    assert done.state == "success"
    assert len(emulator.jobs) == 2


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("None", "returned nothing, not a mapping of workflow_ids, job,"),
        ("['media/']", "returned a list, not a mapping"),
        ("{'workflow_ids': WORKFLOW, 'prefixes': 'media/'}", "returned prefixes; known are"),
        ("{'workflow_ids': WORKFLOW, 'retries': 3}", "returned retries; known are"),
        ("{'workflow_ids': WORKFLOW}", "prefix"),
        ("{}", "workflow_ids"),
    ],
)
def test_a_function_without_a_request_fails_before_any_request(emulator, returned, message):
    done = run_function(returned)
    assert done.state == "failed"
    assert done.failure.startswith("InvalidArgumentError: ")
    assert message in done.failure
    assert emulator.jobs == []


@pytest.mark.parametrize("name", ["prefix", "name", "workflow_ids"])
def test_the_decorator_refuses_arguments_that_the_function_returns(name):
    with pytest.raises(AssertionError, match=f"does not take {name}: return it from the function"):
        run_function("{}", f"{name}='x'")
