"""How many batch jobs of a bucket are active, for those who submit only while there are few."""

from __future__ import annotations

from airflow_provider_tencent_ci.core.api import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.flows import ask
from airflow_provider_tencent_ci.core.jobs import ACTIVE_STATES
from airflow_provider_tencent_ci.core.messages import Flow
from airflow_provider_tencent_ci.core.paging import Pages
from airflow_provider_tencent_ci.core.repeating import READS, Repetition
from airflow_provider_tencent_ci.exceptions import TooManyActiveJobsError

__all__ = ["check_capacity", "free_places"]


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
