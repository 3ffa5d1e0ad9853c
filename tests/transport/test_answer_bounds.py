"""One answer, whatever it holds, is parsed once, and blocks no event loop and takes no memory beyond a bound."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from contextlib import suppress

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api.job_calls import request_cancel
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs, read_nothing
from airflow_provider_tencent_ci.core.api.put_object import build_put_object
from airflow_provider_tencent_ci.core.wire import xml
from airflow_provider_tencent_ci.core.wire.body_limit import MAX_BODY_BYTES
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.core.wire.xml import MAX_LINES, MAX_MARKUP
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
from tests.transport.conftest import configuration
from tests.transport.servers import RawServer

# A busy machine needs more processor time for the same work than an idle one, which needs less than 0.05 s.
MAX_BLOCKED_SECONDS = 0.1
MAX_MEMORY = 50 * 1024 * 1024
HUGE = 16 * 1024 * 1024

JOB = b"<JobsDetail><JobId>b%d</JobId><State>Running</State><Operation><a/><a/></Operation></JobsDetail>"
JOB_MARKUP = 10


def filled(unit: bytes, size: int, units: int) -> bytes:
    """Repeat a unit up to a number of times or bytes; ``%d`` in it is different each time."""
    units = min(units, size // len(unit))
    return b"".join(unit % number for number in range(units)) if b"%d" in unit else unit * units


def bodies(size: int, root: bytes) -> dict[str, bytes]:
    """Return bodies of all kinds as large as the size and the other limits allow."""
    room, markup, lines = size - 200, MAX_MARKUP - 10, MAX_LINES
    content = {
        "text": filled(b"x", room, room),
        "Chinese text": filled("夜".encode(), room, room),
        "emoji": filled("🎬".encode(), room, room),
        "lines": filled(b"x\n", room, lines),
        "references": filled(b"&#65;", room, lines),
        "elements": filled(b"<a/>", room, markup),
        "elements of many names": filled(b"<a%d/>", room, markup),
        "elements with texts": filled(b"<a>" + b"x" * 100 + b"</a>", room, markup // 2),
        "attributes": filled(b'<a b="c"/>', room, markup // 2),
        "attributes of many values": filled(b'<a b="c%d"/>', room, markup // 2),
        "depth": filled(b"<a>", room // 2, markup // 2) + filled(b"</a>", room // 2, markup // 2),
        "jobs": filled(JOB, room, markup // JOB_MARKUP),
        "not XML": filled(b"\xff", room, room),
    }
    is_text = ("text", "Chinese text", "emoji", "lines", "references")
    return {
        name: b"<%b><A>%b</A></%b>" % (root, body, root) if name in is_text else b"<%b>%b</%b>" % (root, body, root)
        for name, body in content.items()
    }


CASES = [
    *((name, 200, MAX_BODY_BYTES) for name in bodies(1000, b"Response")),
    ("elements of many names", 403, MAX_BODY_BYTES),
    ("elements", 200, HUGE),
    ("elements", 403, HUGE),
]


def body_of(name: str, status: int, size: int) -> bytes:
    root = b"Response" if status == 200 else b"Error"
    return b"<%b>%b</%b>" % (root, filled(b"<a/>", size, size), root) if size == HUGE else bodies(size, root)[name]


def serve(status: int, body: bytes) -> RawServer:
    head = b"HTTP/1.1 %d X\r\nx-ci-request-id: r\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return RawServer(lambda connection, _head: connection.sendall(head + body))


def look():
    return send_with_retry(build_list(JobFilter()), read_jobs, NO_RETRY)


async def longest_block(config) -> float:
    """Return the most processor time that one step of the loop took while it read the answer."""
    longest = 0.0
    async with AsyncTransport(config) as transport:
        reading = asyncio.ensure_future(transport.run(look()))
        while not reading.done():
            began_at = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - began_at)
        with suppress(e.TencentCIError):
            reading.result()
    return longest


@pytest.mark.parametrize(("name", "status", "size"), CASES)
def test_an_answer_blocks_no_event_loop(name, status, size):
    body = body_of(name, status, size)
    with serve(status, body) as server:
        config = configuration(server.url, request_timeout=30)
        # The shorter of two: the collector of garbage may run in one.
        assert min(asyncio.run(longest_block(config)) for _ in range(2)) < MAX_BLOCKED_SECONDS


@pytest.mark.parametrize(("name", "status", "size"), CASES)
def test_an_answer_takes_little_memory(run, name, status, size):
    body = body_of(name, status, size)
    with serve(status, body) as server:
        tracemalloc.start()
        try:
            with suppress(e.ApiError):
                run(configuration(server.url, request_timeout=30), look())
            assert tracemalloc.get_traced_memory()[1] < MAX_MEMORY
        finally:
            tracemalloc.stop()


# Answers of the service to a cancel or an upload, which need no body: whether the request fails.
BODIES = {
    b"<Response/>": False,
    b"<Error><Code>AccessDenied</Code></Error>": True,
    b"<Response><Code>AccessDenied</Code></Response>": True,
    b"<Response>cut off": False,
}


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
def test_an_answer_is_parsed_once(run, monkeypatch, status):
    body = b"<Response/>" if status == 200 else b"<Error><Code>AccessDenied</Code></Error>"
    assert parsed_by(run, monkeypatch, look(), status, body) == [body]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("flow", [lambda: request_cancel("b1", NO_RETRY), lambda: put_nothing(NO_RETRY)])
def test_the_answer_to_a_cancel_or_an_upload_is_parsed_once(run, monkeypatch, flow, body):
    assert parsed_by(run, monkeypatch, flow(), 200, body, fails=BODIES[body]) == [body]


def put_nothing(retry):
    return send_with_retry(build_put_object("list.txt", b""), read_nothing, retry)


def parsed_by(run, monkeypatch, flow, status, body, *, fails=None):
    """Run a flow, and return what it parses."""

    def counted(body):
        parsed.append(body)
        return checked_text(body)

    parsed, checked_text = [], xml._checked_text
    monkeypatch.setattr(xml, "_checked_text", counted)
    with serve(status, body) as server, pytest.raises(e.ApiError) if fails else suppress(e.ApiError):
        run(configuration(server.url), flow)
    return parsed
