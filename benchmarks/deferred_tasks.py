"""
Puts deferred tasks with their triggers into Airflow's database, as if workers had deferred them.

``python -m benchmarks.deferred_tasks`` reads a JSON list of ``[class path, arguments]`` from its input. They become
mapped instances of the one task of the one DAG run that there is. To have ten thousand workers defer them would take
hours, and workers are not measured.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from airflow.models.dag_version import DagVersion
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import func, select

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["DAG_ID", "TASK_ID", "defer"]

DAG_ID, TASK_ID = "waits", "wait"


def defer(triggers: list[tuple[str, dict[str, Any]]], session: Session) -> None:
    """Add a deferred task instance for each trigger."""
    run = session.scalars(select(DagRun).where(DagRun.dag_id == DAG_ID)).one()
    dag = DBDagBag().get_latest_version_of_dag(DAG_ID, session=session)
    version = DagVersion.get_latest_version(DAG_ID, session=session)
    assert dag is not None
    assert version is not None
    task, last = dag.get_task(TASK_ID), session.scalar(select(func.max(TaskInstance.map_index))) or 0
    for map_index, (classpath, arguments) in enumerate(triggers, start=last + 1):
        instance = TaskInstance(
            task, version.id, run_id=run.run_id, state=TaskInstanceState.DEFERRED, map_index=map_index
        )
        instance.try_number = 1
        instance.next_method, instance.next_kwargs = "resume", {}
        instance.trigger = Trigger(classpath, arguments)
        session.add(instance)


if __name__ == "__main__":
    with create_session() as session:
        defer(json.load(sys.stdin), session)
