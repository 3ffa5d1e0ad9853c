"""
Further jobs of one submission: finding them, and keeping one.

There is more than one only if the service executes a request after its timeout, or if two processes submit for the same
task.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_tencent_ci.core.api.job_calls import get_job_by_id, list_all_jobs, request_cancel
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, RETRY_IDEMPOTENT, RequestRetry
from airflow_provider_tencent_ci.exceptions import ApiError, TencentCIError, TransportError

ENDED_BADLY = (JobState.FAILED, JobState.CANCEL)


@dataclass(frozen=True, slots=True)
class DuplicateSearch:
    """
    The facts about a submission that a later search for duplicates needs.

    :param name: the jobs' name.
    :param foreign_ids: jobs that are never kept or cancelled: those of a deleted run, and those that were seen as
        failed, whatever state the list shows now.
    :param may_have_duplicates: whether more than one request may have been sent, so that a search makes sense.
    :param knows_all_tries: whether every try has recorded its requests, so that each job of the name that is not
        foreign belongs to this series. Before Airflow 3.3 a succeeded job may belong to a deleted run.
    """

    name: str
    foreign_ids: tuple[str, ...] = ()
    may_have_duplicates: bool = False
    knows_all_tries: bool = True


@dataclass(frozen=True, slots=True)
class Duplicate:
    """
    A further job of one submission.

    :param job: the job as it was found.
    :param cancel_error: why a live job could not be cancelled; ``None`` if it was cancelled, or had ended.
    """

    job: InventoryJob
    cancel_error: TencentCIError | None = None


def cancel_duplicates(series: DuplicateSearch, job: InventoryJob) -> Flow[tuple[InventoryJob, tuple[Duplicate, ...]]]:
    """
    Search for all jobs of a submission, keep one, and cancel the other live ones.

    The oldest live one is kept; of two of one second, the one with the smaller JobId. So any two processes keep the
    same one. A succeeded job is always kept, unless it may belong to a deleted run.

    :param job: the job that the task knows.
    :return: the job to keep, and the others; failed and cancelled ones are no duplicates.
    :raises ApiError: the list could not be read; nothing was cancelled.
    :raises TransportError: the same.
    """
    listed = yield from list_jobs_named(series.name, RETRY_IDEMPOTENT)
    own = [one for one in listed if one.job_id not in series.foreign_ids]
    return (yield from _keep_one(job, own, prefers_success=series.knows_all_tries))


def list_jobs_named(name: str, retry: RequestRetry) -> Flow[list[InventoryJob]]:
    """Return the jobs with exactly this name: it is not documented how the service compares names."""
    # Ascending, since times have whole seconds: of two jobs of one second, only the list shows which one is older.
    jobs = yield from list_all_jobs(JobFilter(name=name, order_by_time="Asc"), retry)
    return [job for job in jobs if job.name == name]


def by_preference(job: InventoryJob) -> tuple[int, float, str]:
    """
    Return the sort key for the job to keep: live ones, the older first; then succeeded ones, the younger first.

    Of two succeeded ones, the older one may belong to a deleted run.
    """
    created_at = job.creation_time.timestamp() if job.creation_time else math.inf
    if not job.state.is_terminal:
        return 0, created_at, job.job_id
    return 2 if job.state in ENDED_BADLY else 1, -created_at, job.job_id


def _keep_one(
    job: InventoryJob, listed: Iterable[InventoryJob], *, prefers_success: bool
) -> Flow[tuple[InventoryJob, tuple[Duplicate, ...]]]:
    others = {}
    for one in listed:
        if one.job_id != job.job_id and one.state not in ENDED_BADLY:
            others[one.job_id] = yield from read_current_state(one)
    others = {job_id: one for job_id, one in others.items() if one.state not in ENDED_BADLY}
    is_kept = job.state is JobState.SUCCESS and (prefers_success or not _is_older_run(job, others.values()))
    kept = job if is_kept else min([job, *others.values()], key=by_preference)
    duplicates = []
    for other in sorted((job, *others.values()), key=by_preference):
        if other is not kept and other.state not in ENDED_BADLY:
            error = None if other.state.is_terminal else (yield from _try_to_cancel(other.job_id))
            duplicates.append(Duplicate(other, error))
    return kept, tuple(duplicates)


def _is_older_run(job: InventoryJob, others: Iterable[InventoryJob]) -> bool:
    """Whether an active job was created after a job had ended. Then the ended one may belong to a deleted run."""
    ended_at = job.ended_at
    active = (one.creation_time for one in others if not one.state.is_terminal)
    return any(ended_at is None or created_at is None or created_at >= ended_at for created_at in active)


def read_current_state(job: InventoryJob) -> Flow[InventoryJob]:
    """Return the current state of a job that the list shows as live; the listed state if it cannot be read."""
    if job.state.is_terminal:
        return job
    try:
        return (yield from get_job_by_id(job.job_id, NO_RETRY)) or job
    except (ApiError, TransportError):
        return job


def _try_to_cancel(job_id: str) -> Flow[TencentCIError | None]:
    try:
        yield from request_cancel(job_id)
    except (ApiError, TransportError) as error:
        return error
    return None
