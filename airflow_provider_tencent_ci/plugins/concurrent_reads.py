"""How many of the page's reads run side by side, so that Airflow's API server keeps threads for heartbeats."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
from fastapi import Depends

__all__ = ["LIMITED_READ"]

# Each read holds one of the server's 40 threads until the service answers, and tasks' heartbeats need these threads,
# too.
_MAX_CONCURRENT_READS = 8
_running_reads = anyio.Semaphore(_MAX_CONCURRENT_READS)


async def _wait_for_turn() -> AsyncIterator[None]:
    """Wait, without a thread, until fewer reads are running."""
    async with _running_reads:
        yield


#: The dependencies of a route that reads from the service.
LIMITED_READ = [Depends(_wait_for_turn)]
