"""
Record what Airflow stores for tasks of the release before: its database, with tasks that are deferred or have failed.

It runs with that release's package and any supported Airflow, in an empty ``AIRFLOW_HOME``::

    git worktree add /tmp/before f540075
    PYTHONPATH=/tmp/before AIRFLOW_HOME=$(mktemp -d) .venv/bin/python tests/upgrades/record.py tests/upgrades

It writes ``airflow-<version>.sql.gz``, the database, and ``airflow-<version>.json``: the jobs of each task, and the
events of the triggers. Keys are not encrypted, so that a test can replace the ids of the jobs.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.update(
    AIRFLOW__CORE__FERNET_KEY="",
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(os.environ["AIRFLOW_HOME"]) / "dags"),
    AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS="False",
)

from airflow import __version__ as airflow_version
from airflow.utils.session import create_session
from nights import DAG_ID, FIRST_NIGHT, PREFIX, TASKS, WORKFLOW, dag_text

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggers.capacity import InventoryJobCapacityTrigger
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

ROUNDS = {"on_partial_failure": "resubmit_failed", "resubmit_rounds": 1}
IS_AIRFLOW_2 = airflow_version.startswith("2.")
HAS_WORKERLESS = not airflow_version.startswith(("2.", "3.0", "3.1", "3.2"))
WORKERLESS = ("started", "ends_there")
DATABASE = Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"

# Texts of the machine that recorded.
HOME = re.compile(re.escape(os.environ["AIRFLOW_HOME"]))


def main(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, timeout=300)
    dag = parse_dag()
    run = create_run(dag)
    jobs = {task_id: record_task(dag, run, task_id) for task_id in dag.task_dict}
    recorded = {"jobs": jobs, "events": {**events_of_waits(), **events_of_capacity()}}
    (folder / f"airflow-{airflow_version}.json").write_text(json.dumps(recorded, indent=1) + "\n", "utf-8")
    packed = gzip.compress(dump().encode(), mtime=0)
    (folder / f"airflow-{airflow_version}.sql.gz").write_bytes(packed)


def dump() -> str:
    """Return the database as SQL, without what tells about this machine."""
    with closing(sqlite3.connect(DATABASE)) as database:
        database.executescript(
            """
            DELETE FROM log;
            DELETE FROM job;
            UPDATE task_instance SET hostname = 'worker', unixname = 'airflow', pid = NULL;
            UPDATE task_instance_history SET hostname = 'worker', unixname = 'airflow', pid = NULL;
            """
        )
        database.commit()
        return HOME.sub("/opt/airflow", "\n".join(database.iterdump()))


def parse_dag() -> Any:
    """Write the DAG file and store the DAG as Airflow's DAG processor does."""
    from airflow.models import DagBag

    path = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]) / "nights.py"
    path.parent.mkdir(exist_ok=True)
    tasks = [task_id for task_id in TASKS if HAS_WORKERLESS or task_id not in WORKERLESS]
    path.write_text(dag_text(ROUNDS, tasks), "utf-8")
    bag = DagBag(str(path))
    assert not bag.import_errors, bag.import_errors
    store_dags(bag)
    return bag.dags[DAG_ID]


def store_dags(bag: Any) -> None:
    if IS_AIRFLOW_2:
        bag.sync_to_db()
        return
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)


def create_run(dag: Any) -> Any:
    """Create the run of the first night as the scheduler does."""
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunType

    ends_at = datetime.fromisoformat(FIRST_NIGHT)
    begins_at = ends_at - timedelta(days=1)
    common: dict[str, Any] = {
        "run_id": f"scheduled__{begins_at.isoformat()}",
        "data_interval": (begins_at, ends_at),
        "run_type": DagRunType.SCHEDULED,
        "state": DagRunState.RUNNING,
        "start_date": ends_at,
    }
    if IS_AIRFLOW_2:
        return dag.create_dagrun(execution_date=begins_at, **common)
    from airflow.utils.types import DagRunTriggeredByType

    return stored_dag().create_dagrun(
        logical_date=begins_at, run_after=ends_at, triggered_by=DagRunTriggeredByType.TIMETABLE, **common
    )


def record_task(dag: Any, run: Any, task_id: str) -> list[dict[str, Any]]:
    """Run a task until it is deferred, or has failed, and return the jobs that there are then."""
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator:
        os.environ["AIRFLOW_CONN_TENCENT_CI_DEFAULT"] = emulator.connection_json()
        if task_id == "capacity" or "sensor" in TASKS[task_id]:
            os.environ["AIRFLOW_VAR_JOB_ID"] = submit("nightly")
        if task_id in ("second_round", "capacity_of_round"):
            emulator.configure(failing_keys=(f"{PREFIX}0003.mp4",), failing_times=1)
        run_task(dag, run, task_id)
        if task_id in ("second_round", "capacity_of_round"):
            emulator.finish_job(emulator.jobs[0].job_id)
            if task_id == "capacity_of_round":
                submit("nightly")
            resume(dag, run, task_id)
        assert state_of(run, task_id) == ("up_for_retry" if "failed" in task_id else "deferred"), state_of(run, task_id)
        with TencentCIHook() as hook:
            return [hook.get_inventory_job(job.job_id).to_dict() for job in emulator.jobs]


def submit(name: str) -> str:
    return TencentCIHook().trigger_inventory_job(name=name, workflow_ids=WORKFLOW, prefix=PREFIX).job_id


def instance(run: Any, task_id: str, session: Any) -> Any:
    from airflow.models.taskinstance import TaskInstance

    found = session.query(TaskInstance).filter_by(dag_id=DAG_ID, run_id=run.run_id, task_id=task_id).all()
    return max(found, key=lambda ti: ti.map_index)


def state_of(run: Any, task_id: str) -> str:
    with create_session() as session:
        state = instance(run, task_id, session).state
        return str(getattr(state, "value", state))


def run_task(dag: Any, run: Any, task_id: str) -> None:
    """Start the first try of a task as ``dag.test`` does, without its triggers."""
    with create_session() as session:
        run = session.merge(run)
        run.dag = dag if IS_AIRFLOW_2 else stored_dag()
        run.task_instance_scheduling_decisions(session=session)  # expands mapped tasks
        session.flush()
        ti = instance(run, task_id, session)
        if task_id == "started":
            ti.task = run.dag.get_task(task_id)
            ti.refresh_from_task(ti.task)
            run.schedule_tis([ti], session=session)
            return
        ti.try_number += 1
    execute(dag, run, task_id)


def stored_dag() -> Any:
    from airflow.models.serialized_dag import SerializedDagModel

    with create_session() as session:
        return SerializedDagModel.get_dag(DAG_ID, session=session)


def execute(dag: Any, run: Any, task_id: str) -> None:
    task = dag.get_task(task_id)
    with create_session() as session:
        ti = instance(run, task_id, session)
        if IS_AIRFLOW_2:
            ti.task = task
            ti.state = "queued"
            session.flush()
            try:
                if ti.check_and_change_state_before_execution(ignore_task_deps=True, session=session):
                    ti._run_raw_task(session=session, raise_on_defer=False)
            except Exception as error:
                print("the task failed:", error)
            return
        session.expunge(ti)
    from airflow.sdk.definitions.dag import _run_task

    _run_task(ti=ti, task=task, run_triggerer=False)


def resume(dag: Any, run: Any, task_id: str) -> None:
    """Run a task's trigger, give its event to Airflow, and resume the task."""
    from airflow.models.trigger import Trigger
    from airflow.triggers.base import TriggerEvent

    with create_session() as session:
        row = session.get(Trigger, instance(run, task_id, session).trigger_id)
        trigger_id, arguments = row.id, dict(row.kwargs)
    [payload] = events_of(InventoryJobTrigger(**arguments))
    with create_session() as session:
        Trigger.submit_event(trigger_id, TriggerEvent(payload), session=session)
    execute(dag, run, task_id)


def events_of(trigger: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    return asyncio.run(asyncio.wait_for(collect(), 60))


def events_of_waits() -> dict[str, Any]:
    """Return each kind of event of a wait for a job, by its name."""
    events = {}
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator:
        os.environ["AIRFLOW_CONN_TENCENT_CI_DEFAULT"] = emulator.connection_json()
        for name, end in (
            ("success", emulator.finish_job), ("failed", emulator.fail_job), ("cancelled", emulator.cancel_job),
        ):  # fmt: skip
            job_id = submit("nightly")
            end(job_id)
            [events[name]] = events_of(InventoryJobTrigger(job_id, poll_interval=0.1))
        job_id = submit("nightly")
        [events["deadline"]] = events_of(InventoryJobTrigger(job_id, deadline_at="2026-11-25T18:00:01+00:00"))
    [events["lost_contact"]] = events_of(InventoryJobTrigger(job_id, poll_interval=0.1, contact_timeout=0.3))
    return events


def events_of_capacity() -> dict[str, Any]:
    """Return each kind of event of a wait for capacity, by its name."""
    events = {}
    with Emulator() as emulator:
        os.environ["AIRFLOW_CONN_TENCENT_CI_DEFAULT"] = emulator.connection_json()
        [events["capacity"]] = events_of(InventoryJobCapacityTrigger(1, poll_interval=0.1))
    trigger = InventoryJobCapacityTrigger(1, poll_interval=0.1, contact_timeout=0.3)
    [events["capacity_unknown"]] = events_of(trigger)
    return events


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
