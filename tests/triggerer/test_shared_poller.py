"""The poller that waiting triggers share: its requests, its waits, and its clean-up."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitStatus
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import (
    BUCKET,
    REGION,
    SECRET_ID,
    SECRET_KEY,
    WORKFLOW_ID,
)
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggerer import shared_poller
from tests.loops import run_alone, until

LONG = 3600


class Silent:
    def job_polled(self, job):
        pass

    def poll_failed(self, error, failing_seconds):
        pass


class Broken(Silent):
    def job_polled(self, job):
        raise RuntimeError("cannot write the log")


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=24 * LONG) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture
def config(emulator):
    endpoint = Endpoint.of_bucket(BUCKET, REGION, emulator.url)
    keys = Credentials(SECRET_ID, SECRET_KEY)
    return ServiceConfig(BUCKET, REGION, endpoint, keys, request_timeout=5, requests_per_second=1000)


def submit(number=1):
    with TencentCIHook() as hook:
        return [
            hook.trigger_inventory_job(name=f"j{index}", workflow_ids=WORKFLOW_ID, prefix="media/").job_id
            for index in range(number)
        ]


def wait(config, job_id, poll_interval=LONG, observer=None, **limits):
    limits = {"deadline_at": None, "contact_timeout": 600, **limits}
    return asyncio.ensure_future(
        shared_poller.wait_together(config, Wait(job_id, observer=observer or Silent(), **limits), poll_interval)
    )


def run(main):
    run_alone(main, shared_poller._pollers)


def test_a_single_waiter_polls_by_the_job_s_id(emulator, config):
    [job_id] = submit()

    async def main():
        waiting = wait(config, job_id)
        await until(lambda: emulator.count("list") == 1)
        waiting.cancel()

    run(main)
    assert f"jobId={job_id}" in emulator.requests[-1].query


def test_many_waiters_share_few_requests(emulator, config):
    jobs = submit(250)

    async def main():
        waits = [wait(config, job_id, 0.5) for job_id in jobs]
        await until(lambda: emulator.count("list") > 9)
        emulator.advance(48 * LONG)
        results = await asyncio.gather(*waits)
        assert {result.job.job_id: result.status for result in results} == dict.fromkeys(jobs, WaitStatus.TERMINAL)

    run(main)
    queries = [request.query for request in emulator.requests if request.operation == "list"]
    pages = [query for query in queries if "jobId=" not in query]
    assert sum("jobId=" in query for query in queries) <= len(jobs) + 2  # the ends, and at most two at the start
    assert 6 <= len(pages) <= 40


def test_a_new_waiter_is_polled_at_once_for_any_interval_of_the_others(emulator, config):
    first, second = submit(2)

    async def main():
        waits = [wait(config, first)]
        await until(lambda: emulator.count("list") == 1)
        emulator.finish_job(second)
        assert (await wait(config, second)).status is WaitStatus.TERMINAL
        waits[0].cancel()

    run(main)
    assert emulator.count("list") == 2


def test_a_deadline_between_two_ticks_ends_the_wait(emulator, config):
    [job_id] = submit()

    async def main():
        result = await wait(config, job_id, deadline_at=datetime.now(UTC) + timedelta(seconds=0.3))
        assert result.status is WaitStatus.DEADLINE

    run(main)


def test_a_deadline_during_an_outage_causes_no_faster_polls(emulator, config):
    [job_id] = submit()
    emulator.inject(Fault("internal_error", operation="list", times=None))

    async def main():
        waiting = wait(config, job_id, deadline_at=datetime.now(UTC) - timedelta(seconds=1))
        await until(lambda: emulator.count("list") == 1)
        await asyncio.sleep(0.2)
        waiting.cancel()

    run(main)
    assert emulator.count("list") == 1


def test_the_end_cancellation_or_error_of_one_waiter_affects_no_other(emulator, config):
    jobs = submit(5)

    async def main():
        ended, cancelled, broken, unknown, patient = (
            wait(config, jobs[0], 0.2),
            wait(config, jobs[1], 0.2),
            wait(config, jobs[2], 0.2, Broken()),
            wait(config, "b" + "0" * 32, 0.2, contact_timeout=0.5),
            wait(config, jobs[4], 0.2),
        )
        emulator.finish_job(jobs[0])
        cancelled.cancel()
        assert (await ended).status is WaitStatus.TERMINAL
        with pytest.raises(RuntimeError, match="cannot write the log"):
            await broken
        assert (await unknown).status is WaitStatus.LOST_CONTACT
        assert not patient.done()
        emulator.finish_job(jobs[4])
        assert (await patient).status is WaitStatus.TERMINAL

    run(main)


def test_two_waiters_may_wait_for_the_same_job(emulator, config):
    [job_id] = submit()

    async def main():
        waits = [wait(config, job_id, 0.2), wait(config, job_id, 0.2)]
        await until(lambda: emulator.count("list") >= 2)
        emulator.finish_job(job_id)
        assert [result.status for result in await asyncio.gather(*waits)] == [WaitStatus.TERMINAL] * 2

    run(main)


def test_retry_after_holds_for_all_waiters(emulator, config):
    jobs = submit(2)
    emulator.inject(Fault("slow_down", operation="list", retry_after_seconds=1))

    async def main():
        first = wait(config, jobs[0], 0.1)
        await until(lambda: emulator.count("list") == 1)
        second = wait(config, jobs[1], 0.1)
        await asyncio.sleep(0.5)
        assert emulator.count("list") == 1
        await until(lambda: emulator.count("list") > 2)
        first.cancel()
        second.cancel()

    run(main)


@pytest.mark.parametrize("seconds", [1e18, float("inf")])
def test_times_beyond_the_calendar_stop_no_wait(emulator, config, seconds):
    jobs = submit(2)
    emulator.inject(Fault("error", operation="list", status=503, retry_after_seconds=1e18, times=None))

    async def main():
        waits = [
            wait(config, jobs[0], seconds, contact_timeout=seconds),
            wait(config, jobs[1], 0.2, contact_timeout=0.5),
        ]
        assert (await waits[1]).status is WaitStatus.LOST_CONTACT
        assert not waits[0].done()
        waits[0].cancel()

    run(main)


def test_a_broken_poller_raises_its_error_for_all_waiters(emulator, config, monkeypatch):
    [job_id] = submit()
    monkeypatch.setattr(shared_poller, "BulkPoll", lambda *_arguments: 1 / 0)

    async def main():
        for waiting in [wait(config, job_id), wait(config, job_id)]:
            with pytest.raises(ZeroDivisionError):
                await waiting

    run(main)


def test_other_credentials_use_another_poller(emulator, config):
    [job_id] = submit()
    emulator.add_key("AKIDOTHER", "another-secret-key")
    endpoint = config.endpoint
    other = ServiceConfig(BUCKET, REGION, endpoint, Credentials("AKIDOTHER", "another-secret-key"))

    async def main():
        waits = [wait(config, job_id), wait(other, job_id)]
        await until(lambda: emulator.count("list") == 2)
        assert len(shared_poller._pollers.in_use()) == 2
        for waiting in waits:
            waiting.cancel()

    run(main)


def test_a_thousand_waits_cost_twelve_requests_an_interval_and_no_burst_when_they_end(emulator, config):
    jobs = submit(1000)

    async def main():
        waits = [wait(config, job_id, 1) for job_id in jobs]
        await until(lambda: emulator.count("list") >= 10)
        before, began_at = emulator.count("list"), time.monotonic()
        await until(lambda: emulator.count("list") >= before + 40)
        intervals = time.monotonic() - began_at
        assert emulator.count("list") - before <= 12 * (intervals + 1)
        emulator.advance(48 * LONG)
        before = emulator.count("list")
        assert {result.status for result in await asyncio.gather(*waits)} == {WaitStatus.TERMINAL}
        assert emulator.count("list") - before <= 30

    run(main)
    assert not any("jobId=" in request.query for request in emulator.requests if request.operation == "list")


def test_a_new_waiter_is_polled_between_two_pages_of_a_bulk_poll(emulator, config):
    jobs = submit(501)
    emulator.inject(Fault("hang", operation="list", seconds=0.5, times=2))

    async def main():
        waits = [wait(config, job_id) for job_id in jobs[:-1]]
        await until(lambda: emulator.count("list") >= 1)
        waits.append(wait(config, jobs[-1]))
        await until(lambda: emulator.count("list") >= 7)
        for waiting in waits:
            waiting.cancel()

    run(main)
    queries = [request.query for request in emulator.requests if request.operation == "list"]
    assert f"jobId={jobs[-1]}" in "".join(queries[1:5])


class Turns(Silent):
    """Records in which turns of the event loop it gets a result."""

    def __init__(self):
        self.turn, self.told = 0, []

    async def count(self):
        while True:
            self.turn += 1
            await asyncio.sleep(0)

    def poll_failed(self, error, failing_seconds):
        self.told.append(self.turn)


def test_an_error_for_thousands_of_waiters_does_not_block_the_loop(emulator, config):
    [job_id] = submit()
    emulator.inject(Fault("internal_error", operation="list", times=None))
    turns = Turns()

    async def main():
        counting = asyncio.ensure_future(turns.count())
        waits = [wait(config, job_id, observer=turns) for _ in range(3000)]
        await until(lambda: len(turns.told) == len(waits))
        for task in [counting, *waits]:
            task.cancel()

    run(main)
    assert max(turns.told.count(turn) for turn in set(turns.told)) <= 100


def test_retry_after_is_obeyed_even_when_contact_is_lost(emulator, config):
    [job_id] = submit()
    emulator.inject(Fault("slow_down", operation="list", retry_after_seconds=3600, times=None))

    async def main():
        result = await wait(config, job_id, 0.1, contact_timeout=0.3)
        assert result.status is WaitStatus.LOST_CONTACT

    run(main)
    assert emulator.count("list") == 1


def test_requests_per_second_stay_below_the_endpoint_s_limit_for_any_bucket(emulator, config):
    jobs = submit(40)
    emulator.add_key("AKIDOTHER", "another-secret-key")
    mine = replace(config, requests_per_second=20)
    other = replace(mine, credentials=Credentials("AKIDOTHER", "another-secret-key"))

    async def main():
        began_at = time.monotonic()
        waits = [wait(one, job_id, 0.1) for one in (mine, other) for job_id in jobs]
        await until(lambda: emulator.count("list") >= 50)
        assert emulator.count("list") <= 20 + 20 * (time.monotonic() - began_at) + 1
        for waiting in waits:
            waiting.cancel()

    run(main)


def test_pollers_of_different_buckets_do_not_synchronise(emulator, config):
    [job_id] = submit()
    configs = []
    for number in range(3):
        emulator.add_key(f"AKIDNUMBER{number}", "another-secret-key")
        configs.append(replace(config, credentials=Credentials(f"AKIDNUMBER{number}", "another-secret-key")))

    async def main():
        waits = [wait(one, job_id, 30) for one in configs for _ in range(3)]
        await until(lambda: len(waiters()) == len(waits) and all(waiter.tell_at for waiter in waiters()))
        assert len({waiter.due_at for waiter in waiters()}) == len(waits)
        for waiting in waits:
            waiting.cancel()

    def waiters():
        pollers = shared_poller._pollers.in_use()
        return [waiter for poller in pollers for waiter in poller._waiters]

    run(main)


COME_AND_GO = """
import asyncio, gc, os, resource, stat
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

def pages():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1])

def is_open(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:  # that of the listing itself
        return False

def sockets():
    return sum(stat.S_ISSOCK(os.fstat(fd).st_mode) for fd in map(int, os.listdir("/proc/self/fd")) if is_open(fd))

async def come_and_go(number):
    events = await asyncio.gather(*(anext(InventoryJobTrigger("JOB").run()) for _ in range(number)))
    assert {event.payload["status"] for event in events} == {"terminal"}
    await asyncio.sleep(0.1)

async def main():
    for _ in range(4):
        await come_and_go(500)
    before = pages(), sockets(), len(asyncio.all_tasks())
    for _ in range(20):
        await come_and_go(500)
    after = pages(), sockets(), len(asyncio.all_tasks())
    print((after[0] - before[0]) * resource.getpagesize(), after[1] - before[1], after[2] - before[2])

asyncio.run(main())
"""


def test_nothing_is_left_after_ten_thousand_triggers(emulator):
    [job_id] = submit()
    emulator.finish_job(job_id)
    script = COME_AND_GO.replace("JOB", job_id)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    memory, sockets, tasks = map(int, done.stdout.split()[-3:])
    assert (sockets, tasks) == (0, 0)
    assert memory < 5 * 1024**2


def test_ended_waiters_are_forgotten(emulator, config):
    [job_id] = submit()
    emulator.finish_job(job_id)

    async def main():
        for _ in range(4):
            results = await asyncio.gather(*(wait(config, job_id) for _ in range(500)))
            assert {result.status for result in results} == {WaitStatus.TERMINAL}
        gc.collect()
        assert not [
            item for item in gc.get_objects() if type(item) is shared_poller._Waiter
        ]  # isinstance wakes proxies

    run(main)
    assert emulator.count("list") < 100


def test_a_closed_loop_ends_its_waits(emulator, config):
    [job_id] = submit()
    loops = []

    async def main():
        loops.append(weakref.ref(asyncio.get_running_loop()))
        wait(config, job_id)
        await until(lambda: emulator.count("list") == 1)

    asyncio.run(asyncio.wait_for(main(), 20))
    gc.collect()
    assert loops[0]() is None
