"""Waiting for a batch job to end: when to ask again, and what ends the wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from airflow_provider_tencent_ci.core.flows import current_time, get_job, pause
from airflow_provider_tencent_ci.core.jobs import InventoryJob, JobState
from airflow_provider_tencent_ci.core.messages import Flow
from airflow_provider_tencent_ci.core.repeating import NEVER, jittered, retry_after_seconds
from airflow_provider_tencent_ci.core.texts import shortened
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    JobCancelledError,
    JobFailedError,
    TencentCIError,
    TransportError,
)

__all__ = ["WaitObserver", "WaitResult", "WaitStatus", "check_outcome", "lost_contact_message", "wait_for_job"]


class WaitStatus(StrEnum):
    """Why a wait is over."""

    TERMINAL = "terminal"
    DEADLINE = "deadline"
    LOST_CONTACT = "lost_contact"


@dataclass(frozen=True, slots=True)
class WaitResult:
    """
    How a wait ended.

    :param job: the last record read; ``None`` if there never was one.
    :param message: for people.
    """

    status: WaitStatus
    job: InventoryJob | None
    message: str


class WaitObserver(Protocol):
    """Who is told what a wait sees."""

    def job_read(self, job: InventoryJob) -> None:
        """Take note of a record; called with each one read, changed or not."""

    def asking_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        """Take note that the service could not be asked, for so long by now."""


def wait_for_job(
    job_id: str,
    *,
    poll_interval: float,
    deadline_at: datetime | None,
    contact_timeout: float,
    observer: WaitObserver,
) -> Flow[WaitResult]:
    """
    Ask until the job has ended, the deadline has passed, or the service could not be asked for too long.

    The deadline is judged only after the job was read: a job that ended in time is never seen as timed out,
    however late one asks. Failing to ask is not failing; it is ridden out.

    :param poll_interval: seconds between two questions; a random part of up to half is taken off.
    :param deadline_at: when to stop waiting (aware, UTC); ``None`` for never.
    :param contact_timeout: seconds without one usable answer after which the wait gives up.
    """
    job: InventoryJob | None = None
    failing_since: datetime | None = None
    while True:
        pause_seconds = jittered(poll_interval)
        try:
            job = yield from get_job(job_id, NEVER)
        except (ApiError, TransportError) as error:
            now = yield from current_time()
            failing_since = failing_since or now
            failing_seconds = (now - failing_since).total_seconds()
            observer.asking_failed(error, failing_seconds)
            if failing_seconds >= contact_timeout:
                return WaitResult(WaitStatus.LOST_CONTACT, job, lost_contact_message(job_id, failing_seconds, error))
            pause_seconds = max(pause_seconds, retry_after_seconds(error))
            pause_seconds = min(pause_seconds, contact_timeout - failing_seconds)
        else:
            failing_since = None
            observer.job_read(job)
            if job.state.is_terminal:
                return WaitResult(WaitStatus.TERMINAL, job, f"Batch job {job_id} has ended: {job.state.value}.")
            if deadline_at is not None:
                now = yield from current_time()
                if now >= deadline_at:
                    return WaitResult(WaitStatus.DEADLINE, job, _deadline(job, deadline_at))
                pause_seconds = min(pause_seconds, (deadline_at - now).total_seconds())
        yield from pause(pause_seconds)


def check_outcome(job: InventoryJob) -> InventoryJob:
    """
    Return a job that succeeded.

    :raises JobFailedError: it failed; with the service's code and message.
    :raises JobCancelledError: it was cancelled.
    """
    if job.state is JobState.FAILED:
        raise JobFailedError(
            f"Batch job {job.job_id} ({shortened(job.name, 128)}) failed: {shortened(job.code, 200) or 'no code'}: "
            f"{shortened(job.message.rstrip('.'), 1_000) or 'the service gave no message'}.",
            job=job,
        )
    if job.state is JobState.CANCEL:
        raise JobCancelledError(f"Batch job {job.job_id} ({shortened(job.name, 128)}) was cancelled.", job=job)
    return job


def _deadline(job: InventoryJob, deadline_at: datetime) -> str:
    return (
        f"Batch job {job.job_id} ({shortened(job.name, 128)}) is still {shortened(job.state.value, 128)} "
        f"at the deadline, {deadline_at:%Y-%m-%d %H:%M:%S} UTC. It was left alone and goes on."
    )


def lost_contact_message(job_id: str, failing_seconds: float, error: TencentCIError) -> str:
    """Say that a job could not be asked about for so long; the same words in every mode of waiting."""
    return (
        f"Batch job {job_id} could not be asked about for {failing_seconds:.0f} seconds. It was left alone and may "
        f"be well. Last error: {error}"
    )
