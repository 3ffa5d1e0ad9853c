"""How many batch jobs of a bucket are active, for those who submit only while there are few."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_tencent_ci.core.api import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.flows import ask, current_time, pause
from airflow_provider_tencent_ci.core.jobs import ACTIVE_STATES
from airflow_provider_tencent_ci.core.messages import Flow
from airflow_provider_tencent_ci.core.paging import Pages
from airflow_provider_tencent_ci.core.repeating import NEVER, READS, Repetition, jittered, retry_after_seconds
from airflow_provider_tencent_ci.exceptions import ApiError, TooManyActiveJobsError, TransportError

__all__ = ["CapacityWatch", "check_capacity", "free_places", "wait_for_place"]


def free_places(max_active_jobs: int, repetition: Repetition = READS) -> Flow[int]:
    """
    Return how many more jobs may be submitted before so many are active; 0 if there are as many, or more.

    All jobs of the bucket that are submitted, running or paused count, whoever submitted them. No more pages are read
    than it takes to know.
    """
    pages, active = Pages(), 0
    criteria = JobFilter(states=ACTIVE_STATES)
    while pages.next_token is not None and active < max_active_jobs:
        page = yield from ask(build_list(criteria, pages.next_token), read_jobs, repetition)
        active += len(pages.new_items(page))
    return max(0, max_active_jobs - active)


def check_capacity(max_active_jobs: int | None) -> Flow[None]:
    """
    Look whether one more job may be submitted.

    :param max_active_jobs: ``None`` for no limit, and no look.
    :raises TooManyActiveJobsError: so many are active.
    """
    if max_active_jobs is not None and not (yield from free_places(max_active_jobs)):
        raise TooManyActiveJobsError(
            f"At least {max_active_jobs} batch jobs of this bucket are active, which is max_active_jobs. "
            "Nothing was submitted."
        )


class CapacityWatch:
    """
    Looks for free places time and again, and rides out a service that fails.

    :param max_active_jobs: how many jobs may be active.
    :param poll_interval: seconds between two looks; a random part of up to half is taken off.
    :param contact_timeout: seconds without one usable answer after which the last error comes through.
    """

    def __init__(self, max_active_jobs: int, poll_interval: float, contact_timeout: float) -> None:
        self._max_active_jobs = max_active_jobs
        self._poll_interval = poll_interval
        self._contact_timeout = contact_timeout
        self._failing_since: datetime | None = None

    def look(self) -> Flow[tuple[int, float]]:
        """Return how many places are free, and in how many seconds to look again."""
        try:
            places = yield from free_places(self._max_active_jobs, NEVER)
        except (ApiError, TransportError) as error:
            now = yield from current_time()
            self._failing_since = self._failing_since or now
            if (now - self._failing_since).total_seconds() >= self._contact_timeout:
                raise
            asked_for = min(retry_after_seconds(error), self._contact_timeout)
            return 0, max(jittered(self._poll_interval), asked_for)
        self._failing_since = None
        return places, jittered(self._poll_interval)


def wait_for_place(watch: CapacityWatch) -> Flow[None]:
    """Wait until a place is free."""
    while True:
        places, pause_seconds = yield from watch.look()
        if places:
            return
        yield from pause(pause_seconds)
