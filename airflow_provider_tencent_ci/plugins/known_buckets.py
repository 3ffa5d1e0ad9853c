"""The buckets in which Airflow's tasks have submitted jobs, found by their XCom ``job_url`` in Airflow's database."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import Text, cast, select

from airflow_provider_tencent_ci.links import JOB_URL_KEY, place_of_console_url

__all__ = ["KnownBucket", "buckets_of_tasks"]

# The XComs of the latest runs: the table may have millions.
_MOST_XCOMS = 2_000


@dataclass(frozen=True, slots=True)
class KnownBucket:
    """A bucket and its region, and a DAG that has submitted a job there."""

    dag_id: str
    bucket: str
    region: str


def buckets_of_tasks() -> set[KnownBucket]:
    """Return the buckets of the latest jobs, with one query."""
    value = cast(XComModel.value, Text)
    latest = (
        select(XComModel.dag_id, value)
        .where(XComModel.key == JOB_URL_KEY)
        .order_by(XComModel.dag_run_id.desc())
        .limit(_MOST_XCOMS)
    )
    with create_session() as session:
        rows = {(dag_id, stored) for dag_id, stored in session.execute(latest)}
    found = ((dag_id, place_of_console_url(_text(stored))) for dag_id, stored in rows)
    return {KnownBucket(dag_id, *place) for dag_id, place in found if place}


def _text(stored: str) -> str:
    """Return the text in a value: a worker writes JSON, Airflow's models write JSON in JSON."""
    value = stored
    with suppress(ValueError, TypeError):
        value = json.loads(value)
        value = json.loads(value)
    return value if isinstance(value, str) else ""
