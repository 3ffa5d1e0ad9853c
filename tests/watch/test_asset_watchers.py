"""Asset watchers in a running Airflow: the end of a batch starts a run of each DAG that is scheduled on it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.environment import environment_put_back
from tests.stack.runs import wait_for

pytestmark = [
    pytest.mark.stack,
    pytest.mark.xdist_group("watch"),
    pytest.mark.skipif(airflow_version < "3", reason="Airflow 2.11 has no asset watchers"),
]
can_share = pytest.mark.skipif(airflow_version < "3.3", reason="earlier versions neither share nor remember")

DAGS = """
from datetime import datetime, timezone

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_tencent_ci.triggers.inventory_job_event import InventoryJobEventTrigger

for name in ("nightly", "weekly"):
    trigger = InventoryJobEventTrigger(name=name + "-*", poll_interval=1)
    asset = Asset(name, watchers=[AssetWatcher(name=name + "_watcher", trigger=trigger)])
    with DAG("after_" + name, schedule=[asset], start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False):
        @task
        def note(triggering_asset_events=None):
            events = [event for events in triggering_asset_events.values() for event in events]
            return [job["JobId"] for event in events for job in event.extra["payload"]["jobs"]]
        note()
"""

SETTINGS = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
    "PYTHONPATH": str(Path(__file__).parents[2]),
}


@pytest.fixture(scope="module")
def emulator():
    with Emulator(submitted_seconds=0, run_seconds=24 * 3600) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def airflow(emulator, tmp_path_factory):
    from showcase.stack import AirflowStack, free_port

    folder = tmp_path_factory.mktemp("dags")
    (folder / "watch.py").write_text(DAGS, "utf-8")
    with environment_put_back(AIRFLOW_CONN_TENCENT_CI_DEFAULT=emulator.connection_json()):
        submit("earlier")  # so that the bucket has a youngest job
        with AirflowStack(folder, free_port(), SETTINGS) as stack:
            stack.finish_database(stack.begin_database())
            stack.start()
            stack.wait_until_ready()
            stack.api.log_in()
            wait_for(lambda: stack.api.has_dag("after_weekly"), 120, lambda: "the DAGs are not known")
            wait_for_looks(emulator)
            yield stack
            print((stack.home / "triggerer.log").read_text("utf-8", "replace")[-6000:])


def submit(name):
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name=name, workflow_ids=WORKFLOW_ID, prefix="media/").job_id


def wait_for_looks(emulator, number=3):
    lists = emulator.count("list") + 2 * number + 1
    wait_for(lambda: emulator.count("list") >= lists, 120, lambda: "nobody looks")


def reported(airflow, dag_id):
    """The jobs in the events of a DAG's runs; a run that is not finished has none."""
    runs = airflow.api.runs(dag_id)
    return [
        job_id for run_id in sorted(runs) for job_id in airflow.api.xcom(dag_id, run_id, "note", "return_value") or []
    ]


def wait_for_report(airflow, dag_id, job_id):
    wait_for(
        lambda: job_id in reported(airflow, dag_id),
        120,
        lambda: f"runs of {dag_id}: {airflow.api.runs(dag_id)}; {reported(airflow, dag_id)}",
    )


def test_an_ended_batch_starts_the_dag_that_is_scheduled_on_it(airflow, emulator):
    job_id = submit("nightly-1")
    wait_for_looks(emulator)
    emulator.finish_job(job_id)
    wait_for_report(airflow, "after_nightly", job_id)
    assert airflow.api.runs("after_weekly") == {}
    other = submit("weekly-1")
    emulator.fail_job(other)  # created and ended between two polls, or almost
    wait_for_report(airflow, "after_weekly", other)
    assert reported(airflow, "after_nightly") == [job_id]


@can_share
def test_two_watchers_of_one_bucket_share_one_poll(airflow, emulator):
    wait_for_looks(emulator, 5)
    listed = [parse_qs(request.query)["states"][0] for request in emulator.requests if request.operation == "list"]
    active, ended = "Submitted,Running,Pause", "Success,Failed,Cancel"
    assert listed[:3] == [ended, active, ended]
    assert listed[3:] == ([active, ended] * len(listed))[: len(listed) - 3]


@can_share
def test_a_batch_that_ends_without_a_triggerer_is_reported_once_one_runs_again(airflow, emulator):
    job_id = submit("nightly-2")
    wait_for_looks(emulator)  # after which it is recorded as active
    before = reported(airflow, "after_nightly")
    [triggerer] = airflow.triggerers
    airflow.give_up(triggerer)
    emulator.finish_job(job_id)
    airflow.start_triggerer()
    wait_for_report(airflow, "after_nightly", job_id)
    wait_for_looks(emulator)
    assert reported(airflow, "after_nightly") == [*before, job_id]


def test_batches_that_end_together_are_all_seen_without_another_batch(airflow, emulator):
    before = reported(airflow, "after_nightly")
    together = [submit(f"nightly-together-{number}") for number in range(4)]
    wait_for_looks(emulator)
    emulator.inject(Fault("internal_error", operation="list", times=5))  # no poll sees some of them ended
    for job_id in together:
        emulator.finish_job(job_id)
    for job_id in together:
        wait_for_report(airflow, "after_nightly", job_id)
    assert sorted(reported(airflow, "after_nightly")) == sorted([*before, *together])
