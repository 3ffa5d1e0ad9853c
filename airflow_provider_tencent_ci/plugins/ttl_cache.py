"""Caches answers of the service for all readers of the page; ``page_requests`` says for how long."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Remembered"]

ValueT = TypeVar("ValueT")


class _Entry(Generic[ValueT]):
    """:ivar lock: held by the caller that sends the request; the others wait for the answer."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: list[ValueT] = []  # empty, or one element
        self.fresh_until = 0.0


class Remembered(Generic[ValueT]):
    """
    The last answers. Rights are checked before this cache is used.

    :param most: the highest number of answers; the least recently used one is dropped.
    :param clock: in seconds.
    """

    def __init__(self, most: int = 200, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[ValueT]] = OrderedDict()

    def get(self, key: Hashable, ask: Callable[[], tuple[ValueT, float]]) -> ValueT:
        """
        Return the cached answer, or request it; an error is not cached.

        :param ask: returns the answer, and for how many seconds it is valid.
        """
        entry = self._entry(key)
        with entry.lock:
            if not entry.values or self._clock() >= entry.fresh_until:
                value, seconds = ask()
                entry.values, entry.fresh_until = [value], self._clock() + seconds
            return entry.values[0]

    def _entry(self, key: Hashable) -> _Entry[ValueT]:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
            return entry
