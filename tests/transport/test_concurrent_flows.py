"""Flows that run side by side, in both drivers."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, pause, run_concurrently
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport
from tests.transport.conftest import configuration

# For what must happen; nothing waits that long.
LONG = 60


class Server:
    """
    Answers each request, or holds it until it is let go.

    :ivar most: the requests that were held at a time, at most.
    """

    def __init__(self) -> None:
        self.lock, self.go_on, self.changed = threading.Lock(), threading.Event(), threading.Condition()
        self.in_flight = self.most = self.answered = 0
        self.status: Callable[[str], int] = lambda _path: 200
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.enter()
                server.go_on.wait(LONG)
                server.leave()
                body = b"<Response/>"
                self.send_response(server.status(self.path))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def enter(self) -> None:
        with self.changed:
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
            self.changed.notify_all()

    def leave(self) -> None:
        with self.changed:
            self.in_flight -= 1
            self.answered += 1

    def wait_for(self, in_flight: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.in_flight == in_flight, LONG)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.go_on.set()
    yield server
    server.go_on.set()
    server.http.shutdown()
    server.http.server_close()


@dataclass
class Numbers:
    """A source of flows that return their number; each result may bring more of them."""

    flow: Callable[[int], Flow[int]]
    left: list[int]
    brings: dict[int, list[int]] = field(default_factory=dict)
    results: list[int] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def next_flow(self) -> Flow[int] | None:
        self.threads.add(threading.get_ident())
        return self.flow(self.left.pop(0)) if self.left else None

    def finished(self, result: int) -> None:
        self.threads.add(threading.get_ident())
        self.results.append(result)
        self.left += self.brings.pop(result, [])


def look(number: int = 0, seconds: float = 0) -> Flow[int]:
    yield from send_with_retry(build_list(JobFilter(name=f"n{number}")), read_jobs, NO_RETRY)
    yield from pause(seconds)
    return number


def test_every_flow_runs_and_results_bring_further_flows(server, run):
    source = Numbers(look, [1, 2, 3], {1: [10], 10: [100, 101]})
    run(configuration(server.url), run_concurrently(source))
    assert sorted(source.results) == [1, 2, 3, 10, 100, 101]
    assert len(source.threads) == 1


def test_a_source_without_flows_ends_at_once(run):
    run(configuration("http://127.0.0.1:9"), run_concurrently(Numbers(look, [])))


@pytest.mark.parametrize(("most", "connections", "expected"), [(100, 5, 5), (3, 16, 3), (1, 16, 1)])
def test_as_many_requests_are_in_flight_as_asked_for_and_no_more_than_the_connection_allows(
    server, run, most, connections, expected
):
    server.go_on.clear()
    source = Numbers(look, list(range(20)))

    def let_go() -> None:
        server.wait_for(expected)
        server.go_on.set()

    opening = threading.Thread(target=let_go)
    opening.start()
    run(configuration(server.url, max_connections=connections), run_concurrently(source, most))
    opening.join(LONG)
    assert sorted(source.results) == list(range(20))
    assert server.most == expected


def test_the_first_error_ends_the_others_and_reaches_the_flow_that_asked(server, run):
    server.status = lambda path: 404 if "n3" in path else 200
    closed = []

    def flow(number):
        try:
            return (yield from look(number, 0 if number == 3 else LONG))
        finally:
            closed.append(number)

    def asking():
        try:
            yield from run_concurrently(Numbers(flow, [1, 2, 3, 4]))
        except e.NotFoundError:
            return (yield from look(7))

    def waiting(config):
        async def main():
            async with AsyncTransport(config) as transport:
                return await asyncio.wait_for(transport.run(asking()), LONG / 2)

        return asyncio.run(main())

    assert waiting(configuration(server.url)) == 7
    assert sorted(closed) == [1, 2, 3, 4]
    closed.clear()
    with BlockingTransport(configuration(server.url)) as transport:
        assert transport.run(asking()) == 7
    assert sorted(closed) == [1, 2, 3, 4]


def test_an_error_of_the_source_ends_the_flows(server, run):
    source = Numbers(look, [1, 2, 3])
    source.finished = lambda _result: 1 / 0
    with pytest.raises(ZeroDivisionError):
        run(configuration(server.url), run_concurrently(source))


def test_the_flows_have_the_clock_and_the_pauses_of_their_driver(server, run, clock):
    clock.ahead_seconds = 3600
    times = []

    def flow(number):
        times.append((yield from current_time()))
        yield from pause(1000)
        return number

    run(configuration(server.url), run_concurrently(Numbers(flow, [1, 2])))
    assert all(abs((moment - clock.now()).total_seconds()) < LONG for moment in times)
    assert clock.pauses == [1000, 1000]


def test_a_step_may_run_further_ones_side_by_side(server, run):
    def flow(number):
        inner = Numbers(look, [number, number + 1])
        yield from run_concurrently(inner)
        return sum(inner.results)

    source = Numbers(flow, [1, 10])
    run(configuration(server.url), run_concurrently(source))
    assert sorted(source.results) == [3, 21]


def test_a_blocking_transport_runs_them_inside_an_event_loop_too(server):
    async def main():
        source = Numbers(look, [1, 2])
        with BlockingTransport(configuration(server.url)) as transport:
            transport.run(run_concurrently(source))
        return source

    assert sorted(asyncio.run(main()).results) == [1, 2]


def test_the_time_limit_of_a_blocking_transport_ends_them(server):
    server.go_on.clear()
    transport = BlockingTransport(configuration(server.url), within_seconds=0.3)
    with transport, pytest.raises(e.TransportError, match="time for these requests is over"):
        transport.run(run_concurrently(Numbers(look, [1, 2])))


class Interrupted(BaseException):
    """The exception of a task's timeout, at any moment."""


@pytest.fixture
def interrupt():
    def interrupt(_signal, _frame):
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


def requests_threads():
    return [thread for thread in threading.enumerate() if thread.name == "tencent-ci"]


def test_a_signal_ends_a_wait_for_answers(server, interrupt):
    server.go_on.clear()

    def let_go():
        server.wait_for(2)
        interrupt()

    threading.Thread(target=let_go).start()
    with BlockingTransport(configuration(server.url)) as transport, pytest.raises(Interrupted):
        transport.run(run_concurrently(Numbers(look, [1, 2])))
    assert not requests_threads()


@pytest.fixture
def interrupt_unnoticed(interrupt):
    """Interrupt the main thread so that its wait for a lock does not notice: as a signal right before the wait."""

    def send():
        # Another thread gets the signal, and only the main thread runs the handler.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        os.kill(os.getpid(), signal.SIGUSR1)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    yield send
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})


@pytest.mark.parametrize("how", ["interrupt", "interrupt_unnoticed"])
def test_a_signal_ends_flows_that_never_wait(request, how):
    """An exception in a callback of the loop would only be logged."""
    interrupt = request.getfixturevalue(how)
    started = threading.Event()

    def busy(number):
        started.set()
        yield from pause(0.001)
        return number

    class Endless(Numbers):
        def next_flow(self):
            return self.flow(len(self.results))

    def stop():
        started.wait(LONG)
        interrupt()

    threading.Thread(target=stop).start()
    with BlockingTransport(configuration("http://127.0.0.1:9")) as transport, pytest.raises(Interrupted):
        transport.run(run_concurrently(Endless(busy, [])))
    assert not requests_threads()
