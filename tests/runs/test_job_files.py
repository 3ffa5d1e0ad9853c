"""``job`` from a file beside the DAG, and templated deeply."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.submission.job_file import read_job
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


def run(folder, task, imports=""):
    header = imports + HEADER.replace("schedule=None", f"schedule=None, template_searchpath={str(folder)!r}")
    return run_dag_file(f"{header}with dag:\n    TriggerInventoryJobOperator{task}\n")


ARGUMENTS = "wait_for_completion=True, poll_interval=0.2, deferrable=False, prefix='media/', params={'template': 't7'}"


def check(record):
    operation = record["Operation"]
    assert operation["JobParam"]["TemplateId"] == "t7"
    assert operation["Output"]["Object"] == "out/submit/${InputName}.mp4"


AS_WRITTEN = {
    "FontColor": "0xF0F8F0",
    "StartTime": "1:30",
    "Dy": "010",
    "Dx": "1_000",
    "Speed": "1.50",
    "Size": "1e5",
    "Text": "No",
    "Show": "yes",
    "Loop": "true",
    "Day": "2026-01-02",
    "Moment": "2026-01-02T03:04:05Z",
    "Tilde": "a~",
    "Octal": "0o14",
    "Infinity": ".inf",
}
PLAIN_YAML = "\n".join(f"    {name}: {value}" for name, value in AS_WRITTEN.items())
QUOTED_YAML = "\n".join(f"    '{name}': \"{value}\"" for name, value in AS_WRITTEN.items())
PLAIN_JSON = (
    '{"Tag": "T", "JobParam": {"T": {"Speed": 1.50, "Size": 1e5, "Loop": true, '
    '"Big": 123456789012345678901, "None": null}}}'
)


@pytest.mark.parametrize("nodes", [PLAIN_YAML, QUOTED_YAML], ids=["plain", "quoted"])
def test_values_are_read_as_they_are_written(nodes):
    job = read_job(f"Tag: T\nUserData: 2026_01\nEmpty:\nTilde: ~\nJobParam:\n  T:\n{nodes}\n", {}, None)
    assert job["JobParam"]["T"] == AS_WRITTEN
    assert (job["UserData"], job["Empty"], job["Tilde"]) == ("2026_01", None, None)


def test_numbers_of_json_are_read_as_they_are_written():
    assert read_job(PLAIN_JSON, {}, None)["JobParam"]["T"] == {
        "Speed": "1.50",
        "Size": "1e5",
        "Loop": True,
        "Big": "123456789012345678901",
        "None": None,
    }
    assert read_job('{"Tag": "\\ud83c\\udfac\\/"}', {}, None) == {"Tag": "🎬/"}


def test_yaml_s_anchors_and_merge_keys_are_read():
    job = read_job("Tag: T\nA: &a {X: 010}\nB:\n  <<: *a\n  Y: 1:30\n", {}, None)
    assert job["B"] == {"X": "010", "Y": "1:30"}


def test_a_tag_of_python_is_refused():
    with pytest.raises(InvalidArgumentError, match="neither JSON nor YAML"):
        read_job("Tag: !!python/object/apply:os.getcwd []\n", {}, None)


def test_the_values_of_a_file_are_sent_as_they_are_written(folder):
    (folder / "written.yaml").write_text(f"Tag: T\nJobParam:\n  T:\n{PLAIN_YAML}\n")
    record = run(folder, f"(task_id='submit', job='written.yaml', {ARGUMENTS})").xcoms["submit"]["job"]
    assert record["Operation"]["JobParam"]["T"] == AS_WRITTEN


@pytest.mark.parametrize("name", ["transcode.yaml", "transcode.yml", "transcode.json"])
def test_a_file_is_read_and_rendered(folder, name):
    check(run(folder, f"(task_id='submit', job={name!r}, {ARGUMENTS})").xcoms["submit"]["job"])


@pytest.mark.parametrize("kind", ["str", "ObjectStoragePath", "Path"])
def test_a_file_in_object_storage_is_read_and_rendered(folder, kind):
    imports = "from pathlib import Path; from airflow.providers.common.compat.sdk import ObjectStoragePath"
    path = "Path('transcode.yaml')" if kind == "Path" else f"{kind}('file://{folder}/transcode.yaml')"
    task = f"(task_id='submit', job={path}, {ARGUMENTS})"
    check(run(folder, task, imports).xcoms["submit"]["job"])


def test_a_missing_file_in_object_storage_is_refused(folder, emulator):
    done = run(folder, f"(task_id='submit', job='file://{folder}/none.yaml', prefix='media/')")
    assert done.failure.startswith(
        f"InvalidArgumentError: job='file://{folder}/none.yaml' cannot be read: FileNotFound"
    )
    assert emulator.jobs == []


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
