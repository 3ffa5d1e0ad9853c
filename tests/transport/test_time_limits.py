"""``request_timeout`` limits a whole exchange, wherever the peer is slow."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
import time
from contextlib import suppress

import pytest
import trustme

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs, read_nothing
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.put_object import build_put_object
from airflow_provider_tencent_ci.core.polling.cancel_job import cancel_and_confirm
from airflow_provider_tencent_ci.core.wire.flow_steps import pause
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.core.wire.retryable_errors import was_not_executed
from airflow_provider_tencent_ci.transport import async_driver, time_limits
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport
from tests.transport.conftest import configuration
from tests.transport.servers import RawServer

SECONDS = 0.3

# The allowed delay on a busy machine. The peer itself never stops sending.
GRACE = 3.0

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 11\r\n\r\n<Response/>"

# The bytes that are sent at once, and those that follow one by one.
DRIPS = {
    "status line": (b"", b"HTTP/1.1 200 OKAY"),
    "header": (OK + b"X-Odd: ", b"a"),
    "headers": (OK, b"X: y\r\n"),
    "chunk size": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "body": (OK + b"Content-Length: 1000000\r\n\r\n", b" "),
    "body without an end": (OK + b"\r\n", b" "),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


def look():
    return send_with_retry(build_list(JobFilter()), read_jobs, NO_RETRY)


def write(data):
    return send_with_retry(build_put_object("list.txt", data), read_nothing, NO_RETRY)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def bundle(authority, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


def given_up(run, flow, config):
    """Run a flow that must not be answered; return its error if it came in time."""
    began_at = time.monotonic()
    with pytest.raises(e.TransportError) as caught:
        run(config, flow)
    took = time.monotonic() - began_at
    assert took < config.request_timeout + GRACE
    return caught.value


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("where", DRIPS)
def test_a_slowly_dripping_answer_times_out(run, context, bundle, where, secure):
    at_once, pieces = DRIPS[where]

    def answer(connection, _head):
        connection.sendall(at_once)
        server.drip(connection, pieces)

    with RawServer(answer, context if secure else None) as server:
        error = given_up(run, look(), configuration(server.url, request_timeout=SECONDS, verify=bundle))
    assert error.request_sent


def test_an_upload_to_a_stalled_server_times_out(run):
    with RawServer(lambda *_: server.stopping.wait(60)) as server:
        error = given_up(run, write(b"x" * 30_000_000), configuration(server.url, request_timeout=SECONDS))
    assert error.request_sent


def test_an_upload_to_a_slow_server_times_out(run):
    def read_slowly(connection, _head):
        while connection.recv(1000):
            time.sleep(0.02)

    with RawServer(read_slowly) as server:
        error = given_up(run, write(b"x" * 30_000_000), configuration(server.url, request_timeout=SECONDS))
    assert error.request_sent


def test_an_upload_has_the_timeout_of_a_request_and_not_of_a_connection(run, monkeypatch):
    for module in (time_limits, async_driver):
        monkeypatch.setattr(module, "CONNECT_TIMEOUT_SECONDS", SECONDS)

    def read_at_leisure(connection, head):
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        got = len(head.partition(b"\r\n\r\n")[2])
        while got < length:
            got += len(connection.recv(1_000_000))
            time.sleep(0.03)
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with RawServer(read_at_leisure) as server:
        began_at = time.monotonic()
        run(configuration(server.url, request_timeout=60), write(b"x" * 30_000_000))
        assert time.monotonic() - began_at > SECONDS


@pytest.mark.parametrize("pieces", [b"HTTP/1.1 200 OK\r\nX: y\r\n", b"H"], ids=["headers", "status line"])
def test_a_dripping_proxy_times_out(run, pieces):
    with RawServer(lambda connection, _head: server.drip(connection, pieces)) as server:
        config = configuration("https://127.0.0.1:9", request_timeout=SECONDS, proxy=server.url)
        given_up(run, look(), config)


def test_a_dripping_proxy_counts_as_an_unsent_request(config):
    with RawServer(lambda connection, _head: server.drip(connection, b"H")) as server:
        config = configuration("https://127.0.0.1:9", request_timeout=SECONDS, proxy=server.url)
        with BlockingTransport(config) as transport, pytest.raises(e.TransportError) as caught:
            transport.run(look())
    assert not caught.value.request_sent


def test_an_unanswered_handshake_times_out(run):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        given_up(run, look(), configuration(url, request_timeout=SECONDS))


def test_a_failure_before_the_request_counts_as_unsent(emulator):
    with BlockingTransport(configuration(emulator.url.replace("http:", "https:"))) as transport:
        with pytest.raises(e.TransportError, match="did not reach it") as caught:
            transport.run(look())
        assert not caught.value.request_sent


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_connection_is_reused(run, context, bundle, secure):
    def twice():
        yield from look()
        yield from look()

    with RawServer(lambda connection, _head: connection.sendall(EMPTY), context if secure else None) as server:
        run(configuration(server.url, verify=bundle), twice())
        assert (server.connections, len(server.heads)) == (1, 2)


def test_requests_use_a_proxy_in_plain_text_and_in_a_tunnel(run, context, bundle):
    def pass_on(connection, head):
        method, target, _ = head.split(b" ", 2)
        seen.append(method)
        if method != b"CONNECT":
            connection.sendall(EMPTY)
            return
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", int(target.rpartition(b":")[2]))) as onward:
            for source, sink in ((connection, onward), (onward, connection)):
                threading.Thread(target=pump, args=(source, sink), daemon=True).start()
            proxy.stopping.wait(60)

    def pump(source, sink):
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    seen = []
    with (
        RawServer(lambda connection, _head: connection.sendall(EMPTY), context) as server,
        RawServer(pass_on) as proxy,
    ):
        run(configuration("http://bucket.invalid", proxy=proxy.url), look())
        run(configuration(server.url, proxy=proxy.url, verify=bundle), look())
        assert len(server.heads) == 1
    assert seen == [b"GET", b"CONNECT"]


def test_each_address_of_a_host_is_tried_until_one_answers(run, monkeypatch):
    def resolve(host, port, *_, **__):
        if host != "several.invalid":
            return ask_system(host, port, *_, **__)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for address in ("127.0.0.2", "127.0.0.1")
        ]

    ask_system = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with RawServer(lambda connection, _head: connection.sendall(EMPTY)) as server:
        run(configuration(f"http://several.invalid:{server.port}"), look())
        assert len(server.heads) == 1


# --- answers before the answer


def create():
    return job_calls.create_job("nightly", InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="media/"))


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints\r\nLink: </a>"])
def test_the_answer_follows_all_interim_ones(run, interim):
    def answer(connection, head):
        connection.sendall((b"HTTP/1.1 " + interim + b"\r\n\r\n") * 2)
        time.sleep(0.1)
        body = (
            b"<Response><JobsDetail><JobId>b1</JobId></JobsDetail></Response>"
            if head[:4] == b"POST"
            else b"<Response/>"
        )
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def flow():
        job = yield from create()
        return job.job_id, (yield from look()).items

    with RawServer(answer) as server:
        assert run(configuration(server.url), flow()) == ("b1", ())
        assert (server.connections, len(server.heads)) == (1, 2)


def test_an_invalid_answer_leaves_a_submission_unknown(run):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"

    def flow():
        with pytest.raises(e.UnreadableResponseError) as caught:
            yield from create()
        assert caught.value.status == 101
        assert not was_not_executed(caught.value)
        return (yield from look()).items

    def answer(connection, head):
        connection.sendall(switch + EMPTY if head[:4] == b"POST" else EMPTY)

    with RawServer(answer) as server:
        assert run(configuration(server.url), flow()) == ()
        assert server.connections == 2, "later bytes do not count as another answer"


# --- many requests within one time


def test_all_requests_of_a_time_limit_end_together():
    with RawServer(lambda connection, _head: server.drip(connection, b"H")) as server:
        began_at = time.monotonic()
        config = configuration(server.url, request_timeout=0.2)
        with BlockingTransport(config, within_seconds=SECONDS) as transport, pytest.raises(e.TransportError) as caught:
            transport.run(cancel_and_confirm("b1", within_seconds=30))
        assert time.monotonic() - began_at < SECONDS + GRACE
        assert 1 <= len(server.heads) <= 2
        assert not caught.value.request_sent, "the last one was not started"


def test_a_pause_ends_with_its_time_limit():
    with BlockingTransport(configuration("http://127.0.0.1:9"), within_seconds=SECONDS) as transport:
        began_at = time.monotonic()
        with pytest.raises(e.TransportError, match="time for these requests is over"):
            transport.run(pause(60))
        assert time.monotonic() - began_at < SECONDS + GRACE


def test_an_idle_connection_is_kept_between_polls(monkeypatch):
    """By default, aiohttp closes a connection that was idle for 15 seconds; polls are 30 seconds apart."""

    async def main(url):
        ahead = 0.0
        monkeypatch.setattr("aiohttp.connector.monotonic", lambda: time.monotonic() + ahead)
        async with AsyncTransport(configuration(url)) as transport:
            for _ in range(4):
                await transport.run(look())
                ahead += 60

    with RawServer(lambda connection, _head: connection.sendall(EMPTY)) as server:
        asyncio.run(main(server.url))
        assert (server.connections, len(server.heads)) == (1, 4)
