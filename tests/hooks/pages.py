"""A service with one long list; a test sets the answer and time of each page."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 100

# A time limit for immediate events. Only a failed test waits so long.
BOUND_SECONDS = 30.0


def run_id(number: int) -> str:
    return f"i{number:032x}"


class Pages(ThreadingHTTPServer):
    """
    Lists executions (their ``RunId``) and batch jobs (their ``JobId``), 100 on a page; a token is a number.

    :param total: how many there are.
    """

    daemon_threads = True

    def __init__(self, total: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.total = total
        #: The tokens of the requests, in order; empty for a first page.
        self.asked: list[str] = []
        #: The client's port of each request, in order; it identifies the connection.
        self.connections: list[int] = []
        #: Other answers by token: each once, in order.
        self.instead: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}
        #: Answers to these tokens wait until the test releases them.
        self.held: dict[str, threading.Event] = {}
        self._news = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def connection_json(self) -> str:
        extra = {"region": "ap-beijing", "bucket": "examplebucket-1250000000", "endpoint_url": self.url}
        return json.dumps({"conn_type": "tencent_ci", "login": "AKIDEXAMPLE", "password": "secret", "extra": extra})

    def wait_for(self, token: str) -> None:
        """Return once a client has requested the page of a token."""
        with self._news:
            assert self._news.wait_for(lambda: token in self.asked, BOUND_SECONDS), f"{token!r} is not asked for"

    def answer(self, connection: int, path: str, token: str) -> tuple[int, dict[str, str], bytes]:
        with self._news:
            self.asked.append(token)
            self.connections.append(connection)
            self._news.notify_all()
        if token in self.held:
            self.held[token].wait(BOUND_SECONDS)
        if self.instead.get(token):
            return self.instead[token].pop(0)
        return 200, {}, self.page(path, int(token or 0))

    def page(self, path: str, first: int) -> bytes:
        last = min(first + PAGE, self.total)
        entry = _JOB if path == "/inventorytriggerjob" else _EXECUTION
        token = f"<NextToken>{last}</NextToken>" if last < self.total else ""
        return f"<Response>{''.join(entry.format(run_id(n), n) for n in range(first, last))}{token}</Response>".encode()


_EXECUTION = (
    "<WorkflowExecutionList><RunId>{0}</RunId><WorkflowId>w1</WorkflowId><Object>media/film-{1}.mp4</Object>"
    "<CreateTime>2026-01-02T11:04:05+08:00</CreateTime><State>Success</State></WorkflowExecutionList>"
)
_JOB = "<JobsDetail><JobId>{0}</JobId><Name>job-{1}</Name><State>Running</State></JobsDetail>"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Pages

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        [token] = parse_qs(url.query).get("nextToken", [""])
        status, headers, body = self.server.answer(self.client_address[1], url.path, token)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def serving(total: int) -> Iterator[Pages]:
    server = Pages(total)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        for held in server.held.values():
            held.set()
        server.shutdown()
        server.server_close()
        thread.join(BOUND_SECONDS)
