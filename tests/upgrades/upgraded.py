"""
A database that the release before has left, with tasks that are deferred or have failed, under this release.

``record.py`` made the files beside this one. A database of an earlier Airflow is migrated by the installed one first.
Then each step is Airflow's own: the trigger is made from its row, its event is submitted, a task's next process is run.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.core.api.put_object import put_object
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures
from tests.runs.dag_test import DATABASE, _share_api_server, _store, _value, made_once, run_with_home
from tests.upgrades.nights import DAG_ID, PREFIX, WORKFLOW, dag_text

__all__ = ["FAILING_KEY", "IS_AIRFLOW_2", "RECORDED_VERSIONS", "Upgraded", "database_of", "each_version", "events_of"]

HERE = Path(__file__).parent
IS_AIRFLOW_2 = airflow_version.startswith("2.")

# On SQLite, 3.0 and 3.1 give two task instances the same new id: "UNIQUE constraint failed".
_CANNOT_MIGRATE = airflow_version.startswith(("3.0.", "3.1."))

# A database can be migrated to a later Airflow only.
RECORDED_VERSIONS = [
    version
    for version in sorted(path.stem.removeprefix("airflow-") for path in HERE.glob("airflow-*.json"))
    if version == airflow_version or (Version(version) < Version(airflow_version) and not _CANNOT_MIGRATE)
]
each_version = pytest.mark.parametrize("version", RECORDED_VERSIONS)

FAILING_KEY = f"{PREFIX}0003.mp4"

# Airflow 3.3.2 cannot migrate this database of SQLite by itself: with foreign keys, a table that is made again deletes
# all task instances and XComs. Without them, a migration of task_instance_history fails if that has any row.
_MIGRATE = """
import sys
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "begin")
def without_foreign_keys(connection):
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")

from airflow.__main__ import main
sys.argv = ["airflow", "db", "migrate"]
main()
"""

# iterdump() expects the table that SQLite makes with the first such column.
_SEQUENCES = "CREATE TABLE temporary (id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE temporary;"

_FOLDER_OF_RECORDING = "/opt/airflow"


@functools.cache
def recorded(version: str) -> dict[str, Any]:
    """The jobs of each task, and the triggers' events."""
    return json.loads((HERE / f"airflow-{version}.json").read_text("utf-8"))  # type: ignore[no-any-return]


def events_of(version: str, job_id: str) -> dict[str, Any]:
    """Return the recorded events, about this job."""
    return {
        name: json.loads(json.dumps(event).replace(str(event.get("job_id")), job_id))
        for name, event in recorded(version)["events"].items()
    }


@functools.cache
def _migrated(version: str) -> str:
    """The recorded database as the installed Airflow has it, as SQL."""
    return made_once(f"recorded-{version}.sql", functools.partial(_migrate, version)).read_text("utf-8")


def _migrate(version: str, home: Path) -> Path:
    text = gzip.decompress((HERE / f"airflow-{version}.sql.gz").read_bytes()).decode()
    home.mkdir()
    if version != airflow_version:
        with closing(sqlite3.connect(home / DATABASE)) as database:
            database.executescript(f"{_SEQUENCES}{text}")
            database.execute("DELETE FROM task_instance_history")
            database.commit()
        run_with_home(home, "-c", _MIGRATE)
        with closing(sqlite3.connect(home / DATABASE)) as database:
            text = "\n".join(database.iterdump())
    script = home / "recorded.sql"
    script.write_text(text, "utf-8")
    return script


def _as_bytes(text: str) -> str:
    """Return the text as SQL has it in bytes, as the XComs of Airflow 2 are."""
    return text.encode().hex().upper()


@contextlib.contextmanager
def database_of(version: str, ids: dict[str, str]) -> Iterator[None]:
    """
    Let Airflow have the recorded database, and give it its own one back at the end.

    :param ids: the jobs that there are for each recorded JobId.
    """
    text = _migrated(version).replace(_FOLDER_OF_RECORDING, os.environ["AIRFLOW_HOME"])
    for recorded_id, job_id in ids.items():
        text = text.replace(recorded_id, job_id).replace(_as_bytes(recorded_id), _as_bytes(job_id))
    # SQLite copies each: this process has the file open.
    with (
        closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / DATABASE)) as database,
        closing(sqlite3.connect(":memory:")) as own,
        closing(sqlite3.connect(":memory:")) as former,
    ):
        former.executescript(f"{_SEQUENCES}{text}")
        if former.execute("SELECT 1 FROM sqlite_master WHERE name = 'task_state_store'").fetchone():
            former.execute("UPDATE task_state_store SET expires_at = '2126-01-01 00:00:00'")  # kept for 30 days
            former.commit()
        database.backup(own)
        former.backup(database)
        try:
            yield
        finally:
            own.backup(database)


@dataclass
class Upgraded:
    """
    One task of the recorded database.

    :param jobs: its jobs in the emulator, the oldest first.
    """

    version: str
    task_id: str
    emulator: Emulator
    jobs: list[str]
    dag: Any = None
    run_id: str = "scheduled__2026-11-24T18:00:00+00:00"

    @classmethod
    @contextlib.contextmanager
    def of(cls, version: str, task_id: str, emulator: Emulator) -> Iterator[Upgraded]:
        """Restore the database and the task's jobs, and install this release: it stores the DAG again."""
        former = recorded(version)["jobs"][task_id]
        ids = {job["JobId"]: _create_again(emulator, job, fails="round" in task_id) for job in former}
        with database_of(version, ids):
            upgraded = cls(version, task_id, emulator, list(ids.values()))
            upgraded.dag = upgraded._store_dag()
            yield upgraded

    @property
    def new_jobs(self) -> list[Any]:
        """The jobs that this release has submitted."""
        return [job for job in self.emulator.jobs if job.job_id not in self.jobs]

    @property
    def state(self) -> str:
        with _session() as session:
            state = self._row(session).state
            return str(getattr(state, "value", state))

    @property
    def xcoms(self) -> dict[str, Any]:
        from sqlalchemy import text

        where = {"dag_id": DAG_ID, "run_id": self.run_id, "task_id": self.task_id}
        query = text("SELECT key, value FROM xcom WHERE dag_id = :dag_id AND run_id = :run_id AND task_id = :task_id")
        with _session() as session:
            return {key: _value(value) for key, value in session.execute(query, where)}

    def trigger(self) -> Any:
        """Make the stored trigger as the triggerer does."""
        from airflow.models.trigger import Trigger

        with _session() as session:
            ti = self._row(session)
            row = session.get(Trigger, ti.trigger_id)
            module, _, name = row.classpath.rpartition(".")
            trigger = getattr(import_module(module), name)(**_decoded(row))
            trigger.task_instance = SimpleNamespace(
                **{name: getattr(ti, name) for name in ("dag_id", "task_id", "run_id", "map_index", "try_number")},
                **({} if IS_AIRFLOW_2 else {"id": ti.id}),
            )
            trigger.timeout_after = ti.trigger_timeout
        return trigger

    def event(self) -> Any:
        """Run the stored trigger to its event."""
        trigger = self.trigger()

        async def first() -> Any:
            return await asyncio.wait_for(anext(trigger.run()), 60)

        with self.in_triggerer():
            return asyncio.run(first())

    def resume(self, event: Any) -> None:
        """Give an event of the trigger to Airflow, and run the process in which the task resumes."""
        from airflow.models.trigger import Trigger
        from airflow.triggers.base import TriggerEvent

        with _session() as session:
            event = event if isinstance(event, TriggerEvent) else TriggerEvent(event)
            Trigger.submit_event(self._row(session).trigger_id, event, session=session)
        if self.state == "scheduled":
            self.execute()

    def fail_trigger(self, error: Exception) -> None:
        """Do what the triggerer does if it cannot run the trigger."""
        from airflow.models.trigger import Trigger

        with _session() as session:
            Trigger.submit_failure(self._row(session).trigger_id, error, session=session)

    def retry(self) -> None:
        """Run the next try."""
        assert self.state == "up_for_retry"
        with _session() as session:
            self._row(session).try_number += 1
        self.execute()

    def begin_next_night(self) -> tuple[datetime, datetime]:
        """Create the next run as the scheduler does, go on with its task, and return its interval."""
        from airflow.models.dag import DagModel
        from airflow.utils.state import DagRunState
        from airflow.utils.types import DagRunType

        with _session() as session:
            interval = session.get(DagModel, DAG_ID).next_dagrun_data_interval
        arguments: dict[str, Any] = {
            "run_id": f"scheduled__{interval.start.isoformat()}",
            "data_interval": (interval.start, interval.end),
            "run_type": DagRunType.SCHEDULED,
            "state": DagRunState.RUNNING,
            "start_date": interval.end,
        }
        _create_run(self.dag, interval, arguments)
        self.run_id = arguments["run_id"]
        self.set(try_number=1)
        return interval.start, interval.end

    def set(self, **values: Any) -> None:
        """Change the task's row."""
        with _session() as session:
            ti = self._row(session)
            for name, value in values.items():
                setattr(ti, name, value)

    def forget(self, key: str) -> None:
        """Delete an XCom of the task."""
        from sqlalchemy import text

        where = {"run_id": self.run_id, "task_id": self.task_id, "key": key}
        with _session() as session:
            session.execute(text("DELETE FROM xcom WHERE run_id=:run_id AND task_id=:task_id AND key=:key"), where)

    def execute(self) -> None:
        """Run one process of the task."""
        task = self.dag.get_task(self.task_id)
        if IS_AIRFLOW_2:
            _execute_in_2(self._row, task)
            return
        from airflow.sdk.definitions.dag import _run_task

        with _session() as session:
            ti = self._row(session)
            session.expunge(ti)
        _run_task(ti=ti, task=task, run_triggerer=False)

    def stored_trigger(self) -> Any:
        """The trigger as the triggerer gets it (Airflow 3)."""
        from airflow.executors.workloads import RunTrigger
        from airflow.models.trigger import Trigger

        with _session() as session:
            row = session.get(Trigger, self._row(session).trigger_id)
            return RunTrigger(id=row.id, classpath=row.classpath, encrypted_kwargs=row.encrypted_kwargs)

    def execute_on_worker(self) -> None:
        """Run one process of the task as a worker does: it reads the DAG file first (Airflow 3.3)."""
        from airflow.executors.workloads import BundleInfo
        from airflow.sdk.api.datamodels._generated import TaskInstance
        from airflow.sdk.execution_time.supervisor import ActivitySubprocess, InProcessTestSupervisor

        self.set(state="queued")
        with _session() as session:
            ti = self._row(session)
            names = ("id", "task_id", "dag_id", "run_id", "try_number", "map_index", "dag_version_id")
            what = TaskInstance(**{name: getattr(ti, name) for name in names})
        process = ActivitySubprocess.start(
            what=what,
            dag_rel_path="nights.py",
            bundle_info=BundleInfo(name="dags-folder"),
            client=InProcessTestSupervisor._api_client(self.dag),
        )
        process.wait()

    @contextlib.contextmanager
    def in_triggerer(self) -> Iterator[None]:
        """Let a trigger ask Airflow, as in a triggerer."""
        if IS_AIRFLOW_2:
            yield
            return
        from airflow.sdk.execution_time import supervisor

        if not hasattr(supervisor, "set_supervisor_comms"):
            yield
            return
        import psutil
        import structlog

        own = supervisor.InProcessTestSupervisor(
            id=self._id(),
            pid=os.getpid(),
            process=psutil.Process(),
            process_log=structlog.get_logger(logger_name="task").bind(),
            client=supervisor.InProcessTestSupervisor._api_client(),
        )
        own.comms = supervisor.InProcessSupervisorComms(supervisor=own)
        with supervisor.set_supervisor_comms(own.comms):
            yield

    def _id(self) -> Any:
        with _session() as session:
            return self._row(session).id

    def _row(self, session: Any) -> Any:
        from airflow.models.taskinstance import TaskInstance

        found = session.query(TaskInstance).filter_by(dag_id=DAG_ID, run_id=self.run_id, task_id=self.task_id).all()
        return max(found, key=lambda ti: ti.map_index)

    def _store_dag(self) -> Any:
        from airflow.models import DagBag

        path = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]) / "nights.py"
        for file in path.parent.glob("*"):
            file.unlink() if file.is_file() else None
        # A running Airflow knows the same tasks as before the upgrade.
        text = dag_text({"resubmit_rounds": 1}, recorded(self.version)["jobs"], {"reconcile_timeout": 1})
        path.write_text(text, "utf-8")
        bag = DagBag(str(path))
        assert not bag.import_errors, bag.import_errors
        if not IS_AIRFLOW_2:
            _share_api_server()
            _store_in_3(bag)
        else:
            _store(bag)
        return bag.dags[DAG_ID]


def _create_again(emulator: Emulator, record: dict[str, Any], *, fails: bool) -> str:
    """
    Submit a recorded job, with its name and its input, and bring it into its state.

    :param fails: whether one of its files fails, if it is the first job that has the file.
    """
    with TencentCIHook() as hook:
        if key := record["Input"].get("UrlFile"):
            failures = InventoryJobFailures([FAILING_KEY])
            hook.run(put_object(key, failures.url_list(hook.config.bucket, hook.config.region)))
        elif fails:
            emulator.configure(failing_keys=(FAILING_KEY,), failing_times=1)
        job = hook.trigger_inventory_job(
            name=record["Name"],
            workflow_ids=WORKFLOW,
            prefix=record["Input"].get("Prefix"),
            url_file=key,
        )
    if record["State"] == "Success":
        emulator.finish_job(job.job_id)
    return job.job_id


def _session() -> Any:
    from airflow.utils.session import create_session

    return create_session()


def _decoded(row: Any) -> dict[str, Any]:
    """Decode a trigger's arguments as jobs/triggerer_job_runner.py does."""
    if IS_AIRFLOW_2:
        return dict(row.kwargs)
    try:
        from airflow.serialization.decoders import smart_decode_trigger_kwargs
    except ImportError:  # before 3.2
        from airflow.sdk.definitions._internal.mixins import ResolveMixin  # noqa: F401

        return dict(row.kwargs)
    return {name: smart_decode_trigger_kwargs(value) for name, value in row.kwargs.items()}


def _store_in_3(bag: Any) -> None:
    """Store a DAG as the DAG processor does, and give its tasks a version as the scheduler does after a migration."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.models.dag_version import DagVersion
    from airflow.models.taskinstance import TaskInstance

    DagBundlesManager().sync_bundles_to_db()
    try:
        from airflow.dag_processing.dagbag import sync_bag_to_db
    except ImportError:  # before 3.2
        bag.sync_to_db("dags-folder", None)
    else:
        sync_bag_to_db(bag, "dags-folder", None)
    with _session() as session:
        version = DagVersion.get_latest_version(DAG_ID, session=session)
        for ti in session.query(TaskInstance).filter_by(dag_id=DAG_ID, dag_version_id=None):
            ti.dag_version_id = version.id


def _create_run(dag: Any, interval: Any, arguments: dict[str, Any]) -> None:
    if IS_AIRFLOW_2:
        dag.create_dagrun(execution_date=interval.start, **arguments)
        return
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.types import DagRunTriggeredByType

    with _session() as session:
        stored = SerializedDagModel.get_dag(DAG_ID, session=session)
    stored.create_dagrun(
        logical_date=interval.start, run_after=interval.end, triggered_by=DagRunTriggeredByType.TIMETABLE, **arguments
    )


def _execute_in_2(row: Callable[[Any], Any], task: Any) -> None:
    with _session() as session:
        ti = row(session)
        ti.task = task
        ti.state = "queued"
        session.flush()
        with contextlib.suppress(Exception, AirflowTaskTimeout):  # what a failed task raises
            if ti.check_and_change_state_before_execution(ignore_task_deps=True, session=session):
                ti._run_raw_task(session=session, raise_on_defer=False)
