"""Lists of many pages: in constant memory, and interruptible at any moment."""

from __future__ import annotations

import signal
import sys
import threading
from itertools import islice

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.wire import request_retry
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.hooks.pages import PAGE, run_id, serving


@pytest.fixture
def server(monkeypatch):
    with serving(total=500) as server:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", server.connection_json())
        yield server


@pytest.fixture
def hook(server):
    with TencentCIHook() as hook:
        yield hook


def executions(hook):
    return hook.list_workflow_executions("w1")


def jobs(hook):
    return hook.list_inventory_jobs()


def ids(items):
    return [getattr(item, "run_id", None) or item.job_id for item in items]


TOKENS = ["", "100", "200", "300", "400"]


@pytest.mark.parametrize("listing", [executions, jobs])
def test_a_page_is_requested_when_its_first_item_is_used(server, hook, listing):
    items = listing(hook)
    for page in range(5):
        found = ids(islice(items, PAGE))
        assert server.asked == TOKENS[: page + 1]
        assert found == [run_id(number) for number in range(page * PAGE, (page + 1) * PAGE)]
    assert list(items) == []
    assert server.asked == TOKENS


@pytest.mark.parametrize("total", [0, 1, PAGE])
def test_a_list_of_one_page_is_one_request(server, hook, total):
    server.total = total
    assert ids(executions(hook)) == [run_id(number) for number in range(total)]
    assert server.asked == [""]


def test_no_request_is_sent_before_the_first_item_is_used(server, hook):
    executions(hook)
    assert server.asked == []


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
def test_each_kind_of_last_page_ends_the_list_without_a_further_request(server, hook, last_page, found, asked):
    server.instead["100"] = [(200, {}, last_page)]
    assert len(list(executions(hook))) == found
    assert server.asked == asked


def test_a_page_without_new_items_is_the_last(server, hook):
    server.instead["100"] = [(200, {}, server.page("/workflowexecution", 0).replace(b">100<", b">200<"))]
    assert len(list(executions(hook))) == PAGE
    assert server.asked == TOKENS[:2]


def test_an_error_is_raised_at_the_first_item_of_its_page(server, hook):
    server.instead["200"] = [(400, {}, b"<Error><Code>InvalidArgument</Code></Error>")]
    items = executions(hook)
    assert len(list(islice(items, 2 * PAGE))) == 2 * PAGE
    with pytest.raises(e.InvalidRequestError):
        next(items)
    assert list(items) == []


@pytest.mark.parametrize(
    "answer", [(503, b""), (200, b"<Response><Next"), (429, b"<Error><Code>SlowDown</Code></Error>")]
)
def test_a_page_with_a_transient_error_is_retried(server, hook, answer, monkeypatch):
    monkeypatch.setattr(request_retry, "jittered", lambda _seconds: 0)
    status, body = answer
    server.instead["100"] = [(status, {}, body)] * 2
    assert ids(executions(hook)) == [run_id(number) for number in range(500)]
    assert server.asked == ["", "100", "100", *TOKENS[1:]]


class Interrupted(Exception):
    """The exception of a task's timeout, at any moment."""


@pytest.fixture
def interrupt_soon():
    """Make the main thread raise while it waits, as Airflow's timeouts do."""

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


def test_the_hook_can_be_used_while_a_list_is_read(server, hook):
    first, second = executions(hook), jobs(hook)
    assert ids(islice(first, 2)) == ids(islice(second, 2)) == [run_id(0), run_id(1)]
    hook.cancel_inventory_job("b1")
    hook.close()
    assert ids(first) == ids(second) == [run_id(number) for number in range(2, 500)]


def test_a_hundred_thousand_executions_are_read_in_constant_memory(server, hook):
    server.total = 100_000
    items = executions(hook)
    assert sum(1 for _ in islice(items, 15_000)) == 15_000
    before = sys.getallocatedblocks()
    assert sum(1 for _ in islice(items, 84_950)) == 84_950
    after = sys.getallocatedblocks()
    assert sum(1 for _ in items) == 50
    assert len(server.asked) == 1_000
    assert after - before < 20_000, "a kept item would take several blocks"
