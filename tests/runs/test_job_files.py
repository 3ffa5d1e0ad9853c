"""``job`` from a file beside the DAG, and templated deeply."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.runs.conftest import only_job
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER

YAML = """
Tag: Transcode
JobLevel: 1
JobParam:
  TemplateId: "{{ params.template }}"
Output:
  Region: ap-beijing
  Bucket: examplebucket-1250000000
  Object: out/{{ task.task_id }}/${InputName}.mp4
"""
JSON = """{"Tag": "Transcode", "JobParam": {"TemplateId": "{{ params.template }}"}, "Output": {"Region": "ap-beijing",
"Bucket": "examplebucket-1250000000", "Object": "out/{{ task.task_id }}/${InputName}.mp4"}}"""


@pytest.fixture
def folder(tmp_path, emulator):
    (tmp_path / "transcode.yaml").write_text(YAML)
    (tmp_path / "transcode.yml").write_text(YAML)
    (tmp_path / "transcode.json").write_text(JSON)
    (tmp_path / "list.yaml").write_text("- Tag")
    (tmp_path / "broken.yaml").write_text("Tag: [")
    return tmp_path


def run(folder, task):
    header = HEADER.replace("schedule=None", f"schedule=None, template_searchpath={str(folder)!r}")
    return run_dag_file(f"{header}with dag:\n    TriggerInventoryJobOperator{task}\n")


ARGUMENTS = "wait_for_completion=True, poll_interval=0.2, deferrable=False, prefix='media/', params={'template': 't7'}"


def check(record):
    operation = record["Operation"]
    assert operation["JobParam"]["TemplateId"] == "t7"
    assert operation["Output"]["Object"] == "out/submit/${InputName}.mp4"


@pytest.mark.parametrize("name", ["transcode.yaml", "transcode.yml", "transcode.json"])
def test_a_file_is_read_and_rendered(folder, name):
    check(run(folder, f"(task_id='submit', job={name!r}, {ARGUMENTS})").xcoms["submit"]["job"])


def test_a_file_may_be_named_by_a_template(folder):
    task = f"(task_id='submit', job='{{{{ \"transcode\" }}}}.yaml', {ARGUMENTS})"
    check(run(folder, task).xcoms["submit"]["job"])


def test_mapped_tasks_may_use_job_files(folder):
    partial = ".partial(task_id='submit', wait_for_completion=True, poll_interval=0.2, prefix='media/', "
    run_ = run(folder, partial + "params={'template': 't7'}).expand(job=['transcode.yaml', 'transcode.json'])")
    assert run_.state == "success"
    for index in (0, 1):
        check(run_.xcoms[("submit", index)]["job"])


def test_templates_in_nested_values_are_rendered(emulator):
    job = (
        "{'Tag': 'Transcode', 'JobParam': {'TemplateId': '{{ params.template }}'}, 'Output': {'Region': 'ap-beijing', "
    )
    job += "'Bucket': 'examplebucket-1250000000', 'Object': 'out/{{ task.task_id }}/${InputName}.mp4'}}"
    check(
        run_dag_file(
            f"{HEADER}with dag:\n    TriggerInventoryJobOperator(task_id='submit', job={job}, {ARGUMENTS})\n"
        ).xcoms["submit"]["job"]
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.yaml", "there is no such file"),
        ("list.yaml", "must be a mapping"),
        ("broken.yaml", "neither JSON nor YAML"),
    ],
)
def test_an_invalid_job_file_is_reported(emulator, folder, name, message):
    run_ = run(folder, f"(task_id='submit', job={name!r}, {ARGUMENTS})")
    assert "InvalidArgumentError" in run_.failure
    assert message in run_.failure
    assert emulator.jobs == []


def test_the_key_of_a_manifest_is_not_read_as_a_job_file(emulator):
    emulator.add_objects("inventory/manifest.json", content='{"files": []}')
    task = "(task_id='submit', workflow_ids=WORKFLOW, manifest='inventory/manifest.json')"
    run_ = run_dag_file(f"{HEADER}with dag:\n    TriggerInventoryJobOperator{task}\n")
    assert run_.failures == [], Path(os.environ["AIRFLOW_HOME"])
    assert only_job(emulator)
