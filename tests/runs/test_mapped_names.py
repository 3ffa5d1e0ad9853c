"""The names of mapped tasks in Airflow's UI, from its database after a run."""

from __future__ import annotations

import re

import pytest
from airflow.utils.session import create_session
from sqlalchemy import text

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from tests.runs.dag_test import run_dag_file
from tests.runs.test_example_dags import example
from tests.runs.test_operator import HEADER

_NAMES = "SELECT task_id, rendered_map_index FROM task_instance WHERE dag_id = :dag_id AND map_index >= 0"


def names_after(source):
    run = run_dag_file(source)
    assert run.state == "success"
    with create_session() as session:
        found = session.execute(text(_NAMES), {"dag_id": run.dag_id}).all()
    return {task: {name for task_id, name in found if task_id == task} for task, _ in found}


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch):
    monkeypatch.setenv("TENCENT_CI_POLL_SECONDS", "0.3")


def test_the_tasks_of_the_fan_out_are_named_by_their_prefixes(emulator):
    assert names_after(example("fan_out")) == {"transcode": {"media/news/", "media/sports/", "media/film/"}}


def test_decorated_tasks_are_named_by_the_arguments_of_the_function(emulator):
    assert names_after(example("decorator")) == {"transcode": {"news", "sports"}}


def test_sensors_are_named_by_their_jobs(emulator):
    names = names_after(
        HEADER
        + f"""
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
with dag:
    submit = TriggerInventoryJobOperator.partial(task_id="submit", prefix="media/").expand_kwargs(
        [dict(workflow_ids="{WORKFLOW_ID}", name="one"), dict(workflow_ids="{WORKFLOW_ID}", name="two")]
    )
    InventoryJobSensor.partial(task_id="wait", poke_interval=0.3).expand(job_id=submit.output)
"""
    )
    assert names["submit"] == {"one", "two"}
    assert names["wait"] == {job.job_id for job in emulator.jobs}


@pytest.mark.parametrize("place", ["dag", "decorator", "argument", "nowhere"])
def test_a_template_in_default_args_names_decorated_tasks(emulator, place):
    defaults = {"default_args": {"map_index_template": "{{ task.task_id }}!"}}
    of_dag = f", **{defaults}" if place == "dag" else ""
    given = {"decorator": defaults, "argument": defaults["default_args"]}.get(place, {})
    names = names_after(
        HEADER.replace("schedule=None", f"schedule=None{of_dag}")
        + f"""
from airflow.providers.common.compat.sdk import task
with dag:
    @task.tencent_ci_inventory_job(**{given})
    def submit(prefix):
        return {{"workflow_ids": WORKFLOW, "prefix": prefix}}
    submit.expand(prefix=["media/"])
    submit.override(task_id="kwargs").expand_kwargs([{{"prefix": "media/"}}])
"""
    )
    expected = ("media/", "media/") if place == "nowhere" else ("submit!", "kwargs!")
    assert (names["submit"], names["kwargs"]) == ({expected[0]}, {expected[1]})


def test_the_signature_of_a_url_is_in_no_name_and_no_error(emulator):
    signed = "https://b.example/m.json?q-sign-algorithm=sha1&q-signature=secret"
    task = "TriggerInventoryJobOperator.partial(task_id='go', workflow_ids='w9', validate=True)"
    run = run_dag_file(f"{HEADER}with dag:\n    {task}.expand(manifest=[{signed!r}])\n")
    assert "no workflow w9" in run.failure
    assert "reading https://b.example/m.json: " in run.failure
    assert "q-sign" not in run.failure
    run_dag_file(f"{HEADER}with dag:\n    {task.replace('w9', WORKFLOW_ID)}.expand(manifest=[{signed!r}])\n")
    [sent] = [request for request in emulator.requests if request.operation == "create"]
    [name] = re.findall("<Name>(.*?)</Name>", sent.body.decode())
    assert "m_json" in name
    assert "sign" not in name
