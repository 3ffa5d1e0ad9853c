"""Runs a test in its own event loop."""

from __future__ import annotations

import asyncio

__all__ = ["run_alone", "until"]


async def until(reached):
    """Wait until ``reached()``, which another thread or process makes true."""
    async with asyncio.timeout(20):
        while not reached():  # noqa: ASYNC110 - what is waited for happens in the emulator's thread
            await asyncio.sleep(0.01)


def run_alone(main, shared):
    """Run ``main``; after it, no task and no shared object may be left."""

    async def all_of_it():
        before = asyncio.all_tasks()
        await main()
        await until(lambda: asyncio.all_tasks() == before)
        assert not shared.in_use()

    asyncio.run(asyncio.wait_for(all_of_it(), 60))
