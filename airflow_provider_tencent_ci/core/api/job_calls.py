"""
The calls of the batch-job endpoints, each a flow: create, get, list, cancel.

A flow is a generator. It yields steps (a request, a pause, the time) and receives their answers. The functions of
``core/wire/flow_steps.py`` give each answer its type; ``send_with_retry`` of ``core/wire/request_retry.py`` sends a
request with retries. ``core/wire/exchange.py`` runs a flow for the drivers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from airflow_provider_tencent_ci.core.api.job_id import check_job_id
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_requests import (
    JobFilter,
    build_cancel,
    build_create,
    build_get,
    build_list,
    read_created,
    read_job,
    read_jobs,
    read_nothing,
)
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.paginator import Page, Paginator
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, pause, service_time
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import (
    NO_RETRY,
    RETRY_IDEMPOTENT,
    RETRY_IF_NOT_EXECUTED,
    RequestRetry,
    check_nothing,
    send_with_retry,
)
from airflow_provider_tencent_ci.exceptions import (
    NotFoundError,
)

ResultT = TypeVar("ResultT")

# A job that was created a moment ago may not be in the list yet.
_LIST_LAG_DELAYS_SECONDS: Sequence[float] = (0, 2, 4, 8)


def fetch_service_time() -> Flow[datetime]:
    """
    Return the service's time; list one job if no answer has told it in this process yet.

    :return: this machine's time if the service's answers do not tell theirs.
    :raises ApiError: the service's error.
    :raises TransportError: no answer.
    """
    if (yield from service_time()) is None:
        yield from send_with_retry(build_list(JobFilter(page_size=1)), read_jobs, NO_RETRY)
    return (yield from service_time()) or (yield from current_time())


def create_job(
    name: str,
    specification: InventoryJobSpecification,
    retry: RequestRetry = RETRY_IF_NOT_EXECUTED,
    *,
    check_before_send: Callable[[], None] = check_nothing,
) -> Flow[InventoryJob]:
    """
    Submit, once: by default the request is sent again only when the service certainly did not read it.

    :param check_before_send: raises if the request must not be sent any more; called before each attempt.
    """
    request = build_create(name, specification)
    return (yield from send_with_retry(request, read_created, retry, check_before_send=check_before_send))


def get_job(
    job_id: str, retry: RequestRetry = RETRY_IDEMPOTENT, delays_seconds: Sequence[float] = _LIST_LAG_DELAYS_SECONDS
) -> Flow[InventoryJob]:
    """
    Read one job, through the list endpoint filtered by its id.

    A page with other jobs only shows that the service ignores the filter, and the job may be on any later page. Then it
    is read by its id.

    :param delays_seconds: the pause before each poll of the list, which may not show a new job yet.
    :raises NotFoundError: the list does not show it, even after a few more polls; or the service has no such job.
    """
    for pause_seconds in delays_seconds:
        if pause_seconds:
            yield from pause(pause_seconds)
        jobs = yield from _list_by_id(job_id, retry)
        job = jobs.get(job_id)
        if job is None and jobs:
            job = yield from get_job_by_id(job_id, retry)
        if job is not None:
            return job
        if jobs:
            break
    raise NotFoundError(
        f"Batch job {job_id!r} is not in the job list of this bucket.",
        advice="Check job_id, bucket and region: a job's name is no job_id. How long the service keeps ended jobs is "
        "not documented.",
    )


def find_job(job_id: str) -> Flow[InventoryJob | None]:
    """
    Return one job from the list, or by its id if the list does not show it; ``None`` if the service has no such job.

    The list may be late. So only the answer for the id tells that a job does not exist.
    """
    jobs = yield from _list_by_id(job_id, RETRY_IDEMPOTENT)
    return jobs.get(job_id) or (yield from get_job_by_id(job_id))


def _list_by_id(job_id: str, retry: RequestRetry) -> Flow[dict[str, InventoryJob]]:
    """Return the jobs on the first page of the list filtered by an id: that job, none, or any if it is ignored."""
    page = yield from send_with_retry(build_list(JobFilter(job_id=check_job_id(job_id))), read_jobs, retry)
    return {job.job_id: job for job in page.items}


def get_job_by_id(job_id: str, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[InventoryJob | None]:
    """Return one job as the service has it, and not its list, which may lag behind; ``None`` if it has none."""
    return (yield from send_with_retry(build_get(job_id), read_job, retry))


def list_all_jobs(criteria: JobFilter, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[list[InventoryJob]]:
    """
    Return the jobs of all pages.

    :raises UnreadableResponseError: the list breaks off: what is not on it may be there all the same.
    """
    pages, jobs = Paginator(), list[InventoryJob]()
    while pages.next_token is not None:
        page = yield from send_with_retry(build_list(criteria, pages.next_token), read_jobs, retry)
        jobs.extend(pages.new_items(page))
    pages.check_complete(len(jobs))
    return jobs


def list_jobs_page(criteria: JobFilter, next_token: str = "") -> Flow[Page[InventoryJob]]:
    """Read one page of jobs."""
    return (yield from send_with_retry(build_list(criteria, next_token), read_jobs))


def request_cancel(job_id: str, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[None]:
    """Ask the service to cancel a job. It stops some time later, or not any more: read it again to know."""
    yield from send_with_retry(build_cancel(job_id), read_nothing, retry)
