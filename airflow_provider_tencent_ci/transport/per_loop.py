"""What the tasks of one event loop have in common for as long as one of them needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

ItemT = TypeVar("ItemT")


class PerLoopRegistry(Generic[ItemT]):
    """Things of one sort: of each key one in an event loop, while somebody uses it."""

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, list[ItemT]]] = WeakKeyDictionary()

    @contextmanager
    def use(self, key: Hashable, make: Callable[[], ItemT]) -> Iterator[ItemT]:
        """
        Use the thing of this key together with all others who do.

        :param make: makes it if nobody uses one now.
        """
        held = self._held.setdefault(asyncio.get_running_loop(), {})
        users = held.setdefault(key, [])  # it, once for each
        item = users[0] if users else make()
        users.append(item)
        try:
            yield item
        finally:
            users.pop()
            if not users:
                del held[key]

    def in_use(self) -> list[ItemT]:
        """Return what is used in the running event loop."""
        return [users[0] for users in self._held.get(asyncio.get_running_loop(), {}).values()]


async def wait_for_first(*sleeps: Awaitable[object]) -> None:
    """Wait for one of several; the others are cancelled."""
    tasks = [asyncio.ensure_future(sleep) for sleep in sleeps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
