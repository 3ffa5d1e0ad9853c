"""Objects that the tasks of one event loop share, while at least one task uses them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

ItemT = TypeVar("ItemT")


class PerLoopRegistry(Generic[ItemT]):
    """A registry of shared objects: in each event loop one object for each key, while a task uses it."""

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, list[ItemT]]] = WeakKeyDictionary()

    @contextmanager
    def use(self, key: Hashable, make: Callable[[], ItemT]) -> Iterator[ItemT]:
        """
        Use the object of this key, together with all other tasks that use it now.

        :param make: makes the object if no task uses it now.
        """
        held = self._held.setdefault(asyncio.get_running_loop(), {})
        users = held.setdefault(key, [])  # the object, once for each task that uses it
        item = users[0] if users else make()
        users.append(item)
        try:
            yield item
        finally:
            users.pop()
            if not users:
                del held[key]

    def in_use(self) -> list[ItemT]:
        """Return the objects in use in the running event loop."""
        return [users[0] for users in self._held.get(asyncio.get_running_loop(), {}).values()]


async def wait_for_first(*sleeps: Awaitable[object]) -> None:
    """Wait until one of several is done; cancel the others."""
    tasks = [asyncio.ensure_future(sleep) for sleep in sleeps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
