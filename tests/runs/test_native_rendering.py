"""DAGs with ``render_template_as_native_obj``: a template that reads as a number or as nothing becomes one."""

from __future__ import annotations

import pytest
from airflow import __version__ as airflow_version

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


# Values of arguments, as texts of a DAG file.
VALUES = ("2025", "True", "None", "'True'", "'None'", "'2025'", "''", "1.5", "[1, 'a']", "{'a': (1, 2)}", "'a\\nb'")
EVERYTHING = """
from airflow.providers.common.compat.sdk import task
from airflow_provider_tencent_ci.operators.cancel_inventory_job import CancelInventoryJobOperator

FIXED = {"workflow_ids": WORKFLOW, "prefix": "media/"}
with dag:
    @task.tencent_ci_inventory_job
    def go(value, other=None):
        return FIXED

    go.expand(value=VALUES)
    go.override(task_id="partial").partial(other=VALUES).expand(value=VALUES[:2])
    go.override(task_id="kwargs").expand_kwargs([{"value": value} for value in VALUES[2:4]])
    go.override(task_id="alone")(VALUES)

    @task
    def arguments(job_id):
        return [{"job_id": job_id, "poke_interval": 0.3}]

    operator = TriggerInventoryJobOperator
    operator.partial(task_id="names", **FIXED).expand(name=[2025, "True", None, "0x10", "[1]", "1.10"])
    operator.partial(task_id="arguments", workflow_ids=WORKFLOW).expand_kwargs(
        [{"name": "7.0", "prefix": "007"}, {"prefix": 2025, "bucket": None}, {"prefix": "None"}]
    )
    job = operator(task_id="operator", name="None", prefix="1_0", workflow_ids=[WORKFLOW])
    waits = [
        InventoryJobSensor(task_id="wait", job_id=job.output, poke_interval=0.3),
        InventoryJobSensor.partial(task_id="waits", poke_interval=0.3).expand(job_id=[job.output]),
        InventoryJobSensor.partial(task_id="wait_kwargs").expand_kwargs(arguments(job.output)),
    ]
    waits >> CancelInventoryJobOperator(task_id="cancel", job_id=job.output)
    waits >> CancelInventoryJobOperator.partial(task_id="cancels").expand(job_id=[job.output, None])
"""


@pytest.mark.skipif(
    airflow_version < "3", reason="2.11 maps over an output within a list, and refuses that it is a text"
)
@pytest.mark.parametrize("header", [HEADER, NATIVE], ids=["text", "native"])
def test_no_argument_that_the_author_did_not_write_fails_a_task(emulator, header):
    run = run_dag_file(header + f"VALUES = [{', '.join(VALUES)}]\n" + EVERYTHING)
    states = {task: state for task, state in run.states.items() if state != "success"}
    assert states == {("cancels", 1): "skipped"}, run.failures


# Texts that Python would read as another value.
READABLE = ["2026", "0x10", "007", "1_000", "1.10", "True", "None", "[1]", "'a'", "(1, 2)"]


def test_texts_without_a_template_are_sent_as_they_are(emulator):
    tasks = f"""
with dag:
    for number, text in enumerate({READABLE}):
        job = {{"Tag": "Transcode", "JobParam": {{"TemplateId": text}}, "Output": {{"Object": text}}}}
        job["Output"].update(Region="ap-beijing", Bucket="examplebucket-1250000000")
        TriggerInventoryJobOperator(task_id=f"go{{number}}", job=job, prefix=text)
"""
    run = run_dag_file(NATIVE + tasks)
    assert run.state == "success", run.failures
    with TencentCIHook() as hook:
        sent = [hook.get_inventory_job(job.job_id) for job in emulator.jobs]
    nodes = [(job.input, job.operation["JobParam"], job.operation["Output"]["Object"]) for job in sent]
    assert sorted(nodes, key=str) == sorted((({"Prefix": x}, {"TemplateId": x}, x) for x in READABLE), key=str)


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
