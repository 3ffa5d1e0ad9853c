"""One wait for a batch job: when to poll again, and what ends the wait."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from airflow_provider_tencent_ci.core.api.job_calls import get_job
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
from airflow_provider_tencent_ci.core.polling.contact_budget import ContactBudget
from airflow_provider_tencent_ci.core.polling.earlier_durations import DurationHistory
from airflow_provider_tencent_ci.core.polling.poll_schedule import poll_delay_seconds
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, pause, service_time
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, retry_after_seconds
from airflow_provider_tencent_ci.core.wire.texts import shortened
from airflow_provider_tencent_ci.exceptions import ApiError, TencentCIError, TransportError

# A job created further in the future than this has no age: the service's clock was set back. The clocks of its servers
# may differ by seconds.
_CLOCK_TOLERANCE_SECONDS = 60.0

# Far more than a day could overflow `datetime`.
_MAX_PAUSE_SECONDS = 86400.0

# The result of one poll: the job's record, or why it could not be read.
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
    """Receives what a wait sees, such as a log."""

    def job_polled(self, job: InventoryJob) -> None:
        """Called with each record, changed or not."""

    def poll_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        """Called after each failed poll, with the seconds since the last usable answer."""


class Wait:
    """
    One wait: judges each poll result.

    The deadline is checked only when the job was read. So a job that ended before the deadline never times out, however
    late it is polled. A failed poll does not fail the wait until ``contact_timeout`` is over.

    :param job_id: the job.
    :param deadline_at: when to stop waiting (aware, UTC); ``None`` for never.
    :param contact_timeout: seconds without one usable answer after which the wait gives up.
    :param failing_since: when another process of this wait began to get no usable answer; ``None`` if it got one last.
    :param place: the connection and the bucket, for messages (:attr:`.ServiceConfig.place`). Waits with different ones
        may share a poll.
    :ivar job: the last record read; ``None`` if there never was one.
    """

    def __init__(
        self,
        job_id: str,
        *,
        deadline_at: datetime | None,
        contact_timeout: float,
        observer: WaitObserver,
        failing_since: datetime | None = None,
        place: str = "",
    ) -> None:
        self.job_id = job_id
        self.deadline_at = deadline_at
        self._contact = ContactBudget(contact_timeout, failing_since)
        self._observer = observer
        self.place = place
        self.job: InventoryJob | None = None

    @property
    def failing_since(self) -> datetime | None:
        """When the first failed poll since the last usable answer was; ``None`` if there was none."""
        return self._contact.failing_since

    def judge(self, poll_result: PollResult, now: datetime) -> WaitResult | None:
        """Judge a poll result; return how the wait ends, or ``None`` if it goes on."""
        return (
            self._failed(poll_result, now) if isinstance(poll_result, TencentCIError) else self._read(poll_result, now)
        )

    def max_delay_seconds(self, now: datetime) -> float:
        """Return the longest delay before the next poll: until the deadline, or until contact counts as lost."""
        if not math.isinf(seconds_left := self._contact.seconds_left(now)):
            return seconds_left
        return max(0.0, (self.deadline_at - now).total_seconds()) if self.deadline_at else math.inf

    def _read(self, job: InventoryJob, now: datetime) -> WaitResult | None:
        if job != self.job:  # a new object per poll would mean more work for the garbage collector
            self.job = job
        self._contact.answered()
        self._observer.job_polled(job)
        if job.state.is_terminal:
            return WaitResult(WaitStatus.TERMINAL, job, f"Batch job {job.job_id} has ended: {job.state.value}.")
        if self.deadline_at is not None and now >= self.deadline_at:
            return WaitResult(WaitStatus.DEADLINE, job, _deadline(job, self.deadline_at, self.place))
        return None

    def _failed(self, error: TencentCIError, now: datetime) -> WaitResult | None:
        error, failing_seconds = error.at(self.place), self._contact.failed(now)
        self._observer.poll_failed(error, failing_seconds)
        if not self._contact.is_lost(failing_seconds):
            return None
        named = self.job.title if self.job else f"Batch job {self.job_id}"
        message = lost_contact_message(named, failing_seconds, error)
        return WaitResult(WaitStatus.LOST_CONTACT, self.job, message)


def wait_for_job(wait: Wait, poll_interval: float, progress: ProgressCounter | None = None) -> Flow[WaitResult]:
    """
    Poll one job until the wait is over; for a worker or a command, in a triggerer the shared poller does this.

    :param poll_interval: the longest time between two polls, in seconds (:mod:`.poll_schedule`).
    :param progress: counts the job's files between two polls.
    """
    history = DurationHistory()
    while True:
        poll_result: PollResult
        try:
            poll_result = yield from get_job(wait.job_id, NO_RETRY)
        except (ApiError, TransportError) as error:
            poll_result = error
        now = yield from current_time()
        if result := wait.judge(poll_result, now):
            return result
        step = next_poll_delay_seconds(poll_result, poll_interval, history, now, (yield from service_time()))
        pause_seconds = max(step, retry_after_seconds(poll_result))
        if history.kinds_to_fetch:
            pause_seconds = max(pause_seconds, retry_after_seconds((yield from history.fetch_durations(now))))
        next_at = now + timedelta(seconds=min(pause_seconds, wait.max_delay_seconds(now), _MAX_PAUSE_SECONDS))
        if progress and isinstance(poll_result, InventoryJob):
            yield from progress.advance(poll_result, until=next_at)
            now = yield from current_time()
        yield from pause(max(0.0, (next_at - now).total_seconds()))


def next_poll_delay_seconds(
    poll_result: PollResult,
    poll_interval: float,
    history: DurationHistory,
    now: datetime,
    service_time: datetime | None,
) -> float:
    """
    Return the delay after a poll that has not ended the wait, by :mod:`.poll_schedule`, in seconds.

    :param now: this machine's time.
    :param service_time: the service's, which tells how old the job is; ``None`` if it is not known.
    """
    if isinstance(poll_result, TencentCIError) or poll_result.creation_time is None or service_time is None:
        return poll_delay_seconds(poll_interval, poll_interval, None)
    age_seconds = (service_time - poll_result.creation_time).total_seconds()
    if age_seconds < -_CLOCK_TOLERANCE_SECONDS:
        return poll_delay_seconds(poll_interval, poll_interval, None)
    return poll_delay_seconds(
        poll_interval, age_seconds, history.expected(poll_result, age_seconds, now, poll_interval)
    )


def _deadline(job: InventoryJob, deadline_at: datetime, place: str) -> str:
    return (
        f"{place}{job.title} is still {shortened(job.state.value, 128)} at the deadline, "
        f"{deadline_at:%Y-%m-%d %H:%M:%S} UTC. It was not cancelled and continues."
    )


def lost_contact_message(job: str, failing_seconds: float, error: TencentCIError) -> str:
    """Return the message for a lost contact; the same words in every mode of waiting."""
    return (
        f"{job} could not be polled for {failing_seconds:.0f} seconds. It was not cancelled and may "
        f"still run. Last error: {error}"
    )
