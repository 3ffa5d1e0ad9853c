"""Lists of many pages: asked for ahead, in constant memory, and left at any moment."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from itertools import islice

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.wire import request_retry
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.hooks.pages import BOUND_SECONDS, PAGE, run_id, serving


@pytest.fixture
def server(monkeypatch):
    with serving(total=500) as server:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", server.connection_json())
        yield server


@pytest.fixture
def hook(server):
    with TencentCIHook() as hook:
        yield hook


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    wait_for_threads_ahead()


def threads_ahead():
    return [thread for thread in threading.enumerate() if thread.name == "tencent-ci-ahead"]


def wait_for_threads_ahead():
    for thread in threads_ahead():
        thread.join(BOUND_SECONDS)
        assert not thread.is_alive()


def executions(hook):
    return hook.list_workflow_executions("w1")


def jobs(hook):
    return hook.list_inventory_jobs()


def ids(items):
    return [getattr(item, "run_id", None) or item.job_id for item in items]


TOKENS = ["", "100", "200", "300", "400"]


@pytest.mark.parametrize("listing", [executions, jobs])
def test_the_next_page_is_on_its_way_while_one_is_used_and_no_other(server, hook, listing):
    items = listing(hook)
    for page in range(5):
        found = ids(islice(items, 2))
        if page < 4:
            server.wait_for(TOKENS[page + 1])
        found += ids(islice(items, PAGE - 2))
        assert server.asked == TOKENS[: page + 2]
        assert found == [run_id(number) for number in range(page * PAGE, (page + 1) * PAGE)]
    assert list(items) == []
    assert server.asked == TOKENS


@pytest.mark.parametrize("total", [0, 1, PAGE])
def test_a_list_of_one_page_is_one_request_and_no_thread(server, hook, total, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda _thread: pytest.fail("a thread was started"))
    monkeypatch.setattr(server, "process_request", lambda *arguments: server.process_request_thread(*arguments))
    server.total = total
    server.instead[""] = [(200, {"Connection": "close"}, server.page("/workflowexecution", 0))]
    assert ids(executions(hook)) == [run_id(number) for number in range(total)]
    assert server.asked == [""]


def test_nothing_is_asked_before_the_first_item_is(server, hook):
    executions(hook)
    assert server.asked == []


def test_who_looks_for_one_item_costs_no_request_more(server, hook):
    next(executions(hook))
    assert threads_ahead() == []
    assert server.asked == [""]


def test_who_stops_after_a_page_costs_one_request_at_most(server, hook):
    items = executions(hook)
    assert len(list(islice(items, PAGE))) == PAGE
    items.close()
    wait_for_threads_ahead()
    assert server.asked == TOKENS[:2]


REST = b"<WorkflowExecutionList><RunId>i-last</RunId></WorkflowExecutionList>"


@pytest.mark.parametrize(
    ("last_page", "found", "asked"),
    [
        (b"<Response>" + REST + b"</Response>", 101, TOKENS[:2]),
        (b"<Response>" + REST + b"<NextToken/></Response>", 101, TOKENS[:2]),
        (b"<Response/>", 100, TOKENS[:2]),
        (b"<Response>" + REST + b"<NextToken>100</NextToken></Response>", 101, TOKENS[:2]),
        (b"<Response><NextToken>200</NextToken></Response>", 400, TOKENS),
    ],
    ids=["no token", "an empty token", "an empty page", "a token that repeats", "an empty page with a token"],
)
def test_each_kind_of_end_is_an_end_and_nothing_is_asked_beyond_it(server, hook, last_page, found, asked):
    server.instead["100"] = [(200, {}, last_page)]
    assert len(list(executions(hook))) == found
    assert server.asked == asked


def test_a_page_that_brings_nothing_new_is_the_last(server, hook):
    server.instead["100"] = [(200, {}, server.page("/workflowexecution", 0).replace(b">100<", b">200<"))]
    assert len(list(executions(hook))) == PAGE
    assert server.asked == TOKENS[:2]


def test_an_error_comes_where_the_first_item_of_its_page_would(server, hook):
    server.instead["200"] = [(400, {}, b"<Error><Code>InvalidArgument</Code></Error>")]
    items = executions(hook)
    assert len(list(islice(items, 2 * PAGE))) == 2 * PAGE
    with pytest.raises(e.InvalidRequestError):
        next(items)
    assert list(items) == []


@pytest.mark.parametrize(
    "answer", [(503, b""), (200, b"<Response><Next"), (429, b"<Error><Code>SlowDown</Code></Error>")]
)
def test_a_page_that_fails_and_may_pass_is_asked_for_again(server, hook, answer, monkeypatch):
    monkeypatch.setattr(request_retry, "jittered", lambda _seconds: 0)
    status, body = answer
    server.instead["100"] = [(status, {}, body)] * 2
    assert ids(executions(hook)) == [run_id(number) for number in range(500)]
    assert server.asked == ["", "100", "100", *TOKENS[1:]]


def test_who_leaves_does_not_wait_for_the_page_that_is_on_its_way(server, hook):
    server.held["100"] = threading.Event()
    items = executions(hook)
    assert len(list(islice(items, 2))) == 2
    server.wait_for("100")
    items.close()
    assert threads_ahead(), "the answer is not there yet"
    server.held["100"].set()
    wait_for_threads_ahead()
    assert server.asked == TOKENS[:2]


def test_an_iterator_that_is_dropped_lets_go_of_everything(server, hook):
    def leave_in_the_middle():
        for item in executions(hook):
            if item.run_id == run_id(1):
                raise KeyError(item)

    with pytest.raises(KeyError):
        leave_in_the_middle()
    gc.collect()
    wait_for_threads_ahead()
    assert server.asked in (TOKENS[:1], TOKENS[:2])


def test_a_page_that_is_to_be_asked_for_again_much_later_is_not_once_nobody_wants_it(server, hook):
    server.instead["100"] = [(503, {"Retry-After": "55"}, b"")]
    items = executions(hook)
    assert len(list(islice(items, 2))) == 2
    server.wait_for("100")
    items.close()
    wait_for_threads_ahead()
    assert server.asked == TOKENS[:2]


class Interrupted(Exception):
    """What a task's timeout raises in the middle of anything."""


@pytest.fixture
def interrupt_soon():
    """Have the main thread raise, as Airflow's timeouts do, in a moment in which it will be waiting."""

    def interrupt(_signal, _frame):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_waiting_for_a_page_can_be_interrupted(server, hook, interrupt_soon):
    server.held["100"] = threading.Event()
    items = executions(hook)
    assert len(list(islice(items, PAGE))) == PAGE
    interrupt_soon()
    with pytest.raises(Interrupted):
        next(items)
    server.held["100"].set()


def test_pages_ahead_have_a_connection_of_their_own_and_keep_it(server, hook):
    assert len(list(executions(hook))) == 500
    first, *ahead = server.connections
    assert len(set(ahead)) == 1
    assert first not in ahead


def test_the_hook_can_be_used_in_the_middle_of_a_list(server, hook):
    server.held["100"] = threading.Event()
    first, second = executions(hook), jobs(hook)
    assert ids(islice(first, 2)) == ids(islice(second, 2)) == [run_id(0), run_id(1)]
    server.wait_for("100")
    hook.cancel_inventory_job("b1")
    hook.close()
    server.held["100"].set()
    assert ids(first) == ids(second) == [run_id(number) for number in range(2, 500)]


def test_a_hundred_thousand_executions_pass_in_constant_memory(server, hook):
    server.total = 100_000
    items = executions(hook)
    assert sum(1 for _ in islice(items, 15_000)) == 15_000
    before = sys.getallocatedblocks()
    assert sum(1 for _ in islice(items, 84_950)) == 84_950
    after = sys.getallocatedblocks()
    assert sum(1 for _ in items) == 50
    assert len(server.asked) == 1_000
    assert after - before < 20_000, "an item that is kept is several blocks"
