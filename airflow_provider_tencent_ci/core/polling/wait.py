"""Waiting for a batch job to end: when to ask again, and what ends the wait."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from airflow_provider_tencent_ci.core.api.job_calls import get_job
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
from airflow_provider_tencent_ci.core.polling.contact import ContactBudget
from airflow_provider_tencent_ci.core.polling.earlier_durations import DurationHistory
from airflow_provider_tencent_ci.core.polling.poll_schedule import poll_delay_seconds
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, retry_after_seconds
from airflow_provider_tencent_ci.core.wire.steps import current_time, pause, service_time
from airflow_provider_tencent_ci.core.wire.texts import shortened
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    JobCancelledError,
    JobFailedError,
    TencentCIError,
    TransportError,
)

# A job that is younger than this has no age: the service's clock was set back. Its servers may differ by seconds.
_CLOCK_TOLERANCE_SECONDS = 60.0

# Times far beyond a day leave the calendar.
_LONGEST_PAUSE_SECONDS = 86400.0

# What became of asking about one job.
PollResult = InventoryJob | TencentCIError


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

    def job_polled(self, job: InventoryJob) -> None:
        """Take note of a record; called with each one read, changed or not."""

    def poll_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        """Take note that the service could not be asked, for so long by now."""


class Wait:
    """
    One wait: judges each reading of the job, and each failure to read it.

    The deadline is judged only when the job was read: a job that ended in time is never seen as timed out, however late
    one asks. Failing to ask is not failing; it is ridden out.

    :param job_id: the job.
    :param deadline_at: when to stop waiting (aware, UTC); ``None`` for never.
    :param contact_timeout: seconds without one usable answer after which the wait gives up.
    :ivar job: the last record read; ``None`` if there never was one.
    """

    def __init__(
        self, job_id: str, *, deadline_at: datetime | None, contact_timeout: float, observer: WaitObserver
    ) -> None:
        self.job_id = job_id
        self.deadline_at = deadline_at
        self._contact = ContactBudget(contact_timeout)
        self._observer = observer
        self.job: InventoryJob | None = None

    def judge(self, reading: PollResult, now: datetime) -> WaitResult | None:
        """Take note of what was read, or why it could not be; return how the wait ends, if it does."""
        return self._failed(reading, now) if isinstance(reading, TencentCIError) else self._read(reading, now)

    def max_delay_seconds(self, now: datetime) -> float:
        """Return how long the job may be left unasked: until the deadline, or until contact counts as lost."""
        if not math.isinf(seconds_left := self._contact.seconds_left(now)):
            return seconds_left
        return max(0.0, (self.deadline_at - now).total_seconds()) if self.deadline_at else math.inf

    def _read(self, job: InventoryJob, now: datetime) -> WaitResult | None:
        if job != self.job:  # what is kept anew at each reading, Python's collector has to look at
            self.job = job
        self._contact.answered()
        self._observer.job_polled(job)
        if job.state.is_terminal:
            return WaitResult(WaitStatus.TERMINAL, job, f"Batch job {job.job_id} has ended: {job.state.value}.")
        if self.deadline_at is not None and now >= self.deadline_at:
            return WaitResult(WaitStatus.DEADLINE, job, _deadline(job, self.deadline_at))
        return None

    def _failed(self, error: TencentCIError, now: datetime) -> WaitResult | None:
        failing_seconds = self._contact.failed(now)
        self._observer.poll_failed(error, failing_seconds)
        if not self._contact.is_lost(failing_seconds):
            return None
        message = lost_contact_message(self.job_id, failing_seconds, error)
        return WaitResult(WaitStatus.LOST_CONTACT, self.job, message)


def wait_for_job(wait: Wait, poll_interval: float, progress: ProgressCounter | None = None) -> Flow[WaitResult]:
    """
    Ask about one job until the wait is over.

    :param poll_interval: the longest time between two questions, in seconds (:mod:`.poll_schedule`).
    :param progress: counts the job's files between two questions.
    """
    history = DurationHistory()
    while True:
        reading: PollResult
        try:
            reading = yield from get_job(wait.job_id, NO_RETRY)
        except (ApiError, TransportError) as error:
            reading = error
        now = yield from current_time()
        if result := wait.judge(reading, now):
            return result
        step = next_poll_delay_seconds(reading, poll_interval, history, now, (yield from service_time()))
        pause_seconds = max(step, retry_after_seconds(reading))
        if history.kinds_to_fetch:
            pause_seconds = max(pause_seconds, retry_after_seconds((yield from history.fetch_durations(now))))
        next_at = now + timedelta(seconds=min(pause_seconds, wait.max_delay_seconds(now), _LONGEST_PAUSE_SECONDS))
        if progress and isinstance(reading, InventoryJob):
            yield from progress.advance(reading, until=next_at)
            now = yield from current_time()
        yield from pause(max(0.0, (next_at - now).total_seconds()))


def next_poll_delay_seconds(
    reading: PollResult, poll_interval: float, history: DurationHistory, now: datetime, service_time: datetime | None
) -> float:
    """
    Return how long to wait after a reading that has not ended the wait, by :mod:`.poll_schedule`, in seconds.

    :param now: this machine's time.
    :param service_time: the service's, which tells how old the job is; ``None`` if it is not known.
    """
    if isinstance(reading, TencentCIError) or reading.creation_time is None or service_time is None:
        return poll_delay_seconds(poll_interval, poll_interval, None)
    age_seconds = (service_time - reading.creation_time).total_seconds()
    if age_seconds < -_CLOCK_TOLERANCE_SECONDS:
        return poll_delay_seconds(poll_interval, poll_interval, None)
    return poll_delay_seconds(poll_interval, age_seconds, history.expected(reading, age_seconds, now, poll_interval))


def raise_for_state(job: InventoryJob) -> InventoryJob:
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
