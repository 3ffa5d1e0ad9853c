"""
The lists of a batch's files: where they are, and how to read a page of one.

A batch of type ``Workflow`` has a list of executions for each of its workflows. A batch of type ``Job`` has one list of
child jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from airflow_provider_tencent_ci.core.api.failure_reason import read_failed_task
from airflow_provider_tencent_ci.core.api.file_records import FileFailure, FileRun
from airflow_provider_tencent_ci.core.api.file_requests import (
    build_execution,
    build_list_child_jobs,
    build_list_executions,
    object_keys,
    read_child_job_states,
    read_child_jobs,
    read_execution_states,
    read_executions,
    read_last_end,
)
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, WorkflowExecution
from airflow_provider_tencent_ci.core.api.paginator import Page
from airflow_provider_tencent_ci.core.wire.messages import Flow, Priority, Request, Response
from airflow_provider_tencent_ci.core.wire.request_retry import RETRY_LONG, RequestRetry, send_with_retry
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError


class FileList(Protocol):
    """One list of files that belong to a batch."""

    def build_page(
        self, states: str | None, since: datetime | None, next_token: str, until: datetime | None = None
    ) -> Request:
        """Return the request for a page, oldest first."""

    def read_page(self, response: Response) -> Page[FileRun]:
        """Read one."""

    def read_states(self, response: Response) -> Page[FileRun]:
        """Read one without the files' keys and reasons: in half of the time."""

    def explain(self, run: FileRun, retry: RequestRetry = RETRY_LONG) -> Flow[FileFailure]:
        """Return why a file failed, with a further request if the list does not tell."""

    def find_end(self, run: FileRun, retry: RequestRetry = RETRY_LONG) -> Flow[datetime | None]:
        """Return when a file was done, with a further request if needed; ``None`` if not known."""


def file_lists_of(job: InventoryJob) -> list[FileList]:
    """
    Return where the files of a batch are listed: one list for each workflow, or that of its child jobs.

    :raises UnreadableResponseError: the job's record does not say what it runs.
    """
    if job.type == "Job":
        if tag := _word(job, "Tag"):
            return [_ChildJobs(job.job_id, tag, _word(job, "QueueId"))]
    elif workflow_ids := [word.strip() for word in _word(job, "WorkflowIds").split(",") if word.strip()]:
        return [_Executions(job.job_id, workflow_id) for workflow_id in workflow_ids]
    # Names only: a value may be the address that a job calls back, with a token in it.
    named = ", ".join(sorted(map(str, job.operation))) or "nothing"
    raise UnreadableResponseError(f"The record of batch job {job.job_id} does not say what it runs, only {named}.")


def list_files_page(
    files: FileList,
    next_token: str,
    *,
    states: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    retry: RequestRetry = RETRY_LONG,
    states_only: bool = False,
    priority: Priority = Priority.BACKGROUND,
) -> Flow[Page[FileRun]]:
    """
    Read one page of files, oldest first.

    :param states: only files in these states, by commas.
    :param since: only files whose work was created at or after this time.
    :param until: only files whose work was created at or before this time.
    :param states_only: whether the files' keys and reasons are left out.
    :param priority: of the request at the rate limit.
    """
    read = files.read_states if states_only else files.read_page
    request = replace(files.build_page(states, since, next_token, until), priority=priority)
    return (yield from send_with_retry(request, read, retry))


@dataclass(frozen=True, slots=True)
class _Executions:
    """``GET /workflowexecution`` (docs/service.md, 3.1)."""

    job_id: str
    workflow_id: str

    def build_page(
        self, states: str | None, since: datetime | None, next_token: str, until: datetime | None = None
    ) -> Request:
        return build_list_executions(
            self.workflow_id,
            self.job_id,
            states,
            next_token,
            start_creation_time=since,
            end_creation_time=until,
            order_by_time="Asc",
        )

    def read_page(self, response: Response) -> Page[FileRun]:
        page = read_executions(response)
        keys = object_keys(page.items)
        runs = (FileRun(one.run_id, key, one.state, one.create_time) for one, key in zip(page.items, keys, strict=True))
        return Page(tuple(runs), page.next_token)

    def read_states(self, response: Response) -> Page[FileRun]:
        return read_execution_states(response)

    def explain(self, run: FileRun, retry: RequestRetry = RETRY_LONG) -> Flow[FileFailure]:
        node, code, message = yield from send_with_retry(build_execution(run.run_id), read_failed_task, retry)
        return FileFailure(run.key, node, code, message, run.run_id)

    def find_end(self, run: FileRun, retry: RequestRetry = RETRY_LONG) -> Flow[datetime | None]:
        return (yield from send_with_retry(build_execution(run.run_id), read_last_end, retry))


@dataclass(frozen=True, slots=True)
class _ChildJobs:
    """``GET /jobs`` or ``GET /pic_jobs`` (docs/service.md, 3.3)."""

    job_id: str
    tag: str
    queue_id: str

    def build_page(
        self, states: str | None, since: datetime | None, next_token: str, until: datetime | None = None
    ) -> Request:
        return build_list_child_jobs(
            self.job_id,
            self.tag,
            self.queue_id,
            states,
            next_token,
            start_creation_time=since,
            end_creation_time=until,
        )

    def read_page(self, response: Response) -> Page[FileRun]:
        return read_child_jobs(response)

    def read_states(self, response: Response) -> Page[FileRun]:
        return read_child_job_states(response)

    def explain(self, run: FileRun, retry: RequestRetry = RETRY_LONG) -> Flow[FileFailure]:
        yield from ()
        return FileFailure(run.key, self.tag, run.code, run.message, run.run_id)

    def find_end(self, run: FileRun, retry: RequestRetry = RETRY_LONG) -> Flow[datetime | None]:
        yield from ()
        return run.ended_at


def _word(job: InventoryJob, name: str) -> str:
    value = job.operation.get(name)
    return value.strip() if isinstance(value, str) else ""


def list_executions_page(
    workflow_id: str, job_id: str | None, states: Sequence[str] | str | None, next_token: str = ""
) -> Flow[Page[WorkflowExecution]]:
    """Read one page of workflow executions."""
    return (yield from send_with_retry(build_list_executions(workflow_id, job_id, states, next_token), read_executions))
