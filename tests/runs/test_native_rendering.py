"""DAGs with ``render_template_as_native_obj``: a template that reads as a number or as nothing becomes one."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.runs.dag_test import run_dag_file
from tests.runs.test_mapped_names import names_after
from tests.runs.test_operator import HEADER

NATIVE = HEADER.replace("schedule=None", "schedule=None, render_template_as_native_obj=True")
assert NATIVE != HEADER

DECORATED = """
from airflow.providers.common.compat.sdk import task

with dag:
    @task.tencent_ci_inventory_job
    def go(day="20260101"):
        return {"workflow_ids": WORKFLOW, "prefix": f"media/{day}", "name": day}
    CALL
""".replace("WORKFLOW", repr(WORKFLOW_ID))

MAPPED = """
with dag:
    TriggerInventoryJobOperator.partial(task_id="go", workflow_ids=WORKFLOW, PARTIAL).expand(EXPAND)
""".replace("WORKFLOW", repr(WORKFLOW_ID))


# As texts they stay texts in a DAG without native rendering, where the function gets them.
LITERALS = ["20260101", "a'b", "1, 2", "7.0"]


def operator(**arguments):
    return f"\nwith dag:\n    TriggerInventoryJobOperator(task_id='go', workflow_ids=WORKFLOW, **{arguments})\n"


def mapped(partial, expand):
    return MAPPED.replace("PARTIAL", partial).replace("EXPAND", expand)


@pytest.mark.parametrize("header", [HEADER, NATIVE], ids=["text", "native"])
@pytest.mark.parametrize("call", ["go()", 'go("20250101")', "go(20250101)"])
def test_a_decorated_task_that_is_not_mapped_succeeds(emulator, header, call):
    assert run_dag_file(header + DECORATED.replace("CALL", call)).state == "success"
    [job] = emulator.jobs
    assert job.name.startswith("202")


@pytest.mark.parametrize("header", [HEADER, NATIVE], ids=["text", "native"])
@pytest.mark.parametrize(
    ("task", "names"),
    [
        (DECORATED.replace("CALL", 'go.expand(day=["20260101", "20260102"])'), {"20260101", "20260102"}),
        (DECORATED.replace("CALL", "go.expand(day=[1, 2])"), {"1", "2"}),
        (
            DECORATED.replace('"name": day', '"name": "n"').replace("CALL", f"go.expand(day={LITERALS})"),
            set(LITERALS),
        ),
        (mapped("prefix='media/'", "name=['20260101', '007', 'news']"), {"20260101", "007", "news"}),
        (mapped("name='n'", "prefix=['20260101', 'media/']"), {"20260101", "media/"}),
    ],
    ids=["text", "numbers", "literals", "operator's names", "operator's prefixes"],
)
def test_mapped_tasks_succeed_and_have_text_names(emulator, header, task, names):
    assert names_after(header + task)["go"] == names


@pytest.mark.parametrize("argument", ["name", "prefix", "object_key"])
def test_a_template_that_reads_as_a_number_is_sent_as_its_text(emulator, argument):
    emulator.add_objects("20260101")
    given = {"object_key": "20260101"} if argument == "object_key" else {"prefix": "media/"}
    assert run_dag_file(NATIVE + operator(**{**given, argument: "{{ '20260101' }}"})).state == "success"
    [job] = emulator.jobs
    with TencentCIHook() as hook:
        sent = hook.get_inventory_job(job.job_id).input.values()
    assert "20260101" in (job.name.rpartition("-")[0], *sent)


@pytest.mark.parametrize("value", ["1.10", "True", "[1]"])
def test_a_template_that_reads_as_another_value_is_refused_before_anything_is_sent(emulator, value):
    assert run_dag_file(NATIVE + operator(prefix=f"{{{{ {value} }}}}")).state == "failed"
    assert not emulator.jobs
