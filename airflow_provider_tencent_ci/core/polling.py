"""
Asking about many jobs with few requests.

The list endpoint gives a hundred jobs for the price of one. What is waited for is live, so pages of live jobs answer
for most; a job that is on none of them has ended a moment ago, or is in a state of which nobody knows yet, and is asked
about by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from airflow_provider_tencent_ci.core.api import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.failures import is_transient
from airflow_provider_tencent_ci.core.flows import ask, get_job
from airflow_provider_tencent_ci.core.jobs import InventoryJob, JobState
from airflow_provider_tencent_ci.core.messages import Flow
from airflow_provider_tencent_ci.core.paging import Pages
from airflow_provider_tencent_ci.core.repeating import NEVER
from airflow_provider_tencent_ci.exceptions import ApiError, TencentCIError, TransportError

__all__ = ["Reading", "read_together"]

# What became of asking about one job.
Reading = InventoryJob | TencentCIError

# So few are asked about one by one: a page of other people's jobs would be no cheaper.
_FEW = 2

_LIVE = (JobState.SUBMITTED.value, JobState.RUNNING.value, JobState.PAUSE.value)


def read_together(jobs: Mapping[str, datetime | None]) -> Flow[dict[str, Reading]]:
    """
    Ask about jobs, each once, with no more than twice as many requests as there are jobs, and mostly with far fewer.

    What is wrong with one job is that one's reading. When the service fails, it is asked no further: all jobs that are
    not read yet get its error.

    :param jobs: ids, and when each was created, as far as it is known.
    """
    readings: dict[str, Reading] = {}
    try:
        if len(jobs) > _FEW:
            yield from _read_pages(jobs, readings)
        for job_id in jobs:
            if job_id not in readings:
                readings[job_id] = yield from _read_one(job_id)
    except (ApiError, TransportError) as error:
        for job_id in jobs:
            readings.setdefault(job_id, error)
    return readings


def _read_pages(jobs: Mapping[str, datetime | None], readings: dict[str, Reading]) -> Flow[None]:
    """Read pages of live jobs until all are found, or asking one by one would have been cheaper."""
    created = list(jobs.values())
    oldest = min((moment for moment in created if moment), default=None) if None not in created else None
    criteria = JobFilter(states=_LIVE, start_creation_time=oldest)
    pages = Pages()
    for _ in jobs:
        page = yield from ask(build_list(criteria, pages.next_token or ""), read_jobs, NEVER)
        readings.update({job.job_id: job for job in pages.new_items(page) if job.job_id in jobs})
        if pages.next_token is None or len(readings) == len(jobs):
            return


def _read_one(job_id: str) -> Flow[Reading]:
    try:
        return (yield from get_job(job_id, NEVER, looks=(0,)))
    except (ApiError, TransportError) as error:
        if is_transient(error):
            raise
        return error
