"""
A service with ended jobs of any number of files, far cheaper for each answer than its clients.

Run as a program it is the server: ``python -m benchmarks.file_service`` prints its address and serves until its input
ends. The package's emulator would need as much processor time as the clients, and the machine has two processors for
both. So this one checks no signature, knows only what counts and lists of failed files ask for, and fills a template.

The id of a job has the number of its files. All jobs have ended, except the job of one file. Every 33rd file failed;
250 files were created in each second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl
from urllib.request import ProxyHandler, build_opener

from airflow_provider_tencent_ci.core.wire.xml import write_xml
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.emulator.model.lazy_sequences import Complement

__all__ = ["FAILING_EVERY", "FileService", "job_record", "list_page", "read_counters", "set_up"]

FAILING_EVERY = 33

_FILES_PER_SECOND = 250
_BEGAN_AT = datetime(2026, 1, 2, 4, tzinfo=UTC)
_BEIJING = timezone(timedelta(hours=8))
_ROOT = Path(__file__).parents[1]
_START_SECONDS = 30

_ENTRY = (
    "<WorkflowExecutionList><RunId>i%016x%016x</RunId>"
    f"<WorkflowId>{WORKFLOW_ID}</WorkflowId><Object>media/%07d.mp4</Object>"
    "<CreateTime>%s</CreateTime><State>%s</State></WorkflowExecutionList>"
)
_DETAIL = (
    "<Response><RequestId>r</RequestId><WorkflowExecution><Name>transcode</Name><RunId>%s</RunId>"
    f"<WorkflowId>{WORKFLOW_ID}</WorkflowId><State>Failed</State>"
    "<Tasks><Type>Transcode</Type><JobId>j1</JobId><Name>Transcode_1</Name><State>Failed</State>"
    "<CreateTime>2026-01-02T12:00:00+08:00</CreateTime><StartTime>2026-01-02T12:00:00+08:00</StartTime>"
    "<EndTime>2026-01-02T12:00:01+08:00</EndTime><Code>ResourceNotSupported</Code>"
    "<Message>The file was made to fail.</Message></Tasks></WorkflowExecution></Response>"
)
_SLOW_DOWN = "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message><RequestId>r</RequestId></Error>"


def job_record(files: int) -> dict[str, Any]:
    """Return the record of the ended job with this number of files."""
    last = (files - 1) // _FILES_PER_SECOND
    return {
        "JobId": f"b{files:032d}",
        "Type": "Workflow",
        "State": "Success",
        "CreationTime": _second(0),
        "StartTime": _second(0),
        "EndTime": _second(last + 1),
        "Operation": {"WorkflowIds": WORKFLOW_ID},
    }


class FileService:
    """The service while it runs, in a process of its own; ``url`` is its address."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.file_service"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], _START_SECONDS)[0]:
            self._process.kill()
            raise RuntimeError(f"The service did not start within {_START_SECONDS} seconds.")
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=30)


def set_up(url: str, *, latency_ms: float, limit: int = 0, open_files: int = 0) -> None:
    """
    Set how the service behaves from now on, and all counters to 0.

    :param latency_ms: from a request to its answer.
    :param limit: how many requests it answers within any second; those beyond get status 429. 0: all.
    :param open_files: how many files at the end of each list still run.
    """
    _get(f"{url}/_bench?latency_ms={latency_ms}&limit={limit}&open_files={open_files}")


def read_counters(url: str) -> dict[str, float]:
    """Return ``requests``, ``refused``, ``most_in_flight`` and ``cpu_seconds`` since the last :func:`set_up`."""
    counters: dict[str, float] = json.loads(_get(f"{url}/_bench"))
    return counters


def _get(url: str) -> bytes:
    with build_opener(ProxyHandler({})).open(url, timeout=30) as answer:
        content: bytes = answer.read()
    return content


class _Service:
    """The answers, the limit and the counters."""

    def __init__(self) -> None:
        self.latency_seconds = 0.0
        self._limit = self._open_files = 0
        self.set_up({})

    def set_up(self, query: Mapping[str, str]) -> None:
        self.latency_seconds = float(query.get("latency_ms", 0)) / 1e3
        self._limit = int(query.get("limit", 0))
        self._open_files = int(query.get("open_files", 0))
        self._answered_at: deque[float] = deque()
        self._counts: Counter[str] = Counter()
        self._in_flight = self._most_in_flight = 0
        self._cpu_began = time.process_time()

    def begin(self) -> None:
        self._counts["requests"] += 1
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)

    def end(self) -> None:
        self._in_flight -= 1

    def counters(self) -> dict[str, float]:
        return {
            "requests": self._counts["requests"],
            "refused": self._counts["refused"],
            "most_in_flight": self._most_in_flight,
            "cpu_seconds": time.process_time() - self._cpu_began,
        }

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, str]:
        if self._is_over_limit():
            self._counts["refused"] += 1
            return 429, _SLOW_DOWN
        if path == "/workflowexecution":
            return 200, list_page(query, self._open_files)
        if path.startswith("/workflowexecution/"):
            return 200, _DETAIL % path.rpartition("/")[2]
        if path == "/inventorytriggerjob":
            return 200, _job(query.get("jobId", "b1"))
        return 404, "<Error><Code>InvalidUrl</Code><Message>not here</Message></Error>"

    def _is_over_limit(self) -> bool:
        if not self._limit:
            return False
        now = time.monotonic()
        while self._answered_at and self._answered_at[0] <= now - 1:
            self._answered_at.popleft()
        if len(self._answered_at) >= self._limit:
            return True
        self._answered_at.append(now)
        return False


def list_page(query: Mapping[str, str], open_files: int = 0) -> str:
    """
    Return a page of executions, as the emulator has it for such a job (docs/service.md, 2.7 and 3.1).

    :param open_files: how many files at the end of the list still run.
    """
    number = int(query["jobId"][1:])
    ended = number - open_files
    numbers, size = _wanted(number, ended, query), int(query.get("size") or 10)
    token = query.get("nextToken")
    if query.get("orderByTime") == "Asc":
        start = bisect_right(numbers, int(token)) if token else 0
        shown = [numbers[at] for at in range(start, min(start + size, len(numbers)))]
        more = start + size < len(numbers)
    else:
        stop = bisect_left(numbers, int(token)) if token else len(numbers)
        shown = [numbers[at] for at in range(stop - 1, max(stop - 1 - size, -1), -1)]
        more = stop > size
    rows = [(number, index, index + 1, _created_at(index), _state(index, ended)) for index in shown]
    entries = "".join([_ENTRY % row for row in rows])
    next_token = f"<NextToken>{shown[-1]}</NextToken>" if more else ""
    return f"<Response><RequestId>r</RequestId>{entries}{next_token}</Response>"


@lru_cache(maxsize=64)
def _job(job_id: str) -> str:
    """Return a page with one job, which has ended; the job of one file still runs."""
    record = job_record(int(job_id[1:])) | {"JobId": job_id}
    if int(job_id[1:]) == 1:
        record |= {"State": "Running", "EndTime": None}
    return write_xml("Response", {"RequestId": "r", "JobsDetail": record}).decode()


def _wanted(number: int, ended: int, query: Mapping[str, str]) -> Sequence[int]:
    """Return the numbers of the files in the wanted states and the window of creation times, in rising order."""
    start, stop = 0, number
    if earliest := query.get("startCreationTime"):
        start = max(start, _seconds(earliest) * _FILES_PER_SECOND)
    if latest := query.get("endCreationTime"):
        stop = min(stop, (_seconds(latest) + 1) * _FILES_PER_SECOND)
    states = set((query.get("states") or "All").split(","))
    if "All" in states:
        return range(start, max(start, stop))
    if "Running" in states:
        return range(max(start, ended), max(start, ended, stop))
    last = max(start, min(stop, ended))
    if {"Success", "Failed"} <= states:
        return range(start, last)
    first = start + (FAILING_EVERY - 1 - start) % FAILING_EVERY
    if "Failed" in states:
        return range(first, last, FAILING_EVERY)
    if "Success" in states:
        others = Complement(number, range(FAILING_EVERY - 1, number, FAILING_EVERY))
        return others[bisect_left(others, start) : bisect_left(others, last)]
    return range(0)


def _seconds(text: str) -> int:
    return int((datetime.fromisoformat(text) - _BEGAN_AT).total_seconds())


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return (_BEGAN_AT + timedelta(seconds=seconds)).astimezone(_BEIJING).isoformat()


def _created_at(index: int) -> str:
    return _second(index // _FILES_PER_SECOND)


def _state(index: int, ended: int) -> str:
    if index >= ended:
        return "Running"
    return "Success" if (index + 1) % FAILING_EVERY else "Failed"


class _Connection(asyncio.Protocol):
    """One connection; requests have no body."""

    _transport: asyncio.Transport

    def __init__(self, service: _Service) -> None:
        self._service = service
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[:end], self._received[end + 4 :]
            self._handle(head.split(b" ", 2)[1].decode())

    def _handle(self, target: str) -> None:
        path, _, query_string = target.partition("?")
        query = dict(parse_qsl(query_string))
        if path == "/_bench":
            if query:
                self._service.set_up(query)
            self._write(200, json.dumps(self._service.counters()))
            return
        self._service.begin()
        status, body = self._service.answer(path, query)
        asyncio.get_running_loop().call_later(self._service.latency_seconds, self._end, status, body)

    def _end(self, status: int, body: str) -> None:
        self._service.end()
        self._write(status, body)

    def _write(self, status: int, body: str) -> None:
        content = body.encode()
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nContent-Length: {len(content)}\r\n"
            f"Date: {_date(int(time.time()))}\r\nx-ci-request-id: r\r\n\r\n"
        )
        if not self._transport.is_closing():
            self._transport.write(head.encode() + content)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


async def _serve() -> None:
    service, loop = _Service(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(service), "127.0.0.1", 0, backlog=256)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
