"""The counts of a batch that has ended: its lists are read side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_provider_tencent_ci.core.api.file_lists import FileList, file_lists_of
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.file_counts import CountBuilder, FileCounts, SettledFiles
from airflow_provider_tencent_ci.core.files.split_list import SplitList
from airflow_provider_tencent_ci.core.wire.flow_steps import run_concurrently
from airflow_provider_tencent_ci.core.wire.messages import Flow


def count_files(
    job: InventoryJob,
    *,
    settled: Sequence[SettledFiles] = (),
    observe: Callable[[Callable[[], FileCounts]], None] = lambda _so_far: None,
) -> Flow[FileCounts]:
    """
    Count all files of a batch.

    :param job: its record. A long list is read as windows side by side if it says when the job ended.
    :param settled: what was counted before, of each list of the job, by :attr:`.IncrementalCount.settled`.
    :param observe: called after each page, with a function that returns the counts so far.
    :raises ApiError: the lists could not be read.
    :raises UnreadableResponseError: the record does not say what the batch runs, or a list does not end.
    """
    lists = file_lists_of(job)
    before = [*settled[: len(lists)], *[SettledFiles()] * (len(lists) - len(settled))]
    counting = _Counting([_ListCount(files, job, one) for files, one in zip(lists, before, strict=True)], observe)
    yield from run_concurrently(counting)
    return counting.counts


class _Counting:
    """The source of the flows of a count."""

    def __init__(self, lists: list[_ListCount], observe: Callable[[Callable[[], FileCounts]], None]) -> None:
        self._lists = lists
        self._observe = observe

    @property
    def counts(self) -> FileCounts:
        return sum((one.counts for one in self._lists), FileCounts())

    def so_far(self) -> FileCounts:
        return sum((one.so_far for one in self._lists), FileCounts())

    def next_flow(self) -> Flow[Callable[[], None]] | None:
        return next((flow for one in self._lists if (flow := one.next_flow()) is not None), None)

    def finished(self, result: Callable[[], None]) -> None:
        result()
        for one in self._lists:
            one.collect()
        self._observe(self.so_far)


class _ListCount:
    """
    Counts one list.

    :ivar counts: of the windows that have been read to their end, and of what was settled before.
    """

    def __init__(self, files: FileList, job: InventoryJob, settled: SettledFiles) -> None:
        self.counts = settled.counts if settled.until else FileCounts()
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

    def collect(self) -> None:
        """Add the windows that are done."""
        done = [part for part in self._list.parts if part.is_done]
        for part in done:
            self.counts += part.sink.counts
            self._list.parts.remove(part)

    def _restart(self) -> None:
        self.counts = FileCounts()
