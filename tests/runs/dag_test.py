"""Running DAG files the way ``airflow dags test`` does: real task runs, real templates, retries, XCom and triggers."""

from __future__ import annotations

import fcntl
import functools
import inspect
import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

if TYPE_CHECKING:
    import pytest

__all__ = [
    "DATABASE",
    "DagRun",
    "migrate_database",
    "migrated_database",
    "note_failures_of",
    "remember_failures",
    "run_dag_file",
]

_failures: list[BaseException] = []

# The tables that all supported versions have in common; the models that read them are not.
_TASKS = """
    SELECT task_id, map_index, state, try_number FROM task_instance WHERE dag_id = :dag_id AND run_id = :run_id
"""
_RENDERED = """
    SELECT task_id, map_index, rendered_fields FROM rendered_task_instance_fields
    WHERE dag_id = :dag_id AND run_id = :run_id
"""
_XCOMS = "SELECT task_id, map_index, key, value FROM xcom WHERE dag_id = :dag_id AND run_id = :run_id"

DATABASE = "airflow.db"
_NUMBERS = itertools.count()
HOUR = timedelta(hours=1)


@dataclass
class DagRun:
    """
    The results of a run.

    :param states: by task id; by ``(task id, map index)`` for mapped tasks.
    :param xcoms: values by task (as above) and key.
    :param tries: the number of the last try, by task (as above).
    :param rendered: what the UI shows as rendered templates, by task (as above).
    :param failures: the exceptions of the tasks, try by try, where :func:`remember_failures` was called.
    """

    state: str
    dag_id: str
    states: dict[Any, str] = field(default_factory=dict)
    xcoms: dict[Any, dict[str, Any]] = field(default_factory=dict)
    tries: dict[Any, int] = field(default_factory=dict)
    rendered: dict[Any, dict[str, Any]] = field(default_factory=dict)
    failures: list[BaseException] = field(default_factory=list)

    @property
    def failure(self) -> str:
        """The one failure, as its class and text."""
        [failure] = self.failures
        return f"{type(failure).__name__}: {failure}"


def migrate_database() -> None:
    """Make the metadata database in ``AIRFLOW_HOME``, unless there is one that is not empty."""
    os.makedirs(os.environ["AIRFLOW__CORE__DAGS_FOLDER"], exist_ok=True)
    # SQLite copies it, since this process may have opened the empty one already.
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / DATABASE)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
            with closing(sqlite3.connect(migrated_database())) as migrated:
                migrated.backup(database)
    # Tables of 2.11 refer to its users. Their model is imported by what uses the web server, so not by each test.
    with suppress(ImportError):
        import_module("airflow.providers.fab.auth_manager.models")


def migrated_database() -> Path:
    """A migrated database to copy. A migration takes eight seconds of processor time."""

    def migrated(home: Path) -> Path:
        run_with_home(home, "-m", "airflow", "db", "migrate")
        return home / DATABASE

    return made_once(DATABASE, migrated)


def made_once(name: str, make: Callable[[Path], Path]) -> Path:
    """
    Return a file that all processes of a test run share; the first one that needs it makes it.

    :param make: gets a path for a new folder, and returns that of the file, which is moved from there.
    """
    folder = Path(os.environ["TENCENT_CI_TEST_RUN"])
    folder.mkdir(exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            make(folder / f"home-{name}").rename(folder / name)
    return folder / name


def run_with_home(home: Path, *arguments: str) -> None:
    """Run Python in a process whose Airflow has another ``AIRFLOW_HOME``, and the database there."""
    settings = {name: value for name, value in os.environ.items() if name != "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"}
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**settings, "AIRFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def remember_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Record the exceptions of the package's tasks, which run in this process. Callbacks would not do: ``dag.test`` of 3.0
    calls none.
    """
    note_failures_of(monkeypatch, TriggerInventoryJobOperator, InventoryJobSensor)


def note_failures_of(monkeypatch: pytest.MonkeyPatch, *kinds: type) -> None:
    """Do the same for further kinds of tasks."""
    for kind in kinds:
        for method in ("execute", "resume_execution"):
            monkeypatch.setattr(kind, method, _noting(getattr(kind, method)))


def _noting(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def noting(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            if type(error).__name__ not in ("AirflowRescheduleException", "AirflowSkipException"):
                _failures.append(error)
            raise

    return noting


def run_dag_file(
    source: Path | str,
    *,
    dag_id: str | None = None,
    conf: dict[str, Any] | None = None,
    logical_date: datetime | str | None = None,
) -> DagRun:
    """
    Run a DAG of a file, or of a text, from start to end in this process.

    :param source: a path, or the text of a DAG file, in which ``DAG_UNDER_TEST`` becomes a name of its own: Airflow
        3.1 keeps the first DAG of a name in memory.
    :param dag_id: which of several DAGs.
    :param conf: the run's configuration, for ``params``.
    :param logical_date: the date of the run, from which the schedule makes the data interval; each DAG may have a date
        once. By default a new one; ``"none"``: a run without a date, as Airflow 3 starts it by hand or for an asset.
    """
    from airflow.models import DagBag

    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / (source.name if isinstance(source, Path) else "dag_under_test.py")
    number = next(_NUMBERS)
    text = source.read_text("utf-8") if isinstance(source, Path) else source
    for beside in source.parent.glob("*.yaml") if isinstance(source, Path) else ():
        shutil.copy(beside, folder)
    path.write_text(text.replace("DAG_UNDER_TEST", f"dag_{number}"), "utf-8")
    bag = DagBag(str(path))
    assert not bag.import_errors, bag.import_errors
    [dag] = [dag for dag in bag.dags.values() if dag_id in (None, dag.dag_id)]
    _store(bag)
    # Each run has its own date, since a second run of one date would be the first one again.
    date = logical_date if isinstance(logical_date, datetime) else datetime(2026, 2, 1, tzinfo=UTC) + number * HOUR
    parameters = inspect.signature(dag.test).parameters
    named = "logical_date" if "logical_date" in parameters else "execution_date"
    # From 3.0 on, the name of a manual run contains its run_after time, or else the current time.
    dates = {
        named: None if logical_date == "none" else date,
        **({"run_after": date} if "run_after" in parameters else {}),
    }
    _failures.clear()
    _share_api_server()
    run = dag.test(**dates, run_conf=conf)
    return _read(str(getattr(run.state, "value", run.state)), dag.dag_id, run.run_id)


@functools.cache
def _share_api_server() -> None:
    """Let all tasks of this process use one API server: Airflow would create one for each, in a second or more."""
    if not airflow_version.startswith("2."):
        from airflow.sdk.execution_time import supervisor

        supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)


def _store(bag: Any) -> None:
    """Register the assets of a DAG, as ``dag.test`` itself does from 3.1 on."""
    if airflow_version.startswith("2."):
        bag.sync_to_db()
    elif airflow_version.startswith("3.0."):
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        DagBundlesManager().sync_bundles_to_db()
        bag.sync_to_db("dags-folder", None)


def _read(state: str, dag_id: str, run_id: str) -> DagRun:
    from airflow.utils.session import create_session
    from sqlalchemy import text

    found = DagRun(state, dag_id, failures=list(_failures))
    keys = {"dag_id": dag_id, "run_id": run_id}
    with create_session() as session:
        for task_id, map_index, task_state, try_number in session.execute(text(_TASKS), keys):
            found.states[_task(task_id, map_index)] = task_state
            found.tries[_task(task_id, map_index)] = try_number
        for task_id, map_index, key, value in session.execute(text(_XCOMS), keys):
            found.xcoms.setdefault(_task(task_id, map_index), {})[key] = _value(value)
        for task_id, map_index, fields in session.execute(text(_RENDERED), keys):
            found.rendered[_task(task_id, map_index)] = _value(fields)
    return found


def _task(task_id: str, map_index: int) -> Any:
    return task_id if map_index < 0 else (task_id, map_index)


def _value(stored: Any) -> Any:
    """Airflow 2 stores JSON; Airflow 3 stores JSON of JSON where the task's SDK serialised it before."""
    value = json.loads(stored)
    if isinstance(value, str) and value.startswith(("{", "[", '"')):
        value = json.loads(value)
    return value
