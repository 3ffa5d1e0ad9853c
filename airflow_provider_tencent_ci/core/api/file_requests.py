"""
The endpoints of a batch's files: a builder for each request and a reader for each answer (docs/service.md, 3.1 to 3.3).

``/workflowexecution`` has the executions of a workflow, ``/jobs`` and ``/pic_jobs`` have child jobs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.job_records import JobState, WorkflowExecution, state_of
from airflow_provider_tencent_ci.core.api.page_reader import read_page
from airflow_provider_tencent_ci.core.api.paginator import MAX_PAGE_SIZE, Page
from airflow_provider_tencent_ci.core.api.query_parameters import given, joined, time_parameter
from airflow_provider_tencent_ci.core.wire.messages import Priority, Request, Response
from airflow_provider_tencent_ci.core.wire.service_times import parse_time
from airflow_provider_tencent_ci.core.wire.xml import key_of, read_xml, text_of

_EXECUTIONS = "/workflowexecution"

# Child jobs of these tags are listed by /pic_jobs, all others by /jobs (assumed: the documentation says "image jobs").
_PICTURE_TAGS = frozenset({"PicProcess", "ImageInspect"})


# Host and key of an object's URL.
_OBJECT_URL = re.compile(r"https?://([a-z0-9-]+-[0-9]+\.cos\.[a-z0-9-]+\.[a-z.]+)/(.*)", re.DOTALL)


def build_list_executions(
    workflow_id: str,
    job_id: str | None,
    states: Sequence[str] | str | None,
    next_token: str = "",
    *,
    start_creation_time: datetime | None = None,
    end_creation_time: datetime | None = None,
    order_by_time: str | None = None,
) -> Request:
    """
    ``GET /workflowexecution``, one page of 100.

    :param workflow_id: always sent: older versions of the API require it.
    :param job_id: the batch job; the key of this filter is ``jobId`` (docs/service.md, 3.1).
    :param start_creation_time: executions created at or after this time.
    :param end_creation_time: executions created at or before this time.
    :param order_by_time: ``Desc`` or ``Asc``.
    """
    return Request(
        "GET",
        _EXECUTIONS,
        given(
            ("workflowId", workflow_id),
            ("jobId", job_id),
            ("states", joined(states)),
            ("size", str(MAX_PAGE_SIZE)),
            ("startCreationTime", time_parameter("start_creation_time", start_creation_time)),
            ("endCreationTime", time_parameter("end_creation_time", end_creation_time)),
            ("orderByTime", order_by_time),
            ("nextToken", next_token),
        ),
        priority=Priority.BACKGROUND,
    )


def build_execution(run_id: str) -> Request:
    """``GET /workflowexecution/<RunId>`` (docs/service.md, 3.2)."""
    return Request("GET", f"{_EXECUTIONS}/{run_id}", last_segment=run_id, priority=Priority.BACKGROUND)


def build_list_child_jobs(
    job_id: str,
    tag: str,
    queue_id: str,
    states: str | None,
    next_token: str = "",
    *,
    start_creation_time: datetime | None = None,
    end_creation_time: datetime | None = None,
) -> Request:
    """
    ``GET /jobs`` or ``GET /pic_jobs``, one page of 100, oldest first (docs/service.md, 3.3).

    :param queue_id: left out if the batch names none (assumed: then the service does not require it).
    """
    return Request(
        "GET",
        "/pic_jobs" if tag in _PICTURE_TAGS else "/jobs",
        given(
            ("inventoryTriggerJobId", job_id),
            ("tag", tag),
            ("queueId", queue_id),
            ("states", states),
            ("startCreationTime", time_parameter("start_creation_time", start_creation_time)),
            ("endCreationTime", time_parameter("end_creation_time", end_creation_time)),
            ("orderByTime", "Asc"),
            ("size", str(MAX_PAGE_SIZE)),
            ("nextToken", next_token),
        ),
        priority=Priority.BACKGROUND,
    )


def read_executions(response: Response) -> Page[WorkflowExecution]:
    """
    Read a page of workflow executions.

    :raises UnreadableResponseError: it is not one.
    """
    executions, next_token = read_page(response, "WorkflowExecutionList", WorkflowExecution.from_xml)
    return Page(tuple(one for one in executions if one.run_id), next_token)


def read_execution_states(response: Response) -> Page[FileRun]:
    """
    Read a page of workflow executions for a count, which needs no keys.

    :raises UnreadableResponseError: it is not one.
    """
    return _read_states(response, "WorkflowExecutionList", "RunId", ("CreateTime", "CreationTime"))


def read_child_job_states(response: Response) -> Page[FileRun]:
    """
    Read a page of child jobs for a count, which needs no keys.

    :raises UnreadableResponseError: it is not one.
    """
    return _read_states(response, "JobsDetail", "JobId", ("CreationTime", "CreateTime"))


def _read_states(response: Response, name: str, id_name: str, time_names: tuple[str, str]) -> Page[FileRun]:
    def read(entry: Element) -> FileRun:
        created_at = parse_time(text_of(entry, *time_names))
        return FileRun(text_of(entry, id_name), "", state_of(text_of(entry, "State")), created_at)

    runs, next_token = read_page(response, name, read)
    return Page(tuple(run for run in runs if run.run_id), next_token)


def read_child_jobs(response: Response) -> Page[FileRun]:
    """
    Read a page of child jobs.

    :raises UnreadableResponseError: it is not one.
    """
    runs, next_token = read_page(response, "JobsDetail", _child_job)
    return Page(tuple(run for run in runs if run.run_id), next_token)


def object_keys(executions: Sequence[WorkflowExecution]) -> list[str]:
    """
    Return the keys of the objects of a page, all of which old answers write as URLs.

    A key may itself look like a URL. So the texts are URLs only if all of them are, of objects in one bucket.
    """
    keys = [one.object_key for one in executions]
    urls = [_OBJECT_URL.fullmatch(key) for key in keys]
    if len({url and url[1] for url in urls}) == 1 and urls[0]:
        return [unquote(url[2]) for url in urls if url]
    return keys


def _child_job(detail: Element) -> FileRun:
    input_ = detail.find("Input")
    return FileRun(
        run_id=text_of(detail, "JobId"),
        key=key_of(input_, "Object") if input_ is not None else "",
        state=JobState(text_of(detail, "State")),
        created_at=parse_time(text_of(detail, "CreationTime", "CreateTime")),
        code=text_of(detail, "Code"),
        message=text_of(detail, "Message"),
        ended_at=parse_time(text_of(detail, "EndTime")),
    )


def read_last_end(response: Response) -> datetime | None:
    """Return when the last node ended."""
    root = read_xml(response.body, "Response")
    ends = (parse_time(text_of(task, "EndTime")) for task in root.iterfind("WorkflowExecution/Tasks"))
    return max(filter(None, ends), default=None)
