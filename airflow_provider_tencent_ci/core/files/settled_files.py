"""
Counts of a batch's files, taken repeatedly while it runs, each time only over what may have changed.

How it works:

1. A list is read oldest first, one page at a time.
2. All files before the first file that is not done are *settled*: their states do not change any more.
3. The list may show a file later than it was created. So only files that were created longer ago than ``LIST_LAG`` when
   the count began are settled, by the service's clock. While that is not known, nothing is settled.
4. The next count adds the settled counts, and reads the list from the end of the settled files on.
5. If the service does not keep the order, or a file has no creation time, nothing is settled: the next count reads the
   whole list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.core.api.file_lists import FileList, file_lists_of, list_files_page
from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.paginator import LIST_LAG, Paginator
from airflow_provider_tencent_ci.core.files.file_counts import CountBuilder, FileCounts
from airflow_provider_tencent_ci.core.wire.flow_steps import service_time
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY
from airflow_provider_tencent_ci.core.wire.service_times import format_time, parse_time


@dataclass(frozen=True, slots=True)
class SettledFiles:
    """
    The files at the beginning of a list that are all listed, and whose states do not change any more.

    :param counts: their counts.
    :param until: they are all files that were created before this time (aware); ``None`` if none are settled.
    """

    counts: FileCounts = field(default_factory=FileCounts)
    until: datetime | None = None

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> SettledFiles:
        """Read what :meth:`to_dict` wrote."""
        return cls(FileCounts.from_dict(written["Files"]), parse_time(written["Until"]))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"Files": self.counts.to_dict(), "Until": format_time(self.until) if self.until else None}


def all_listed_until() -> Flow[datetime | None]:
    """
    Return the time before which all created files are listed; ``None`` if the service's time is not known.

    :return: aware, in whole seconds, as the list is asked for.
    """
    now = yield from service_time()
    return None if now is None else now.replace(microsecond=0) - LIST_LAG


class IncrementalCount:
    """
    Counts the files of one batch, a page at a time.

    :param job: its record.
    :ivar job_id: its id.
    :raises UnreadableResponseError: the record does not say what the batch runs.
    """

    def __init__(self, job: InventoryJob) -> None:
        self.job_id = job.job_id
        self._lists = [_ListCount(files) for files in file_lists_of(job)]
        self._lists_left = list(self._lists)

    @property
    def settled(self) -> list[SettledFiles]:
        """The files of each list that are not counted again; for :func:`~.count_files.count_files`."""
        return [one.settled for one in self._lists]

    def read_page(self) -> Flow[FileCounts | None]:
        """
        Read one page; return the counts if it was the last page. The next call starts the next count.

        No request is retried: the next count is soon.
        """
        if (yield from self._lists_left[0].read_page()):
            self._lists_left.pop(0)
        if self._lists_left:
            return None
        self._lists_left = list(self._lists)
        return sum((one.counts for one in self._lists), FileCounts())


class _ListCount:
    """
    Counts one list.

    :ivar counts: the result of the last complete pass.
    :ivar settled: what the next pass leaves out.
    """

    def __init__(self, files: FileList) -> None:
        self.counts = FileCounts()
        self._files = files
        self.settled = SettledFiles()
        self._pass: _ListPass | None = None

    def read_page(self) -> Flow[bool]:
        """Read one page; return whether it was the last one. After an error, the next call starts a new pass."""
        list_pass = self._pass or _ListPass((yield from all_listed_until()))
        self._pass = None
        token = list_pass.pages.next_token or ""
        page = yield from list_files_page(
            self._files, token, since=self.settled.until, retry=NO_RETRY, states_only=True
        )
        for run in list_pass.pages.new_items(page):
            list_pass.add(run)
        if list_pass.pages.next_token is not None:
            self._pass = list_pass
            return False
        list_pass.end()
        self.counts = self.settled.counts + list_pass.counts
        if list_pass.settled_until is not None:
            self.settled = SettledFiles(self.settled.counts + list_pass.settled, list_pass.settled_until)
        return True


class _ListPass:
    """
    One pass over a list, from some creation time on.

    :param listed_until: see :func:`all_listed_until`, when the pass begins.
    :ivar settled_until: all files created before it are done; ``None`` if not known.
    :ivar settled: the counts of these files.
    """

    def __init__(self, listed_until: datetime | None) -> None:
        self._listed_until = listed_until
        self.pages = Paginator()
        self.settled = FileCounts()
        self.settled_until: datetime | None = None
        self._builder = CountBuilder()
        self._is_open = False
        self._is_in_order = True

    @property
    def counts(self) -> FileCounts:
        return self._builder.counts

    def add(self, run: FileRun) -> None:
        last_at = self._builder.last_at
        if run.created_at is None or (last_at and run.created_at < last_at):
            # The service does not keep the order: the next pass cannot leave out any part.
            self._is_in_order, self.settled_until = False, None
        elif run.created_at != last_at:
            self._settle(run.created_at)
        self._is_open = self._is_open or not run.state.is_terminal
        self._builder.add(run)

    def end(self) -> None:
        """Take note that there is no further file."""
        if self._listed_until is not None:
            self._settle(self._listed_until)

    def _settle(self, until: datetime) -> None:
        """Settle the files so far, if no other one was created before ``until``."""
        listed_until, last_at = self._listed_until, self._builder.last_at
        if listed_until is None or self._is_open or not self._is_in_order:
            return
        if last_at is None or last_at < listed_until:
            self.settled, self.settled_until = self.counts, min(until, listed_until)
