"""
What a batch did with each of its files: where the service lists it, and how to read that.

A batch of type ``Workflow`` has an execution of the workflow for each file, one of type ``Job`` a child job (API
reference, 3.1 to 3.3). Both are a :class:`FileRun` here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.job_requests import (
    MAX_PAGE_SIZE,
    Page,
    build_list_executions,
    check_job_id,
    read_executions,
)
from airflow_provider_tencent_ci.core.wire.messages import Flow, Request, Response
from airflow_provider_tencent_ci.core.wire.request_retry import RETRY_IDEMPOTENT, RequestRetry, send_with_retry
from airflow_provider_tencent_ci.core.wire.service_times import format_time, parse_time
from airflow_provider_tencent_ci.core.wire.xml import read_xml, text_of
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError

# Child jobs of these tags are listed by /pic_jobs, all others by /jobs (assumed: the documentation says "image jobs").
_PICTURE_TAGS = frozenset({"PicProcess", "ImageInspect"})


@dataclass(frozen=True, slots=True)
class FileRun:
    """
    What became of one file.

    :param run_id: the workflow execution's ``RunId``, or the child job's ``JobId``.
    :param key: the object's key.
    :param state: ``Running``, ``Success``, ``Failed`` or ``Cancel``; a child job's also ``Submitted`` or ``Pause``.
    :param created_at: when the service began to see to it (aware); ``None`` if not known.
    :param code: why a child job failed; an execution's list does not say.
    :param message: likewise.
    :param ended_at: when a child job ended (aware); an execution's list does not say.
    """

    run_id: str
    key: str
    state: JobState
    created_at: datetime | None = None
    code: str = ""
    message: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileFailure:
    """
    A file that failed, and why.

    :param key: the object's key.
    :param node: the workflow's node that failed, or the tag of the job.
    :param code: the service's code; empty if it gave none.
    :param message: its message, likewise.
    :param run_id: the workflow execution's ``RunId``, or the child job's ``JobId``.
    """

    key: str
    node: str
    code: str
    message: str
    run_id: str

    def to_dict(self) -> dict[str, str]:
        """Return it as one line of the failure list has it."""
        return asdict(self)


class FileList(Protocol):
    """One list of files that belong to a batch."""

    def build_page(self, states: str | None, since: datetime | None, next_token: str) -> Request:
        """Return the request for a page, oldest first."""

    def read_page(self, response: Response) -> Page[FileRun]:
        """Read one."""

    def explain(self, run: FileRun, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[FileFailure]:
        """Say why a file failed, with a further request where the list does not say."""

    def find_end(self, run: FileRun, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[datetime | None]:
        """Say when a file was done, likewise; ``None`` if the service does not."""


def file_lists_of(job: InventoryJob) -> list[FileList]:
    """
    Return where the files of a batch are listed: one list for each workflow, or that of its child jobs.

    :raises UnreadableResponseError: the job's record does not say what it runs.
    """
    if job.type == "Job":
        if tag := _word(job, "Tag"):
            return [_ChildJobs(job.job_id, tag, _word(job, "QueueId"))]
    elif workflow_ids := [word for word in _word(job, "WorkflowIds").split(",") if word]:
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
    retry: RequestRetry = RETRY_IDEMPOTENT,
) -> Flow[Page[FileRun]]:
    """
    Read one page of files, oldest first.

    :param states: only files in these states, by commas.
    :param since: only files whose work was created at or after this time.
    """
    return (yield from send_with_retry(files.build_page(states, since, next_token), files.read_page, retry))


@dataclass(frozen=True, slots=True)
class _Executions:
    """``GET /workflowexecution`` (API reference, 3.1)."""

    job_id: str
    workflow_id: str

    def build_page(self, states: str | None, since: datetime | None, next_token: str) -> Request:
        return build_list_executions(
            self.workflow_id, self.job_id, states, next_token, start_creation_time=since, order_by_time="Asc"
        )

    def read_page(self, response: Response) -> Page[FileRun]:
        page = read_executions(response)
        runs = (FileRun(one.run_id, _key(one.object_key), one.state, one.create_time) for one in page.items)
        return Page(tuple(runs), page.next_token)

    def explain(self, run: FileRun, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[FileFailure]:
        node, code, message = yield from send_with_retry(_build_execution(run), _read_failed_task, retry)
        return FileFailure(run.key, node, code, message, run.run_id)

    def find_end(self, run: FileRun, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[datetime | None]:
        return (yield from send_with_retry(_build_execution(run), _read_last_end, retry))


@dataclass(frozen=True, slots=True)
class _ChildJobs:
    """``GET /jobs`` or ``GET /pic_jobs`` (API reference, 3.3)."""

    job_id: str
    tag: str
    queue_id: str

    def build_page(self, states: str | None, since: datetime | None, next_token: str) -> Request:
        parameters = {
            "inventoryTriggerJobId": self.job_id,
            "tag": self.tag,
            "queueId": self.queue_id,  # left out if the batch named none (assumed: then it is not required either)
            "states": states or "",
            "startCreationTime": format_time(since) if since else "",
            "orderByTime": "Asc",
            "size": str(MAX_PAGE_SIZE),
            "nextToken": next_token,
        }
        path = "/pic_jobs" if self.tag in _PICTURE_TAGS else "/jobs"
        return Request("GET", path, tuple((name, value) for name, value in parameters.items() if value))

    def read_page(self, response: Response) -> Page[FileRun]:
        root = read_xml(response.body, "Response")
        runs = (_child_job(detail) for detail in root.findall("JobsDetail"))
        return Page(tuple(run for run in runs if run.run_id), text_of(root, "NextToken"))

    def explain(self, run: FileRun, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[FileFailure]:
        yield from ()
        return FileFailure(run.key, self.tag, run.code, run.message, run.run_id)

    def find_end(self, run: FileRun, retry: RequestRetry = RETRY_IDEMPOTENT) -> Flow[datetime | None]:
        yield from ()
        return run.ended_at


def _key(text: str) -> str:
    """Return the key of an ``Object``, which old samples write as the object's URL."""
    if not text.startswith(("http://", "https://")):
        return text
    return unquote(urlsplit(text).path.removeprefix("/"))


def _child_job(detail: Element) -> FileRun:
    input_ = detail.find("Input")
    return FileRun(
        run_id=text_of(detail, "JobId"),
        key=text_of(input_, "Object") if input_ is not None else "",
        state=JobState(text_of(detail, "State")),
        created_at=parse_time(text_of(detail, "CreationTime", "CreateTime")),
        code=text_of(detail, "Code"),
        message=text_of(detail, "Message"),
        ended_at=parse_time(text_of(detail, "EndTime")),
    )


def _build_execution(run: FileRun) -> Request:
    """``GET /workflowexecution/<RunId>`` (API reference, 3.2)."""
    return Request("GET", f"/workflowexecution/{check_job_id(run.run_id)}")


def _read_last_end(response: Response) -> datetime | None:
    """Return when the last node ended."""
    root = read_xml(response.body, "Response")
    ends = (parse_time(text_of(task, "EndTime")) for task in root.iterfind("WorkflowExecution/Tasks"))
    return max(filter(None, ends), default=None)


def _read_failed_task(response: Response) -> tuple[str, str, str]:
    """Return name, code and message of the first node that failed: it is the one that fails the execution."""
    root = read_xml(response.body, "Response")
    failed = (task for task in root.iterfind("WorkflowExecution/Tasks") if text_of(task, "State") == JobState.FAILED)
    task = next(failed, None)
    if task is None:
        return "", "", ""
    return text_of(task, "Name") or text_of(task, "Type"), text_of(task, "Code"), text_of(task, "Message")


def _word(job: InventoryJob, name: str) -> str:
    value = job.operation.get(name)
    return value if isinstance(value, str) else ""
