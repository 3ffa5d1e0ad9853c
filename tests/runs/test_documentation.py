"""What README and docs show is run here."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator.defaults import SECRET_ID, SECRET_KEY
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.runs.conftest import only_job
from tests.runs.dag_test import run_dag_file

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(text, language):
    return [block.replace("\n  ", "\n") for block in re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.M | re.S)]


def containing(found, text):
    [block] = [block for block in found if text in block]
    return block


def test_the_readme_s_dag_runs(emulator, monkeypatch):
    source = containing(blocks(README, "python"), "with DAG(")
    if airflow_version.startswith("2."):
        source = source.replace("from airflow.sdk import DAG", "from airflow import DAG")
    run = run_dag_file(source.replace("deferrable=True", "deferrable=True, poke_interval=0.3"))
    assert run.state == "success"
    assert run.xcoms["wait"]["return_value"]["JobId"] == only_job(emulator).job_id


def with_keys(text, emulator):
    text = text.replace("<SecretId>", SECRET_ID).replace("<SecretKey>", SECRET_KEY)
    return text.replace('"bucket":', f'"endpoint_url": "{emulator.url}", "bucket":')


def test_the_readme_s_environment_variable_connects(emulator, monkeypatch):
    command = containing(blocks(README, "shell"), "export AIRFLOW_CONN_TENCENT_CI_DEFAULT")
    name, _, value = shlex.split(command)[1].partition("=")
    monkeypatch.setenv(name, with_keys(value, emulator))
    assert TencentCIHook().test_connection()[0]


def test_the_readme_s_command_connects(emulator, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT")
    shown = containing(blocks(README, "shell"), "airflow connections add").replace("\\\n", "")
    command = shlex.split(with_keys(shown, emulator))
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    look = [sys.executable, "-m", "airflow", "connections", "get", "tencent_ci_default", "-o", "json"]
    shown = subprocess.run(look, capture_output=True, text=True, timeout=120, check=True).stdout
    [connection] = json.loads(shown[shown.index("[{") :])
    assert (connection["conn_type"], connection["login"]) == ("tencent_ci", SECRET_ID)


def test_the_emulator_page_s_tests_pass(tmp_path):
    [source] = blocks((ROOT / "docs" / "emulator.md").read_text("utf-8"), "python")
    (tmp_path / "test_shown.py").write_text(source, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_page_on_failed_files_has_a_dag_that_runs_them_again(emulator):
    emulator.configure(failing_keys="media/0003.mp4", failing_times=1)
    source = containing(blocks((ROOT / "docs" / "again.md").read_text("utf-8"), "python"), "InventoryJobFailures")
    run = run_dag_file(source.replace("wait_for_completion=True", "wait_for_completion=True, poll_interval=0.3"))
    assert run.state == "success"
    assert [job.files for job in emulator.jobs] == [8, 1]


def test_the_pages_on_errors_and_faults_are_what_code_and_tests_say():
    pages = runpy.run_path(str(ROOT / "scripts" / "write-error-docs"))["pages"]()
    assert set(pages) == {"errors.md", "faults.md"}
    for name, page in pages.items():
        assert (ROOT / "docs" / name).read_text("utf-8") == page, f"{name}: run scripts/write-error-docs"


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_the_readme_names_every_parameter():
    import inspect

    from airflow_provider_tencent_ci.operators.cancel_inventory_job import CancelInventoryJobOperator
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
    from airflow_provider_tencent_ci.resubmitting import ResubmittingOperator
    from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

    for kind in (TriggerInventoryJobOperator, ResubmittingOperator, CancelInventoryJobOperator, InventoryJobSensor):
        for name, parameter in inspect.signature(kind.__init__).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY:
                assert f"`{name}`" in README, name


def test_pages_show_the_examples_that_are_run():
    pages = runpy.run_path(str(ROOT / "scripts" / "write-example-docs"))["pages"]()
    shown = [path for path, page in pages.items() if "<!-- example_dags/" in page]
    assert len(shown) >= 6
    for path, page in pages.items():
        assert path.read_text("utf-8") == page, f"{path.name}: run scripts/write-example-docs"
