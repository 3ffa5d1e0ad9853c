"""
Retries in the triggerer, for errors that tell nothing about the batch job.

An example is the connection: if a secrets backend is out of order for minutes, the connection seems not to exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from airflow_provider_tencent_ci.core.polling.contact_budget import as_poll_error
from airflow_provider_tencent_ci.core.wire.request_retry import jittered
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, TencentCIError

ResultT = TypeVar("ResultT")
EndT = TypeVar("EndT")
EndT_co = TypeVar("EndT_co", covariant=True)

_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 86400.0

# Between two attempts that should succeed within seconds.
_DELAY_SECONDS = 0.5


class Judge(Protocol[EndT_co]):
    """A wait with a budget for failures: ``Wait`` or ``CapacityWait`` of ``core``."""

    def judge(self, error: TencentCIError, now: datetime, /) -> EndT_co | None:
        """Judge a failure; return how the wait ends, or ``None`` if it goes on."""

    def max_delay_seconds(self, now: datetime) -> float:
        """Return the longest delay before the next call of ``judge``."""


async def retry_until_success(
    attempt: Callable[[], Awaitable[ResultT]], after_failure: Callable[[Exception], Awaitable[EndT | None]]
) -> ResultT | EndT:
    """
    Repeat ``attempt`` until it succeeds, and return its result.

    :param after_failure: waits until the next attempt; or returns a value, which is returned instead.
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
    Repeat ``attempt`` until it succeeds, or until its failures end ``wait``; return the result or the end.

    :param poll_interval: the longest time between two attempts, in seconds.
    :raises InvalidArgumentError: an argument is wrong; a further attempt would not help.
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
    Repeat ``attempt`` until it succeeds or the time is over; then raise the last error.

    :param seconds: the last attempt begins within this time.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds

    async def after_failure(error: Exception) -> ResultT | None:
        if loop.time() + _DELAY_SECONDS >= ends_at:
            raise error
        await asyncio.sleep(_DELAY_SECONDS)
        return None

    return await retry_until_success(attempt, after_failure)
