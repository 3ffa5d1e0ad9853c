"""Batches, files and buckets as a test sees them: values of one moment that do not change afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket
from airflow_provider_tencent_ci.emulator.model.job_store import FileRecord, JobRecord

__all__ = ["FileSummary", "JobSummary", "bucket_state", "job_state"]


@dataclass(frozen=True, slots=True)
class FileSummary:
    """
    A file of a batch at one moment.

    :param id: the execution's ``RunId``, or the child job's ``JobId``.
    :param key: the object key.
    :param state: the service's word, such as ``Success``.
    """

    id: str
    key: str
    state: str

    @classmethod
    def of(cls, record: FileRecord) -> FileSummary:
        """Return the summary of one file."""
        return cls(record.work.work_id, record.work.key, record.status.state)


@dataclass(frozen=True, slots=True)
class JobSummary:
    """
    A batch at one moment.

    :param state: ``Submitted``, ``Running``, ``Success``, ``Failed``, ``Pause`` or ``Cancel``.
    :param code: ``Code`` of a failed batch; else ``Success``.
    :param message: ``Message`` of a failed batch; else empty.
    :param created_at: aware, UTC, without ``clock_offset_seconds``; the other times too.
    :param cancelled_at: when a cancellation takes effect; ``None``: there is none.
    :param files: how many files it has.
    """

    job_id: str
    name: str
    type: str
    bucket: str
    state: str
    code: str
    message: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cancelled_at: datetime | None
    files: int

    @classmethod
    def of(cls, record: JobRecord) -> JobSummary:
        """Return the summary of one batch."""
        job, status = record.job, record.status
        return cls(
            job_id=job.job_id,
            name=job.request.name,
            type=job.request.type,
            bucket=job.bucket_name,
            state=status.state,
            code=status.failure.code if status.failure else "Success",
            message=status.failure.message if status.failure else "",
            created_at=job.created_at,
            started_at=status.started_at,
            ended_at=status.ended_at,
            cancelled_at=job.cancelled_at,
            files=len(job.works),
        )


def job_state(job: JobSummary, files_by_state: Mapping[str, int]) -> dict[str, Any]:
    """Return one batch with the numbers of its files by their states, as values for JSON."""
    return asdict(job) | {"files_by_state": dict(files_by_state)}


def bucket_state(bucket: Bucket) -> dict[str, Any]:
    """Return one bucket, as values for JSON."""
    return {
        "name": bucket.name,
        "region": bucket.region,
        "bound": bucket.bound,
        "has_role": bucket.has_role,
        "objects": len(bucket.objects),
        "workflows": list(bucket.workflows),
        "queues": {queue.queue_id: queue.state for queue in bucket.queues.values()},
    }
