"""Caches answers of the service for all readers of the page, and says for how long."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.file_survey import Survey

__all__ = ["FINAL_SECONDS", "Remembered", "survey_seconds"]

ValueT = TypeVar("ValueT")

# For an answer that does not change any more, and for one that may.
FINAL_SECONDS, _CHANGING_SECONDS = 600.0, 15.0


def survey_seconds(job: InventoryJob, survey: Survey) -> float:
    """Return for how many seconds a survey of a job's files is valid: longer if all of them are done."""
    is_final = job.state.is_terminal and not survey.counts.running
    return FINAL_SECONDS if is_final else _CHANGING_SECONDS


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
