"""The failed files of a batch, in order and with the reasons, a bounded number at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from airflow_provider_tencent_ci.core.api.file_lists import FileList, file_lists_of
from airflow_provider_tencent_ci.core.api.file_records import FileFailure, FileRun
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.list_windows import Part, SplitList
from airflow_provider_tencent_ci.core.wire.flow_steps import run_concurrently
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError

# The first batch has as many as a log shows; each batch has twice as many as the one before.
_FIRST_BATCH, _LARGEST_BATCH = 10, 2_560

# Files of later windows that wait for an earlier one, at most; some kilobytes for ten.
_MOST_BUFFERED = 20_000

# How many pages are read beside the reasons.
_MOST_PAGES_IN_FLIGHT = 4

# Windows are shorter than for a count, since all files of one are kept.
_PAGES_IN_WINDOW = 4

ItemT = TypeVar("ItemT")

# From a failed file and its list to the item that is handed out.
Explain = Callable[[FileList, FileRun], Flow[ItemT]]


class FailedFiles(Generic[ItemT]):
    """
    Reads the failed files of a batch, oldest first; reasons are asked for side by side while the list is still read.

    :param job: its record.
    :param explain: turns a failed file into an item, with a request if needed.
    :raises UnreadableResponseError: the record does not say what the batch runs.
    """

    def __init__(self, job: InventoryJob, explain: Explain[ItemT]) -> None:
        self._explain = explain
        self._lists = deque(_OrderedList(files, job) for files in file_lists_of(job))
        self._runs: deque[tuple[FileList, FileRun]] = deque()
        self._items: deque[_Item[ItemT]] = deque()
        self._pages_in_flight = 0
        self._batch = _FIRST_BATCH // 2

    @property
    def is_over(self) -> bool:
        """Whether all files have been handed out."""
        return not (self._lists or self._runs or self._items)

    def next_batch(self) -> Flow[list[ItemT]]:
        """
        Read the next items; an empty list only at the end.

        :raises ApiError: the service's error.
        """
        self._batch = min(2 * self._batch, _LARGEST_BATCH)
        yield from run_concurrently(self)
        items, self._items = [item.value for item in self._items], deque()
        return [value for found in items for value in found]

    def next_flow(self) -> Flow[Callable[[], None]] | None:
        """See :class:`.FlowSource`."""
        has_room = len(self._items) < self._batch
        if has_room and len(self._runs) < self._batch - len(self._items) and (flow := self._next_page()) is not None:
            return flow
        return self._next_explanation() if has_room and self._runs else None

    def finished(self, result: Callable[[], None]) -> None:
        """See :class:`.FlowSource`."""
        result()
        while self._lists:
            self._runs.extend((self._lists[0].files, run) for run in self._lists[0].take())
            if not self._lists[0].is_over:
                return
            self._lists.popleft()

    def _next_page(self) -> Flow[Callable[[], None]] | None:
        if self._runs and self._pages_in_flight >= _MOST_PAGES_IN_FLIGHT:
            return None
        room = _MOST_BUFFERED - sum(one.buffered for one in self._lists)
        for number, one in enumerate(self._lists):
            if (flow := one.next_flow(may_read_ahead=room > 0, may_read_first=number == 0 or room > 0)) is not None:
                return self._count_page(flow)
        return None

    def _count_page(self, flow: Flow[Callable[[], None]]) -> Flow[Callable[[], None]]:
        self._pages_in_flight += 1
        return self._counted_page(flow)

    def _counted_page(self, flow: Flow[Callable[[], None]]) -> Flow[Callable[[], None]]:
        try:
            return (yield from flow)
        finally:
            self._pages_in_flight -= 1

    def _next_explanation(self) -> Flow[Callable[[], None]]:
        files, run = self._runs.popleft()
        item = _Item[ItemT]()
        self._items.append(item)
        return self._explained(item, files, run)

    def _explained(self, item: _Item[ItemT], files: FileList, run: FileRun) -> Flow[Callable[[], None]]:
        value = yield from self._explain(files, run)
        return partial(item.value.append, value)


def with_reasons(files: FileList, run: FileRun) -> Flow[FileFailure]:
    """Return a file with the reason; a request each for files of a workflow."""
    return files.explain(run)


def keys_only(_files: FileList, run: FileRun) -> Flow[str]:
    """Return the key of a file; no request."""
    yield from ()
    return run.key


class _Item(Generic[ItemT]):
    """The place of an item in the order; empty until its reason has come."""

    def __init__(self) -> None:
        self.value: list[ItemT] = []


class _Runs(deque[FileRun]):
    def add_all(self, runs: Iterable[FileRun]) -> None:
        self.extend(runs)


class _OrderedList:
    """One list of failed files, window by window in order."""

    def __init__(self, files: FileList, job: InventoryJob) -> None:
        self.files = files
        self._list = SplitList(
            files, _Runs, self._restart, states="Failed", ended_at=job.ended_at, pages_in_window=_PAGES_IN_WINDOW
        )
        self._taken_until: datetime | None = None
        self._skip_until: datetime | None = None
        self._has_taken_a_part = False
        # Of files that were taken before it was known that their part is long, and is read again.
        self._taken_early = set[str]()

    @property
    def is_over(self) -> bool:
        return not self._list.parts

    @property
    def buffered(self) -> int:
        return sum(len(part.sink) for part in self._list.parts)

    def next_flow(self, *, may_read_ahead: bool, may_read_first: bool) -> Flow[Callable[[], None]] | None:
        part = self._list.next_part()
        if part is None or not (may_read_first if part is self._list.parts[0] else may_read_ahead):
            return None
        return self._list.read(part)

    def take(self) -> list[FileRun]:
        """Return the files that are next in order."""
        taken: list[FileRun] = []
        while self._list.parts:
            part = self._list.parts[0]
            taken += self._of(part)
            if not part.is_done:
                break
            self._taken_until, self._has_taken_a_part = part.window.end, False
            self._list.parts.pop(0)
        return taken

    def _of(self, part: Part[_Runs]) -> list[FileRun]:
        if not (part.window.is_whole or part.is_done or part.is_final):
            return []
        runs = [run for run in part.sink if not self._was_taken(run)]
        part.sink.clear()
        if part.is_done or part.is_final:
            self._has_taken_a_part = self._has_taken_a_part or bool(runs)
        else:
            self._taken_early.update(run.run_id for run in runs)
        return runs

    def _was_taken(self, run: FileRun) -> bool:
        if run.run_id in self._taken_early:
            return True
        skipped, created_at = self._skip_until, run.created_at
        return skipped is not None and created_at is not None and created_at.replace(microsecond=0) <= skipped

    def _restart(self) -> None:
        """Leave out the files of the windows before, if the list is read again: all of them have been handed out."""
        if self._has_taken_a_part:
            raise UnreadableResponseError("The list of failed files changed its filter while it was read.")
        self._skip_until = self._taken_until
