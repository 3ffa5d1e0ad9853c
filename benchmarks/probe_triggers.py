"""Triggers that measure the triggerer's event loop, and polls in it, from inside."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from airflow.triggers.base import BaseTrigger, TriggerEvent

__all__ = ["LoopProbe", "PollProbe", "Sample"]

_STEP_SECONDS = 0.005
_SAMPLE_SECONDS = 1.0

# Airflow gives the task of a trigger a name with its number.
_IS_TRIGGER = "(ID "


@dataclass(slots=True)
class Sample:
    """
    A second in the life of a triggerer.

    :param at: when it ended, in Unix seconds.
    :param tasks: of the event loop: one for each trigger, without the tasks that the triggers start themselves.
    :param rss_bytes: the memory of the process.
    :param cpu_seconds: processor time of the process so far.
    :param blocked_seconds: the longest time within this second in which the loop ran nothing that was due.
    :param blocked_cpu_seconds: the most processor time of the loop's thread between two wake-ups. The rest of a block
        it waited for a file, another thread or a processor.
    :param full_collections: how often the garbage collector has looked at all objects of the process so far.
    """

    at: float
    tasks: int
    rss_bytes: int
    cpu_seconds: float
    blocked_seconds: float
    blocked_cpu_seconds: float
    full_collections: int


class LoopProbe(BaseTrigger):
    """
    Writes down a :class:`Sample` for each second, and never ends.

    :param path: the file, one JSON object a line.
    """

    def __init__(self, path: str = "") -> None:
        super().__init__()
        self.path = path

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return f"{__name__}.LoopProbe", {"path": self.path}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep for a few milliseconds repeatedly, and measure the delay of each wake-up."""
        process = psutil.Process()
        with Path(self.path).open("a", buffering=1, encoding="utf-8") as file:  # noqa: ASYNC230 - a line a second
            while True:
                blocked_seconds, blocked_cpu_seconds = await _longest_block()
                sample = Sample(
                    at=time.time(),
                    tasks=sum(_IS_TRIGGER in task.get_name() for task in asyncio.all_tasks()),
                    rss_bytes=process.memory_info().rss,
                    cpu_seconds=time.process_time(),
                    blocked_seconds=blocked_seconds,
                    blocked_cpu_seconds=blocked_cpu_seconds,
                    full_collections=gc.get_stats()[-1]["collections"],
                )
                file.write(json.dumps(asdict(sample)) + "\n")
        yield TriggerEvent(None)  # makes it the generator that a trigger has to be


async def _longest_block() -> tuple[float, float]:
    """Watch for one sample; return its longest block, and the most processor time of this thread in one."""
    longest = longest_cpu = 0.0
    ends_at = time.monotonic() + _SAMPLE_SECONDS
    while (began := time.monotonic()) < ends_at:
        cpu_began = time.thread_time()
        await asyncio.sleep(_STEP_SECONDS)
        longest_cpu = max(longest_cpu, time.thread_time() - cpu_began)
        longest = max(longest, time.monotonic() - began - _STEP_SECONDS)
    return longest, longest_cpu


class PollProbe(BaseTrigger):
    """
    Polls a job again and again with the package's transport, and writes down how long each poll took.

    :param path: the file, one JSON object a line: ``at`` in Unix seconds, ``seconds``.
    :param job_id: the job.
    :param interval: seconds between two polls.
    """

    def __init__(self, path: str = "", job_id: str = "", interval: float = 0.25) -> None:
        super().__init__()
        self.path = path
        self.job_id = job_id
        self.interval = interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return f"{__name__}.PollProbe", {"path": self.path, "job_id": self.job_id, "interval": self.interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll, and write down the time from the wish to poll to the answer."""
        from airflow_provider_tencent_ci.core.api.job_calls import get_job
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
        from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

        async with AsyncTransport(await TencentCIHook().read_config()) as transport:
            with Path(self.path).open("a", buffering=1, encoding="utf-8") as file:  # noqa: ASYNC230 - short lines
                while True:
                    await asyncio.sleep(self.interval)
                    began = time.monotonic()
                    await transport.run(get_job(self.job_id))
                    line = {"at": time.time(), "seconds": time.monotonic() - began}
                    file.write(json.dumps(line) + "\n")
        yield TriggerEvent(None)  # makes it the generator that a trigger has to be
