"""A machine whose clock differs from the service's: all works, and at most one request of a process is refused."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.put_object import put_object
from airflow_provider_tencent_ci.core.polling.ended_jobs import list_ended_within
from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitStatus, wait_for_job
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport
from airflow_provider_tencent_ci.triggerer.bucket_watcher import run_once, watch_bucket
from airflow_provider_tencent_ci.triggerer.shared_poller import wait_together
from tests.transport.conftest import configuration

SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids=WORKFLOW_ID, prefix="media/")
HOUR = timedelta(hours=1)


class Watcher:
    def __init__(self):
        self.failures = []

    def job_polled(self, job):
        pass

    def poll_failed(self, error, failing_seconds):
        self.failures.append(error)


@pytest.fixture(params=[-60, -12, 0, 12, 60], ids=lambda minutes: f"{minutes:+} min")
def ahead(request):
    """How far the service's clock is ahead of this machine's."""
    return timedelta(minutes=request.param)


@pytest.fixture
def emulator(ahead):
    with Emulator(now=lambda: datetime.now(UTC) + ahead, submitted_seconds=0, run_seconds=0.5) as emulator:
        yield emulator
        refusals = [request.status for request in emulator.requests if request.status != 200]
        assert len(refusals) <= 1, "each transport uses the time that an earlier one learned"


def submit(config):
    with BlockingTransport(config) as transport:
        return transport.run(job_calls.create_job("nightly", SPECIFICATION))


def new_wait(job, watcher):
    return Wait(job.job_id, deadline_at=None, contact_timeout=60, observer=watcher)


def test_requests_of_each_kind_survive_a_wrong_clock(emulator, config, run):
    def flow():
        job = yield from job_calls.create_job("nightly", SPECIFICATION)
        yield from job_calls.request_cancel(job.job_id)
        yield from put_object("list.txt", b"one\n")
        yield from job_calls.list_jobs_page(JobFilter())
        return job

    job = run(config, flow())
    assert [each.job_id for each in emulator.jobs] == [job.job_id]


def test_a_blocking_wait_survives_a_wrong_clock(config):
    watcher = Watcher()
    with BlockingTransport(config) as transport:
        job = transport.run(job_calls.create_job("nightly", SPECIFICATION))
        assert transport.run(wait_for_job(new_wait(job, watcher), 0.3)).status is WaitStatus.TERMINAL
    assert not watcher.failures


def test_a_deferred_wait_survives_a_wrong_clock(config):
    async def wait():
        return await asyncio.wait_for(wait_together(config, new_wait(submit(config), watcher), 0.3), 20)

    watcher = Watcher()
    assert asyncio.run(wait()).status is WaitStatus.TERMINAL
    assert not watcher.failures


def test_a_watcher_survives_a_wrong_clock(config):
    async def read_config():
        return config

    async def watch():
        ended = []
        async with aclosing(watch_bucket(read_config, 0.2, HOUR / 2)) as looks:
            async for look in looks:
                if job := look.ended:
                    return job
                if not ended:
                    ended.append(await asyncio.to_thread(submit, config))

    [job] = asyncio.run(asyncio.wait_for(watch(), 20))
    assert job.state.is_terminal


def test_a_new_watcher_survives_a_wrong_clock(emulator, config):
    async def read_config():
        return config

    job = submit(config)
    emulator.finish_job(job.job_id)
    flow = list_ended_within(timedelta(minutes=5), HOUR)
    assert [each.job_id for each in asyncio.run(run_once(read_config, flow))] == [job.job_id]


def test_the_known_service_time_outlives_a_transport_and_serves_both_drivers(config, ahead):
    async def read():
        async with AsyncTransport(config) as transport:
            return transport.service_time()

    with BlockingTransport(config) as transport:
        assert transport.service_time() is None
        transport.run(job_calls.list_jobs_page(JobFilter()))
    for known in (asyncio.run(read()), BlockingTransport(config).service_time()):
        assert abs(known - datetime.now(UTC) - ahead) < timedelta(seconds=5)
    with BlockingTransport(configuration("http://127.0.0.1:9")) as other:
        assert other.service_time() is None, "another endpoint's time is not known"
