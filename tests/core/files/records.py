"""A service that lists the files of a batch: only the requests that counting sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.wire.messages import Request, Response
from tests.core.script import START, Script, respond

WORKFLOW_JOB = InventoryJob("b1", name="nightly", operation={"WorkflowIds": "w1"})
CHILD_JOB = InventoryJob("b1", name="nightly", type="Job", operation={"Tag": "Transcode", "QueueId": "p1"})


@dataclass
class File:
    number: int
    state: str = "Running"
    created_at: datetime | None = START
    workflow_id: str = "w1"


class Files:
    """
    :param size: the number of files on each page.
    """

    def __init__(self, *files: File, size: int = 3) -> None:
        self.files = list(files)
        self.size = size
        self.requests: list[Request] = []
        self._cut: dict[tuple[object, int], tuple[list[File], Iterator[File]]] = {}

    def answer(self, request: Request) -> Response:
        self.requests.append(request)
        query = dict(request.query)
        begin = int(query.get("nextToken") or 0)
        key = frozenset((query | {"nextToken": None}).items())
        ahead, rest = self._cut.pop((key, begin), None) or ([], islice(self._found(query), begin, None))
        found = [*ahead, *islice(rest, self.size + 1 - len(ahead))]
        shown, ahead = found[: self.size], found[self.size :]
        if ahead:  # a list of many pages is searched once
            self._cut[key, begin + self.size] = ahead, rest
        token = str(begin + self.size) if ahead else ""
        write = _execution if request.path == "/workflowexecution" else _child_job
        return respond(f"<Response>{''.join(map(write, shown))}<NextToken>{token}</NextToken></Response>")

    def _found(self, query: dict[str, str | None]) -> Iterator[File]:
        since = query.get("startCreationTime")
        return (
            file
            for file in self.files
            if file.workflow_id == query.get("workflowId", file.workflow_id)
            and (not query.get("states") or file.state in (query["states"] or "").split(","))
            and (since is None or file.created_at is None or file.created_at >= datetime.fromisoformat(since))
        )


def in_seconds(*states: str, first: int = 0) -> list[File]:
    """Files that were created a second apart."""
    return [File(number, state, START + timedelta(seconds=number)) for number, state in enumerate(states, first)]


def _execution(file: File) -> str:
    created = file.created_at.isoformat(timespec="seconds") if file.created_at else "-"
    return (
        f"<WorkflowExecutionList><RunId>i{file.number}</RunId><WorkflowId>{file.workflow_id}</WorkflowId>"
        f"<Object>media/{file.number}.mp4</Object><CreateTime>{created}</CreateTime><State>{file.state}</State>"
        "</WorkflowExecutionList>"
    )


def _child_job(file: File) -> str:
    created = file.created_at.isoformat(timespec="seconds") if file.created_at else "-"
    return (
        f"<JobsDetail><JobId>j{file.number}</JobId><State>{file.state}</State><CreationTime>{created}</CreationTime>"
        f"<Code>Broken</Code><Message>no stream</Message><Input><Object>media/{file.number}.mp4</Object></Input>"
        "</JobsDetail>"
    )


def script_of(service: Files, now: datetime = START) -> Script:
    """A script that this service answers."""
    script = Script([service.answer], forever=True)
    script.now = now
    return script
