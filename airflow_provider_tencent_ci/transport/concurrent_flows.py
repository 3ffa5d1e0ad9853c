"""Flows that run side by side: in the running event loop, or for a caller that has none, in a loop of their own."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any

from airflow_provider_tencent_ci.core.wire.messages import Flow, RunConcurrently

# Python runs a signal handler between two instructions of the main thread. A signal that arrives right before a wait
# for a lock without a timeout would be handled after that wait only: perhaps never.
_SIGNAL_SECONDS = 1.0

# A cancelled request ends at once. It takes longer only if the loop itself is stuck.
_END_SECONDS = 5.0


async def run_in_tasks(step: RunConcurrently, most: int, run: Callable[[Flow[Any]], Coroutine[Any, Any, Any]]) -> None:
    """
    Run the flows of a step, each in a task. After an error, or if this is cancelled, none goes on.

    :param most: how many at a time.
    :param run: runs one flow.
    """
    running: list[asyncio.Task[Any]] = []
    try:
        while True:
            while len(running) < most and (flow := step.source.next_flow()) is not None:
                running.append(asyncio.create_task(run(flow)))
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in running if task in done]:  # a set has no order
                step.source.finished(task.result())
                running.remove(task)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def run_in_own_loop(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """
    Run a coroutine in an event loop of a thread of its own, and wait until it has ended.

    In the calling thread, an exception of a signal handler, such as Airflow's timeouts, could be raised inside a
    callback of the loop, which only logs it. Here it is raised in the wait, and the coroutine is cancelled.
    """
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    loop, ended = runner.get_loop(), Future[None]()
    context = contextvars.copy_context()  # log lines go to the task's log
    thread = threading.Thread(target=context.run, args=(_run, runner, main, ended), name="tencent-ci", daemon=True)
    try:
        thread.start()
        while not ended.done():
            wait([ended], _SIGNAL_SECONDS)
        ended.result()
    except BaseException:
        if not ended.done():
            _stop(loop, ended)
        raise


def _run(runner: asyncio.Runner, main: Callable[[], Coroutine[Any, Any, None]], ended: Future[None]) -> None:
    try:
        with runner:
            runner.run(main())
    except BaseException as error:
        ended.set_exception(error)
    else:
        ended.set_result(None)


def _stop(loop: asyncio.AbstractEventLoop, ended: Future[None]) -> None:
    def cancel() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    with suppress(RuntimeError):  # the loop has been closed meanwhile
        loop.call_soon_threadsafe(cancel)
    with suppress(TimeoutError):
        ended.exception(_END_SECONDS)
