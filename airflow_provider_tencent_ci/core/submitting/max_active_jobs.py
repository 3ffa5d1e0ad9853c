"""The limit of active jobs: how many more batch jobs may be submitted into a bucket, and the wait for a free place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from airflow_provider_tencent_ci.core.api.job_records import ACTIVE_STATES
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.api.paginator import Paginator
from airflow_provider_tencent_ci.core.polling.contact_budget import ContactBudget
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, pause
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import (
    NO_RETRY,
    RETRY_IDEMPOTENT,
    RequestRetry,
    jittered,
    retry_after_seconds,
    send_with_retry,
)
from airflow_provider_tencent_ci.exceptions import ApiError, TencentCIError, TooManyActiveJobsError, TransportError

# How many more jobs may be submitted, or why that is not known.
FreePlaces = int | TencentCIError


def count_free_places(max_active_jobs: int, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[int]:
    """
    Return how many more jobs may be submitted before the limit is reached; 0 at the limit or above.

    All jobs of the bucket that are submitted, running or paused count, also those of other tasks. No more pages are
    read than needed.

    :raises UnreadableResponseError: the list ended early, before the limit was reached.
    """
    pages, active = Paginator(), 0
    criteria = JobFilter(states=ACTIVE_STATES)
    while pages.next_token is not None and active < max_active_jobs:
        page = yield from send_with_retry(build_list(criteria, pages.next_token), read_jobs, retry)
        active += len(pages.new_items(page))
    if active < max_active_jobs:
        pages.check_complete(active)
    return max(0, max_active_jobs - active)


def check_capacity(max_active_jobs: int | None) -> Flow[None]:
    """
    Check whether one more job may be submitted.

    :param max_active_jobs: ``None`` for no limit, and no request.
    :raises TooManyActiveJobsError: the limit is reached.
    """
    if max_active_jobs is not None and not (yield from count_free_places(max_active_jobs)):
        raise TooManyActiveJobsError(
            f"At least {max_active_jobs} batch jobs of this bucket are active, which is max_active_jobs. "
            "Nothing was submitted."
        )


class CapacityStatus(StrEnum):
    """Why a wait for a free place is over."""

    CAPACITY = "capacity"
    DEADLINE = "deadline"
    LOST_CONTACT = "lost_contact"


@dataclass(frozen=True, slots=True)
class CapacityResult:
    """
    How a wait for a free place ended.

    :param message: for people; empty if there is a place.
    """

    status: CapacityStatus
    message: str = ""


class CapacityWait:
    """
    One wait for a free place: judges each poll result.

    :param deadline_at: when to stop waiting (aware, UTC); ``None`` for never. After it no place helps any more.
    :param contact_timeout: seconds without one usable answer after which the wait gives up.
    :param place: the connection and the bucket, for errors (:attr:`.ServiceConfig.place`). Waits with different ones
        may share a poll.
    """

    def __init__(self, *, deadline_at: datetime | None, contact_timeout: float, place: str = "") -> None:
        self._deadline_at = deadline_at
        self._contact = ContactBudget(contact_timeout)
        self.place = place

    def judge(self, places: FreePlaces, now: datetime) -> CapacityResult | None:
        """Take note of how many places are free, or why that is not known; return how the wait ends, if it does."""
        failing_seconds = 0.0
        if isinstance(places, TencentCIError):
            failing_seconds = self._contact.failed(now)
        else:
            self._contact.answered()
        if self._deadline_at is not None and now >= self._deadline_at:
            return CapacityResult(CapacityStatus.DEADLINE, _too_late(self._deadline_at))
        if isinstance(places, TencentCIError):
            if self._contact.is_lost(failing_seconds):
                return CapacityResult(
                    CapacityStatus.LOST_CONTACT, _lost_contact(failing_seconds, places.at(self.place))
                )
            return None
        return CapacityResult(CapacityStatus.CAPACITY) if places else None

    def max_delay_seconds(self, now: datetime) -> float:
        """Return how long this one may be left alone: until the deadline, or until contact counts as lost."""
        until_deadline = (self._deadline_at - now).total_seconds() if self._deadline_at else math.inf
        return max(0.0, min(until_deadline, self._contact.seconds_left(now)))


def wait_for_capacity(wait: CapacityWait, max_active_jobs: int, poll_interval: float) -> Flow[CapacityResult]:
    """
    Poll until the wait is over.

    :param poll_interval: the longest delay between two polls, in seconds; each delay is 50 to 100 % of it.
    """
    while True:
        places: FreePlaces
        try:
            places = yield from count_free_places(max_active_jobs, NO_RETRY)
        except (ApiError, TransportError) as error:
            places = error
        now = yield from current_time()
        if result := wait.judge(places, now):
            return result
        pause_seconds = max(jittered(poll_interval), retry_after_seconds(places))
        yield from pause(min(pause_seconds, wait.max_delay_seconds(now)))


def _too_late(deadline_at: datetime) -> str:
    return f"There was no room for one more batch job until {deadline_at:%Y-%m-%d %H:%M:%S} UTC. Nothing was submitted."


def _lost_contact(failing_seconds: float, error: TencentCIError) -> str:
    return (
        f"Nothing was submitted: for {failing_seconds:.0f} seconds it could not be found out how many batch jobs are "
        f"active. Last error: {error}"
    )
