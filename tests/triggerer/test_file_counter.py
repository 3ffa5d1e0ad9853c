"""Counting for all waits of one event loop: in parallel to the waits, each in its own log, with a complete clean-up."""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import replace

import pytest

from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
from airflow_provider_tencent_ci.core.polling.wait import Wait
from airflow_provider_tencent_ci.core.wire.flow_steps import pause, run_concurrently
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.triggerer import file_counter
from airflow_provider_tencent_ci.triggerer.shared_poller import wait_together
from tests.loops import run_alone, until
from tests.triggerer.test_shared_poller import Silent, config, emulator, submit  # noqa: F401 - fixtures

WHO = contextvars.ContextVar("who", default="nobody")


class Log:
    def __init__(self):
        self.counts, self.failures, self.contexts = [], [], []

    def counted(self, job, counts, now):
        self.contexts.append(WHO.get())
        self.counts.append((job.job_id, counts.total))

    def not_counted(self, job, error, now):
        self.failures.append(str(error))


class BrokenLog(Log):
    def counted(self, job, counts, now):
        raise RuntimeError("cannot write the log")


def start(config, job_id, log, interval=0.1):  # noqa: F811
    async def work():
        WHO.set(job_id)
        wait = Wait(job_id, deadline_at=None, contact_timeout=600, observer=Silent())
        with file_counter.background_file_counts(config, wait, ProgressCounter(interval, log)):
            return await wait_together(config, wait, 0.2)

    return asyncio.ensure_future(work())


def run(main):
    run_alone(main, file_counter._counters)


def test_each_job_is_counted_in_its_own_context_repeatedly(emulator, config):  # noqa: F811
    jobs, logs = submit(3), [Log() for _ in range(3)]

    async def main():
        waits = [start(config, job_id, log) for job_id, log in zip(jobs, logs, strict=True)]
        await until(lambda: all(len(log.counts) >= 2 for log in logs))
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)

    run(main)
    files = len(emulator.files(jobs[0]))
    for job_id, log in zip(jobs, logs, strict=True):
        assert set(log.counts) == {(job_id, files)}
        assert set(log.contexts) == {job_id}


@pytest.mark.parametrize("fault", ["slow_down", "hang"])
def test_a_count_that_fails_or_hangs_affects_no_wait(emulator, config, fault):  # noqa: F811
    [job_id] = submit()
    emulator.inject(Fault(fault, operation="executions", times=None))

    async def main():
        wait = start(config, job_id, Log())
        await until(lambda: emulator.count("executions") >= 1)
        emulator.finish_job(job_id)
        assert (await wait).job.state == "Success"

    run(main)


def test_a_count_with_a_broken_log_is_dropped_and_the_others_continue(emulator, config):  # noqa: F811
    jobs, good = submit(2), Log()

    async def main():
        waits = [start(config, jobs[0], BrokenLog()), start(config, jobs[1], good)]
        await until(lambda: len(good.counts) >= 3)
        assert not any(wait.done() for wait in waits)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)

    run(main)


def test_jobs_added_after_the_only_broken_one_are_counted(emulator, config):  # noqa: F811
    jobs, broken, good = submit(2), BrokenLog(), Log()

    async def main():
        waits = [start(config, jobs[0], broken)]
        [counter] = await appeared(file_counter._counters.in_use)
        await until(lambda: counter._counting.done())
        waits.append(start(config, jobs[1], good))
        await until(lambda: len(good.counts) >= 2)
        assert not any(wait.done() for wait in waits)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)

    run(main)


async def appeared(look):
    await until(look)
    return look()


def test_a_short_wait_causes_no_count(emulator, config):  # noqa: F811
    [job_id] = submit()
    emulator.finish_job(job_id)

    async def main():
        assert (await start(config, job_id, Log(), interval=300)).job.state == "Success"

    run(main)
    assert emulator.count("executions") == 0


class Running:
    """Hands out flows that pause for a moment; notes how many run at a time."""

    def __init__(self):
        self.left, self.number, self.most = 20, 0, 0

    def next_flow(self):
        if not self.left:
            return None
        self.left, self.number = self.left - 1, self.number + 1
        self.most = max(self.most, self.number)
        return pause(0.001)

    def finished(self, _result):
        self.number -= 1


@pytest.mark.parametrize(("of_the_connection", "most"), [(2, 2), (16, 8), (100, 8)])
def test_a_count_in_a_triggerer_has_few_requests_in_flight(config, of_the_connection, most):  # noqa: F811
    running = Running()
    limited = replace(config, max_connections=of_the_connection)
    run_alone(lambda: file_counter.count_in_triggerer(limited, run_concurrently(running)), file_counter._shares)
    assert (running.most, running.left) == (most, 0)
