"""
Trying again in the triggerer, where what fails says nothing about the batch job.

It may be the connection: a secrets backend that is out of order for minutes makes it look as if there were none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from airflow_provider_tencent_ci.core.polling.contact import as_poll_error
from airflow_provider_tencent_ci.core.wire.request_retry import jittered
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, TencentCIError

ResultT = TypeVar("ResultT")
EndT = TypeVar("EndT")
EndT_co = TypeVar("EndT_co", covariant=True)

_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 86400.0

# Between two attempts that are to succeed within seconds.
_STEP_SECONDS = 0.5


class Judge(Protocol[EndT_co]):
    """A wait that has a budget for failures: :class:`.core.waiting.Wait` or :class:`.core.capacity.CapacityWait`."""

    def judge(self, error: TencentCIError, now: datetime, /) -> EndT_co | None:
        """Take note of a failure; return how the wait ends, if it does."""

    def max_delay_seconds(self, now: datetime) -> float:
        """Return when it has to be told again at the latest."""


async def retry_until_success(
    attempt: Callable[[], Awaitable[ResultT]], after_failure: Callable[[Exception], Awaitable[EndT | None]]
) -> ResultT | EndT:
    """
    Return what comes of ``attempt``, made until it succeeds.

    :param after_failure: waits for the time of the next attempt; or returns what to return instead of one.
    """
    while True:
        try:
            return await attempt()
        except Exception as error:
            if (end := await after_failure(error)) is not None:
                return end


async def retry_until_wait_ends(
    attempt: Callable[[], Awaitable[ResultT]], wait: Judge[EndT], poll_interval: float
) -> ResultT | EndT:
    """
    Return what comes of ``attempt``, made until it succeeds or ``wait`` ends of its failures.

    :param poll_interval: the longest time between two attempts, in seconds.
    :raises InvalidArgumentError: what somebody gave is wrong, which no further attempt changes.
    """

    async def after_failure(error: Exception) -> EndT | None:
        if isinstance(error, InvalidArgumentError):
            raise error
        now = datetime.now(UTC)
        end = wait.judge(as_poll_error(error), now)
        if end is None:
            pause_seconds = jittered(min(max(poll_interval, _SHORTEST_SECONDS), _LONGEST_SECONDS))
            await asyncio.sleep(max(0.0, min(pause_seconds, wait.max_delay_seconds(now))))
        return end

    return await retry_until_success(attempt, after_failure)


async def retry_within(seconds: float, attempt: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """
    Return what comes of ``attempt``, made until it succeeds or the time is over; the last error comes through.

    :param seconds: how long; the last attempt begins before that.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds

    async def after_failure(error: Exception) -> ResultT | None:
        if loop.time() + _STEP_SECONDS >= ends_at:
            raise error
        await asyncio.sleep(_STEP_SECONDS)
        return None

    return await retry_until_success(attempt, after_failure)
