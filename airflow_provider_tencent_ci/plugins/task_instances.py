"""Which task instances made which jobs: told by their XCom ``job_id``, in Airflow's database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import Select, String, and_, cast, select
from sqlalchemy.orm import aliased

from airflow_provider_tencent_ci.core.counting import FileCounts

__all__ = ["Maker", "makers_of"]


@dataclass(frozen=True, slots=True)
class Maker:
    """
    A task instance that has a job's id in its XCom.

    :param label: what ``map_index_template`` made of the map index, if anything.
    :param state: of the task instance.
    :param counts: of the job's files, which the task left at its end; ``None`` if it has not counted them.
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
    Return the task instances of each job, the first one to say so in front; with one query.

    A custom XCom backend that keeps values elsewhere hides them from this.
    """
    written = {text: job_id for job_id in job_ids for text in _as_stored(job_id)}
    makers: dict[str, list[Maker]] = {}
    if written:
        with create_session() as session:
            for row in session.execute(_query(list(written))):
                job_id = written[row.stored]
                maker = Maker(
                    row.dag_id,
                    row.run_id,
                    row.task_id,
                    row.map_index,
                    row.rendered_map_index or "",
                    str(row.state or ""),
                    _counts(row.record, job_id),
                )
                makers.setdefault(job_id, []).append(maker)
    return makers


def _query(written: list[str]) -> Select[Any]:
    job, record, task = XComModel, aliased(XComModel), TaskInstance
    # As text, since of the three databases only some compare JSON, and each by a rule of its own.
    stored = cast(job.value, String(1024))
    where: list[Any] = [job.dag_id, job.run_id, job.task_id, job.map_index]
    of_task = [column == getattr(task, column.key) for column in where]
    of_record = [column == getattr(record, column.key) for column in (job.dag_run_id, job.task_id, job.map_index)]
    columns: list[Any] = [stored.label("stored"), record.value.label("record"), *where]
    label: Any = task.rendered_map_index
    columns += [label.label("rendered_map_index"), task.state]
    return (
        select(*columns)
        .join(task, and_(*of_task))
        .outerjoin(record, and_(record.key == "job", *of_record))
        .where(job.key == "job_id", stored.in_(written))
        .order_by(job.timestamp)
    )


def _as_stored(job_id: str) -> list[str]:
    """Return the text of an id in the column: a worker's is JSON, one that Airflow's models wrote is JSON in JSON."""
    once = json.dumps(job_id)
    return [once, json.dumps(once)]


def _counts(record: Any, job_id: str) -> FileCounts | None:
    try:
        record = json.loads(record) if isinstance(record, str) else record
        if isinstance(record, Mapping) and record.get("JobId") == job_id:
            return FileCounts.from_dict(record["Files"])
    except (ValueError, KeyError, TypeError):  # without counts, or of another version
        pass
    return None
