"""The task instances of jobs, found by their XCom ``job_id`` in Airflow's database."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import Select, Text, and_, cast, or_, select

from airflow_provider_tencent_ci.core.files.file_counts import FileCounts

__all__ = ["Maker", "makers_of"]


@dataclass(frozen=True, slots=True)
class Maker:
    """
    A task instance that has a job's id in its XCom.

    :param label: the rendered ``map_index_template``, if any.
    :param state: of the task instance.
    :param counts: of the job's files, which this task or a sensor stored at its end; ``None`` if they were not counted.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    label: str = ""
    state: str = ""
    counts: FileCounts | None = field(default=None, compare=False)


def makers_of(job_ids: Iterable[str]) -> dict[str, list[Maker]]:
    """
    Return the task instances of each job, the earliest first; with two queries.

    Values in a custom XCom backend are not found.
    """
    written = {text: job_id for job_id in job_ids for text in _as_stored(job_id)}
    if not written:
        return {}
    makers: dict[str, list[Maker]] = {}
    with create_session() as session:
        found = session.execute(_query_makers(list(written))).all()
        runs, shown = {row.dag_run_id for row in found}, set(written.values())
        records = session.scalars(_query_records(runs, shown)).all() if found else []
    counts = dict(filter(None, map(_counts, records)))
    for row in found:
        if (job_id := written.get(row.stored)) is None:
            continue  # MySQL compares without regard to case
        label, state = row.rendered_map_index or "", str(row.state or "")
        maker = Maker(row.dag_id, row.run_id, row.task_id, row.map_index, label, state, counts.get(job_id))
        makers.setdefault(job_id, []).append(maker)
    return makers


def _query_makers(written: list[str]) -> Select[Any]:
    xcom, task, stored = XComModel, TaskInstance, _text(XComModel)
    label: Any = task.rendered_map_index
    where: list[Any] = [xcom.dag_id, xcom.run_id, xcom.task_id, xcom.map_index]
    of_task = and_(*(column == getattr(task, column.key) for column in where))
    columns = [stored.label("stored"), xcom.dag_run_id, *where, label.label("rendered_map_index"), task.state]
    return (
        select(*columns).join(task, of_task).where(xcom.key == "job_id", stored.in_(written)).order_by(xcom.timestamp)
    )


def _query_records(dag_run_ids: set[int], job_ids: set[str]) -> Select[Any]:
    """
    Find the final records of these jobs in these runs, the newest last.

    An operator stores it under ``job``, a sensor returns it.
    """
    xcom = XComModel
    text = _text(xcom)
    keys = xcom.key.in_(("job", "return_value"))
    # Only the shown jobs: a run may have thousands of mapped tasks.
    ours = or_(*(text.contains(job_id, autoescape=True) for job_id in sorted(job_ids)))
    where = (xcom.dag_run_id.in_(dag_run_ids), keys, text.like("%JobId%"), ours)
    return select(xcom.value).where(*where).order_by(xcom.timestamp)


def _text(xcom: type[XComModel]) -> Any:
    """Return a value as text: not all of the three databases compare JSON, and their rules differ."""
    return cast(xcom.value, Text)


def _as_stored(job_id: str) -> list[str]:
    """Return the two texts of an id in the column: a worker writes JSON, Airflow's models write JSON in JSON."""
    once = json.dumps(job_id)
    return [once, json.dumps(once)]


def _counts(record: Any) -> tuple[str, FileCounts] | None:
    """Return a job's id and the counts in its record; ``None`` if it has none, or is of another version."""
    try:
        record = json.loads(record) if isinstance(record, str) else record
        return str(record["JobId"]), FileCounts.from_dict(record["Files"])
    except (ValueError, KeyError, TypeError):
        return None
