"""The request of a task is stored with its submission; any process that resumes the task uses this request."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator.model.defaults import BUCKET
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER, WAITING

JOB = f"""
Tag: Transcode
JobParam:
  TemplateId: t00000000000000000000000000000001
Output:
  Region: ap-beijing
  Bucket: {BUCKET}
  Object: out/${{InputName}}.mp4
"""

OPERATOR = "with dag:\n    TriggerInventoryJobOperator(task_id='submit', ARGUMENTS)\n"
DECORATED = """
from airflow.providers.common.compat.sdk import task

with dag:
    @task.tencent_ci_inventory_job(ARGUMENTS)
    def submit(**context):
        return {"workflow_ids": WORKFLOW, "prefix": "media/", "name": "nightly", "start_time": context["logical_date"]}
    submit()
"""
SUBCLASS = """
class Mine(TriggerInventoryJobOperator):
    def execute(self, context):
        self.prefix = "media/"
        return super().execute(context)

with dag:
    Mine(task_id="submit", workflow_ids=WORKFLOW, ARGUMENTS)
"""
FORMS = {
    "arguments": OPERATOR.replace("ARGUMENTS", "workflow_ids=WORKFLOW, prefix='media/', ARGUMENTS"),
    "YAML file": OPERATOR.replace("ARGUMENTS", "job='job.yaml', prefix='media/', ARGUMENTS"),
    "decorator": DECORATED,
    "subclass": SUBCLASS,
}
MAPPED = """
with dag:
    TriggerInventoryJobOperator.partial(task_id="submit", workflow_ids=WORKFLOW, ARGUMENTS).expand(prefix=["media/"])
"""
forms = pytest.mark.parametrize("form", [*FORMS, "mapped"])
modes = pytest.mark.parametrize("mode", WAITING.values(), ids=WAITING.keys())


def run(form, mode, tmp_path):
    (tmp_path / "job.yaml").write_text(JOB)
    file = tmp_path / "dag_under_test.py"
    text = (HEADER + {**FORMS, "mapped": MAPPED}[form]).replace(
        "ARGUMENTS", f"resubmit_rounds=1, fail_on='any', {mode}"
    )
    file.write_text(text)
    return run_dag_file(file)


@modes
@forms
def test_failed_files_are_resubmitted_for_every_source_of_the_request(emulator, form, mode, tmp_path):
    emulator.configure(failing_keys=("media/0003.mp4",), failing_times=1)
    assert run(form, mode, tmp_path).state == "success"
    first, second = emulator.jobs
    assert (first.files, second.files) == (8, 1)


# Airflow renders the templates of a subclass before its own code runs, and writes them again when the task is resumed.
# 2.11 writes them only at the start of a process, before a file is read and a function is called.
VIEWED = (
    ["arguments", "mapped"] if airflow_version.startswith("2.") else ["arguments", "YAML file", "decorator", "mapped"]
)


@pytest.mark.parametrize("form", VIEWED)
def test_the_rendered_templates_are_the_same_in_both_modes(emulator, form, tmp_path):
    seen = []
    for mode in WAITING.values():
        done = run(form, mode, tmp_path)
        task = ("submit", 0) if form == "mapped" else "submit"
        fields = dict(done.rendered[task])
        if form == "decorator":  # two runs have different dates
            assert fields.pop("start_time").startswith("2026-")
        seen.append(fields)
    assert seen[0] == seen[1]
    assert seen[0]["prefix"] == "media/"


def test_the_request_is_stored_in_an_xcom(emulator, tmp_path: Path):
    xcom = run("decorator", WAITING["deferred"], tmp_path).xcoms["submit"]["submission"]
    [job] = emulator.jobs
    assert (xcom["request"]["prefix"], xcom["request"]["name"]) == ("media/", "nightly")
    assert xcom["series"] == {
        "name": job.name,
        "foreign_ids": [],
        "may_have_duplicates": False,
        "knows_all_tries": True,  # the first try has its own record
    }


LOOP = """
class Both(TriggerInventoryJobOperator):
    def execute(self, context):
        for self.prefix in ("media/0001", "media/0002"):
            super().execute(context)
        if context["ti"].try_number == 1:
            raise ValueError("a later step fails")

with dag:
    Both(
        task_id="submit", workflow_ids=WORKFLOW, prefix="media/", reconcile_timeout=1, retries=1,
        retry_delay=timedelta(seconds=0), ARGUMENTS
    )
"""


@pytest.mark.parametrize(
    "mode", ["wait_for_completion=True, deferrable=False, poll_interval=0.2", "wait_for_completion=False"]
)
def test_a_retry_finds_each_job_of_a_task_that_submits_two(emulator, mode, caplog, capsys):
    done = run_dag_file(HEADER + LOOP.replace("ARGUMENTS", mode))
    assert done.state == "success"
    assert emulator.count("create") == len(emulator.jobs) == 2
    assert "billed twice" not in caplog.text + capsys.readouterr().out
