"""
The endpoint of batch jobs, ``/inventorytriggerjob``: a builder for each request, a reader for each answer.

The body that creates a job is made in ``job_specification.py``. See docs/service.md, 2.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_tencent_ci.core.api.job_id import check_job_id
from airflow_provider_tencent_ci.core.api.job_name import check_name
from airflow_provider_tencent_ci.core.api.job_records import JOB_TYPES, InventoryJob
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.page_reader import read_page
from airflow_provider_tencent_ci.core.api.paginator import MAX_PAGE_SIZE, Page
from airflow_provider_tencent_ci.core.api.query_parameters import check_states, given, joined, time_parameter
from airflow_provider_tencent_ci.core.wire.intermediary import has_request_id
from airflow_provider_tencent_ci.core.wire.messages import Priority, Request, Response
from airflow_provider_tencent_ci.core.wire.service_errors import error_of
from airflow_provider_tencent_ci.core.wire.xml import read_xml
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, UnreadableResponseError

_JOBS = "/inventorytriggerjob"


@dataclass(frozen=True, slots=True)
class JobFilter:
    """
    The query of the list endpoint, all of it optional (document "Pulling Jobs in Batches").

    :func:`check_filter` checks users' values first.

    :param states: words such as ``Running``; the service's default is all.
    :param job_type: ``Workflow`` or ``Job``; both when not given.
    :param start_creation_time: jobs created at or after this time; a datetime or ISO 8601 text with an offset.
    :param end_creation_time: jobs created at or before this time.
    :param order_by_time: ``Desc`` (the service's default) or ``Asc``.
    :param page_size: jobs in one page, 1 to 100. The service's default is 10; 100 needs the fewest requests.
    """

    job_id: str | None = None
    name: str | None = None
    states: Sequence[str] | str | None = None
    job_type: str | None = None
    workflow_id: str | None = None
    start_creation_time: datetime | str | None = None
    end_creation_time: datetime | str | None = None
    order_by_time: str | None = None
    page_size: int = MAX_PAGE_SIZE


def build_create(name: str, specification: InventoryJobSpecification) -> Request:
    """
    ``POST /inventorytriggerjob``.

    The body is bound to the signature by its MD5, which the service checks when it is there (docs/service.md, 1.3).

    :raises InvalidArgumentError: the name breaks the service's rules, or a value cannot stand in XML.
    """
    body = specification.body(check_name(name))
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    headers = {"content-type": "application/xml", "content-md5": md5}
    return Request("POST", _JOBS, headers=headers, body=body)


def check_filter(criteria: JobFilter) -> JobFilter:
    """
    Return a page size that a user gave, if the service takes it.

    :func:`build_list` does not judge: waits give it the service's own words, of which it may learn new ones.

    :raises InvalidArgumentError: a criterion is wrong; the message names it.
    """
    size = criteria.page_size
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_PAGE_SIZE:
        raise InvalidArgumentError(f"page_size={size!r} must be a number from 1 to {MAX_PAGE_SIZE}.")
    check_states(criteria.states, "jobs")
    _check_one_of("job_type", criteria.job_type, JOB_TYPES)
    _check_one_of("order_by_time", criteria.order_by_time, ("Desc", "Asc"))
    build_list(criteria)  # texts and times
    return criteria


def build_list(criteria: JobFilter, next_token: str = "") -> Request:
    """
    ``GET /inventorytriggerjob``, one page.

    :raises InvalidArgumentError: a criterion cannot be sent; the message names it.
    """
    return Request(
        "GET",
        _JOBS,
        given(
            ("nextToken", next_token),
            ("size", str(criteria.page_size)),
            ("type", criteria.job_type),
            ("orderByTime", criteria.order_by_time),
            ("states", joined(criteria.states)),
            ("startCreationTime", time_parameter("start_creation_time", criteria.start_creation_time)),
            ("endCreationTime", time_parameter("end_creation_time", criteria.end_creation_time)),
            ("workflowId", criteria.workflow_id),
            ("jobId", criteria.job_id),
            ("name", criteria.name),
        ),
    )


def build_get(job_id: str) -> Request:
    """
    ``GET /inventorytriggerjob/<jobId>``.

    :raises InvalidArgumentError: ``job_id`` cannot be the id of a job.
    """
    return Request("GET", f"{_JOBS}/{check_job_id(job_id)}", last_segment=job_id)


def build_cancel(job_id: str) -> Request:
    """
    ``PUT /inventorytriggerjob/<jobId>?cancel``.

    The key travels as ``cancel=``, which every SDK's treatment of the signature fits (docs/service.md, 6.5).

    :raises InvalidArgumentError: ``job_id`` cannot be the id of a job.
    """
    path = f"{_JOBS}/{check_job_id(job_id)}"
    return Request("PUT", path, (("cancel", ""),), last_segment=job_id, priority=Priority.URGENT)


def read_created(response: Response) -> InventoryJob:
    """
    Read the answer to a create request: exactly one job, in any state.

    :raises UnreadableResponseError: it is not that.
    """
    details = read_xml(response.body, "Response").findall("JobsDetail")
    jobs = [InventoryJob.from_xml(detail) for detail in details]
    if len(jobs) != 1 or not jobs[0].job_id:
        raise UnreadableResponseError("The answer to the submission has no JobId.", status=response.status)
    return jobs[0]


def read_job(response: Response) -> InventoryJob | None:
    """
    Read the answer to :func:`build_get`; ``None`` if it says that there is no such job.

    An answer without the job says so: it has ``NonExistJobIds``, and no ``JobsDetail`` (docs/service.md, 2.6).

    :raises UnreadableResponseError: it is neither.
    """
    detail = read_xml(response.body, "Response").find("JobsDetail")
    if detail is None:
        return None
    job = InventoryJob.from_xml(detail)
    if not job.job_id:
        raise UnreadableResponseError("The answer has a job without a JobId.", status=response.status)
    return job


def read_jobs(response: Response) -> Page[InventoryJob]:
    """
    Read a page of jobs.

    :raises UnreadableResponseError: it is not one.
    """
    jobs, next_token = read_page(response, "JobsDetail", InventoryJob.from_xml)
    return Page(tuple(job for job in jobs if job.job_id), next_token)


def read_nothing(response: Response) -> None:
    """
    Read an answer that needs no body: those to a cancel and to an upload are empty (docs/service.md, 2.8).

    :raises ApiError: the body is an error, although the status is not.
    :raises UnreadableResponseError: the body is no XML, and no request id shows that the service sent it.
    """
    if response.error.code or response.error.message:
        raise error_of(response)
    if response.error.not_xml and response.body.strip() and not has_request_id(response.headers):
        raise UnreadableResponseError(response.error.not_xml)


def _check_one_of(argument: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value and value not in allowed:
        raise InvalidArgumentError(f"{argument}={value!r} must be one of {', '.join(allowed)}.")
