"""
The page's data as JSON: chosen fields only.

A record may contain private values, such as a callback address with a token, so no part of a request is passed on as a
whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from airflow_provider_tencent_ci.core.api.file_records import FileFailure
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.file_survey import DoneBy, Survey
from airflow_provider_tencent_ci.core.wire.service_times import parse_time
from airflow_provider_tencent_ci.core.wire.texts import without_query
from airflow_provider_tencent_ci.plugins.task_instances import Maker

__all__ = [
    "Bucket",
    "Buckets",
    "Cancelled",
    "Connections",
    "Counts",
    "FailedFiles",
    "Job",
    "JobPage",
    "Jobs",
    "Progress",
    "Task",
    "Timeline",
]

# The page has a word for each kind in its catalogues.
_INPUTS = {"Prefix": "prefix", "Manifest": "manifest", "UrlFile": "url_file", "Object": "object_key"}


@dataclass(frozen=True, slots=True)
class Connections:
    """The ids of the connections that the user may read."""

    connections: list[str]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket and its region."""

    bucket: str
    region: str


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets in which tasks have submitted jobs."""

    buckets: list[Bucket]


@dataclass(frozen=True, slots=True)
class Counts:
    """
    Counts of a job's files.

    :param is_complete: whether all files were read; if not, the counts are minimums or estimated.
    :param estimated: whether they are estimated from samples of the whole batch.
    """

    succeeded: int
    failed: int
    cancelled: int
    left: int
    total: int
    is_complete: bool = True
    estimated: bool = False

    @classmethod
    def of(cls, counts: FileCounts, *, is_complete: bool = True, estimated: bool = False) -> Counts:
        """Return the counts of a job."""
        numbers = (counts.succeeded, counts.failed, counts.cancelled, counts.running, counts.total)
        return cls(*numbers, is_complete, estimated)


@dataclass(frozen=True, slots=True)
class Task:
    """
    The task instance that submitted a job.

    :param path: its page, relative to Airflow's UI.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    label: str
    state: str
    path: str

    @classmethod
    def of(cls, maker: Maker) -> Task:
        """Return a found task instance."""
        path = f"dags/{_segment(maker.dag_id)}/runs/{_segment(maker.run_id)}/tasks/{_segment(maker.task_id)}"
        is_mapped = maker.map_index >= 0
        return cls(
            maker.dag_id,
            maker.run_id,
            maker.task_id,
            maker.map_index,
            maker.label if is_mapped else "",
            maker.state,
            f"{path}/mapped/{maker.map_index}" if is_mapped else path,
        )


@dataclass(frozen=True, slots=True)
class Job:
    """
    A job.

    :param is_live: whether it has not ended.
    :param duration_seconds: from its start to its end, or until now; ``None`` before it has started.
    :param input: its input, and ``kind`` of it.
    :param modified_from: its files were modified at or after this time; if the service's text is no time, that text.
        Empty if there is no such limit.
    :param modified_to: the same for the end of its ``TimeInterval``.
    :param runs: its operation: a workflow's id, or a tag.
    :param counts: the complete counts of its files from its task; ``None`` if they must be requested.
    :param task: ``None`` if it is not known, or the user may not see it.
    :param may_cancel: whether the user may cancel it now.
    """

    job_id: str
    name: str
    type: str
    state: str
    is_live: bool
    code: str
    message: str
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: float | None
    input_kind: str
    input: str
    modified_from: datetime | str
    modified_to: datetime | str
    runs: str
    counts: Counts | None
    task: Task | None
    may_cancel: bool

    @classmethod
    def of(cls, job: InventoryJob, now: datetime, makers: Sequence[Maker], *, may_edit: bool) -> Job:
        """
        Describe a job.

        :param now: the service's time.
        :param makers: the task instances that submitted it and that the user may see.
        :param may_edit: whether the user may edit the DAGs of all of them.
        """
        is_live = not job.state.is_terminal
        maker = makers[0] if makers else None
        counts = maker.counts if maker else None
        code, message = job.reason
        kind, place = _input(job)
        modified_from, modified_to = job.time_interval
        return cls(
            job_id=job.job_id,
            name=job.name,
            type=job.type,
            state=job.state.value,
            is_live=is_live,
            code=code,
            message=message,
            created_at=job.creation_time,
            started_at=job.start_time,
            ended_at=job.ended_at,
            duration_seconds=_duration(job.start_time, now if is_live else job.ended_at),
            input_kind=kind,
            input=place,
            modified_from=parse_time(modified_from) or modified_from,
            modified_to=parse_time(modified_to) or modified_to,
            runs=_runs(job),
            counts=Counts.of(counts) if counts and not (is_live or counts.running) else None,
            task=Task.of(maker) if maker else None,
            may_cancel=is_live and may_edit,
        )


@dataclass(frozen=True, slots=True)
class Jobs:
    """
    One page of jobs.

    :param next_token: the token of the next page; empty at the end.
    """

    bucket: str
    region: str
    console_url: str
    jobs: list[Job]
    next_token: str


@dataclass(frozen=True, slots=True)
class JobPage:
    """
    One job.

    :param resubmit: the command that submits its failed files again; empty if there is none for this job.
    """

    bucket: str
    region: str
    console_url: str
    job: Job
    resubmit: str


@dataclass(frozen=True, slots=True)
class Progress:
    """The results of a job's files so far."""

    counts: Counts

    @classmethod
    def of(cls, survey: Survey) -> Progress:
        """Return the result of a survey."""
        return cls(Counts.of(survey.counts, is_complete=survey.is_complete, estimated=survey.is_estimate))


@dataclass(frozen=True, slots=True)
class Timeline:
    """
    The number of finished files over time.

    :param points: times with the counts up to then.
    :param sampled: the number of files with a known time; if it is less than ``done``, the curve is an estimate.
    :param done: the number of finished files.
    :param is_complete: whether all files were read.
    :param estimated: whether ``done`` is estimated from samples of the whole batch.
    """

    points: list[DoneBy]
    sampled: int
    done: int
    is_complete: bool
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class FailedFiles:
    """
    Some of a job's failed files.

    :param next_cursor: the cursor of the next ones; empty at the end.
    :param resubmitted_as: the job with which they were submitted again; empty if there is none, and of later parts.
    """

    files: list[FileFailure]
    next_cursor: str
    resubmitted_as: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The state of a job after a cancel."""

    job: Job


def _segment(text: str) -> str:
    return quote(text, safe="")


def _duration(started_at: datetime | None, ended_at: datetime | None) -> float | None:
    return max(0.0, (ended_at - started_at).total_seconds()) if started_at and ended_at else None


def _input(job: InventoryJob) -> tuple[str, str]:
    for node, kind in _INPUTS.items():
        if isinstance(value := job.input.get(node), str) and value:
            return kind, without_query(value)
    return "", ""


def _runs(job: InventoryJob) -> str:
    value: Any = job.operation.get("Tag" if job.type == "Job" else "WorkflowIds")
    return value if isinstance(value, str) else ""
