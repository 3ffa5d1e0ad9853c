"""Requests are counted by operation and outcome, the same in both drivers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.wire.flow_steps import send
from airflow_provider_tencent_ci.core.wire.messages import Priority
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.metrics import recording, table
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
from tests.metrics.recorder import record_to
from tests.metrics.test_table import Broken
from tests.transport.conftest import Clock, clock, configuration, emulator, run  # noqa: F401 - fixtures

FAULTS = {
    "ok": None,
    "SlowDown": Fault("slow_down"),
    "QueueSaturated": Fault("queue_saturated"),
    "InternalError": Fault("internal_error"),
    "ExpiredToken": Fault("expired_token"),
    "http_5xx": Fault("bad_gateway"),
    "http_3xx": Fault("redirect"),
    "http_4xx": Fault("error", status=418, code="ATeapot"),
    "no_answer": Fault("reset", times=None),  # aiohttp by itself sends a read again after the first
}


@pytest.fixture
def config(emulator):  # noqa: F811
    return configuration(emulator.url, observer=recording._observer)


def one_list():
    return send_with_retry(build_list(JobFilter()), read_jobs, NO_RETRY)


@pytest.mark.parametrize("outcome", FAULTS)
def test_each_outcome_of_a_request_is_counted(emulator, config, run, recorder, outcome):  # noqa: F811
    if fault := FAULTS[outcome]:
        emulator.inject(fault)
        with pytest.raises(TencentCIError):
            run(config, one_list())
    else:
        run(config, one_list())
    assert recorder.values(table.REQUESTS) == [("list_jobs", outcome, 1)]


def test_a_refused_connection_is_counted_as_not_sent(config, run, recorder, unused_tcp_port):  # noqa: F811
    gone = configuration(f"http://127.0.0.1:{unused_tcp_port}", observer=recording._observer)
    with pytest.raises(TencentCIError):
        run(gone, one_list())
    assert recorder.values(table.REQUESTS) == [("list_jobs", "not_sent", 1)]


def test_each_attempt_of_a_retry_is_counted(emulator, config, run, recorder):  # noqa: F811
    emulator.inject(Fault("internal_error", times=2))
    run(config, job_calls.list_jobs_page(JobFilter()))
    assert recorder.values(table.REQUESTS) == [
        ("list_jobs", "InternalError", 1),
        ("list_jobs", "InternalError", 1),
        ("list_jobs", "ok", 1),
    ]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_metrics_that_fail_change_no_result(emulator, config, run, monkeypatch, fault):  # noqa: F811
    record_to(monkeypatch, Broken())
    results = []
    for observed in (config, replace(config, observer=None)):
        if fault:
            emulator.inject(fault)
        try:
            results.append(run(observed, one_list()))
        except TencentCIError as error:
            results.append((type(error), getattr(error, "code", "")))
    assert results[0] == results[1]


@pytest.mark.parametrize("priority", Priority)
def test_the_wait_for_the_rate_limit_is_measured(emulator, config, clock, recorder, priority):  # noqa: F811
    slow = replace(config, requests_per_second=1)

    async def main():
        async with AsyncTransport(slow, now=clock.now, sleep=clock.sleep_async) as transport:
            for _ in range(3):
                await transport.run(send(replace(build_list(JobFilter()), priority=priority)))

    asyncio.run(main())
    waited = recorder.values(table.RATE_LIMIT_WAIT)
    assert [name for name, _ in waited] == [priority.name.lower()] * len(clock.pauses)
    assert [round(milliseconds / 1000, 3) for _, milliseconds in waited] == [round(one, 3) for one in clock.pauses]
    assert waited
