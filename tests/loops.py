"""Running a test in an event loop of its own."""

from __future__ import annotations

import asyncio

__all__ = ["run_alone", "until"]


async def until(reached):
    """Wait until ``reached()``, which something outside of the loop brings about."""
    async with asyncio.timeout(20):
        while not reached():  # noqa: ASYNC110 - what is waited for happens in the emulator's thread
            await asyncio.sleep(0.01)


def run_alone(main, shared):
    """Run ``main``, after which no task and nothing of what is shared may be left."""

    async def all_of_it():
        before = asyncio.all_tasks()
        await main()
        await until(lambda: asyncio.all_tasks() == before)
        assert not shared.in_use()

    asyncio.run(asyncio.wait_for(all_of_it(), 60))
