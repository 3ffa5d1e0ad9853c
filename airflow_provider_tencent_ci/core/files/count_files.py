"""The counts of a batch that has ended: its lists are read side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from airflow_provider_tencent_ci.core.api.file_lists import FileList, file_lists_of
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.file_counts import CountBuilder, FileCounts
from airflow_provider_tencent_ci.core.files.list_windows import SECOND, SplitList, Window
from airflow_provider_tencent_ci.core.files.settled_files import SettledFiles, all_listed_until
from airflow_provider_tencent_ci.core.wire.flow_steps import run_concurrently
from airflow_provider_tencent_ci.core.wire.messages import Flow


class RunningCount(Protocol):
    """A count while it goes on."""

    @property
    def so_far(self) -> FileCounts:
        """
        The counts of the pages that were read so far.

        If a window is cut, its files do not count until they are read again.
        """

    @property
    def covered(self) -> timedelta:
        """The length of the part of the job's time whose files were counted; of several lists the sum."""

    @property
    def settled(self) -> list[SettledFiles]:
        """The counts that a later count need not read again, of each list; bounded, whatever the number of files."""


def observe_nothing(_counting: RunningCount) -> None:
    """Observe nothing."""


def count_files(
    job: InventoryJob,
    *,
    settled: Sequence[SettledFiles] = (),
    observe: Callable[[RunningCount], None] = observe_nothing,
) -> Flow[FileCounts]:
    """
    Count all files of a batch.

    :param job: its record. A long list is read as windows side by side if it says when the job ended.
    :param settled: what was counted before, of each list of the job, by :attr:`.IncrementalCount.settled` or
        :attr:`RunningCount.settled`.
    :param observe: called after each page.
    :raises ApiError: the lists could not be read.
    :raises UnreadableResponseError: the record does not say what the batch runs, or a list does not end.
    """
    lists = file_lists_of(job)
    before = [*settled[: len(lists)], *[SettledFiles()] * (len(lists) - len(settled))]
    until = yield from all_listed_until()
    counting = _Counting(
        [_ListCount(files, job, one, until) for files, one in zip(lists, before, strict=True)], observe
    )
    yield from run_concurrently(counting)
    return counting.counts


class _Counting:
    """The source of the flows of a count."""

    def __init__(self, lists: list[_ListCount], observe: Callable[[RunningCount], None]) -> None:
        self._lists = lists
        self._observe = observe

    @property
    def counts(self) -> FileCounts:
        return sum((one.counts for one in self._lists), FileCounts())

    @property
    def so_far(self) -> FileCounts:
        return sum((one.so_far for one in self._lists), FileCounts())

    @property
    def covered(self) -> timedelta:
        return sum((one.covered for one in self._lists), timedelta())

    @property
    def settled(self) -> list[SettledFiles]:
        return [one.settled for one in self._lists]

    def next_flow(self) -> Flow[Callable[[], None]] | None:
        return next((flow for one in self._lists if (flow := one.next_flow()) is not None), None)

    def finished(self, result: Callable[[], None]) -> None:
        result()
        for one in self._lists:
            one.collect()
        self._observe(self)


class _ListCount:
    """
    Counts one list.

    :param listed_until: see :func:`.all_listed_until`, when the count begins.
    :ivar counts: of the windows that have been read to their end, and of what was settled before.
    :ivar settled: of the windows from the beginning on that have been read to their end.
    """

    def __init__(
        self, files: FileList, job: InventoryJob, settled: SettledFiles, listed_until: datetime | None
    ) -> None:
        self.settled = settled if settled.until else SettledFiles()
        self.counts = self.settled.counts
        self._listed_until = listed_until
        self._ended_at = job.ended_at
        self._covered = (
            settled.until - first_at if settled.until and (first_at := self.counts.first_at) else timedelta()
        )
        # Windows that are done, by their start, until those before them are.
        self._done: dict[datetime | None, tuple[Window, FileCounts]] = {}
        self._list = SplitList(
            files, CountBuilder, self._restart, since=settled.until, ended_at=job.ended_at, states_only=True
        )

    def next_flow(self) -> Flow[Callable[[], None]] | None:
        part = self._list.next_part()
        return None if part is None else self._list.read(part)

    @property
    def so_far(self) -> FileCounts:
        """The same with the pages of windows that are not done."""
        return sum((part.sink.counts for part in self._list.parts), self.counts)

    @property
    def covered(self) -> timedelta:
        """The length of the part of the job's time whose files were counted."""
        return sum((part.covered(self._ended_at) for part in self._list.parts), self._covered)

    def collect(self) -> None:
        """Add the windows that are done."""
        for part in [part for part in self._list.parts if part.is_done]:
            self.counts += part.sink.counts
            self._covered += part.covered(self._ended_at)
            self._done[part.window.start] = part.window, part.sink.counts
            self._list.parts.remove(part)
        self._settle()

    def _settle(self) -> None:
        while (done := self._done.pop(self.settled.until, None)) is not None:
            window, counts = done
            until = window.end + SECOND if window.end else None
            if until is None or self._listed_until is None or until > self._listed_until or counts.running:
                return
            self.settled = SettledFiles(self.settled.counts + counts, until)

    def _restart(self) -> None:
        self.counts, self.settled, self._covered = FileCounts(), SettledFiles(), timedelta()
        self._done.clear()
