"""
A long list of files, read as windows of creation time side by side, with the same result as in order.

How it works:

1. The first page is read without a window. It shows how many files are created in a second, and the end of the job
   shows how long that went on. A list that seems short is read on in order.
2. The list is asked once for a single second that a page knows. If the answer has the files of that second and no
   others, both bounds of a window are inclusive and mean whole seconds, as documented (docs/service.md, 2.7 and 3.1).
   If not, the list is read on in order.
3. The list is cut into windows that share no second. Pages of one window are read one after the other. A window that
   turns out to be long is read again, as several.
4. A page with a file outside of its window, or without a creation time, shows that windows cannot be relied on. Then
   the list is read again, in order.

Nothing relies on the order of a list, and only the ids of the windows that are being read are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Generic, Protocol, TypeVar

from airflow_provider_tencent_ci.core.api.file_lists import FileList, list_files_page
from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.paginator import Page, Paginator
from airflow_provider_tencent_ci.core.wire.flow_steps import service_time
from airflow_provider_tencent_ci.core.wire.messages import Flow

SECOND = timedelta(seconds=1)

# More windows would be many small ones if the first page was not typical. A long one is cut again.
_MOST_WINDOWS = 64


class Sink(Protocol):
    """Receives the files of one window."""

    def add_all(self, runs: Iterable[FileRun]) -> None:
        """Take the new files of a page."""


SinkT = TypeVar("SinkT", bound=Sink)


@dataclass(frozen=True, slots=True)
class Window:
    """
    A part of a list: the files whose work was created from ``start`` to ``end``, both included, in whole seconds.

    :param start: aware; ``None`` for the first window.
    :param end: aware; ``None`` for the last window.
    """

    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole list."""
        return self.start is None and self.end is None

    @property
    def is_one_second(self) -> bool:
        """Whether it cannot be cut."""
        return self.start is not None and self.start == self.end

    def contains(self, moment: datetime) -> bool:
        """Whether a file that was created in this second belongs to it."""
        return (self.start is None or self.start <= moment) and (self.end is None or moment <= self.end)

    def cut(self, begin: datetime, end: datetime, length: timedelta) -> list[Window]:
        """
        Cut it into windows of a length; the first and the last one keep its bounds.

        :param begin: where the first one begins, if this one has no start.
        :param end: where the last one ends, if this one has no end.
        """
        begin, end = self.start or begin, self.end or end
        length = max(length, (end - begin) / _MOST_WINDOWS, SECOND)
        seconds, count = ceil(length.total_seconds()), ceil((end - begin + SECOND) / length)
        bounds = [begin + timedelta(seconds=seconds * number) for number in range(1, count)]
        bounds = [bound for bound in bounds if bound <= end]
        starts, ends = [self.start, *bounds], [*(bound - SECOND for bound in bounds), self.end]
        return [Window(*each) for each in zip(starts, ends, strict=True)]


@dataclass(frozen=True, slots=True)
class Seen:
    """From the first to the last creation time that was seen (aware, whole seconds)."""

    start: datetime
    end: datetime


class Part(Generic[SinkT]):
    """
    A window that is being read.

    :param is_final: whether it is read to its end, however long it is.
    :ivar is_done: whether all of its pages have been read.
    :ivar seen: the times of the files on its pages.
    :ivar sample: its last page, if this has to be compared with a window before it goes on.
    """

    def __init__(self, window: Window, sink: SinkT, *, is_final: bool = False) -> None:
        self.window = window
        self.sink = sink
        self.is_final = is_final or window.is_one_second
        self.pages = Paginator()
        self.pages_read = 0
        self.is_in_flight = self.is_dropped = self.is_done = False
        self.seen: Seen | None = None
        self.sample: Page[FileRun] | None = None

    def add(self, page: Page[FileRun]) -> bool:
        """Take a page; return whether all of its files are in the window."""
        times = [run.created_at for run in page.items if run.created_at is not None]
        if not self._contains_all(page, times):
            return False
        self._note(times)
        self.sink.add_all(self.pages.new_items(page))
        self.pages_read += 1
        self.is_done = self.pages.next_token is None
        return True

    def covered(self, ended_at: datetime | None) -> timedelta:
        """
        Return of how much time files were read: of the whole window if it is done, else up to the newest file.

        :param ended_at: the end of the last window.
        """
        begin = self.window.start or (self.seen and self.seen.start)
        end = (self.window.end or ended_at) if self.is_done else self.seen and self.seen.end
        return max(end - begin, timedelta()) if begin and end else timedelta()

    def _contains_all(self, page: Page[FileRun], times: list[datetime]) -> bool:
        if self.window.is_whole or not page.items:
            return True
        has_all_times = len(times) == len(page.items)
        return has_all_times and self.window.contains(_second(min(times))) and self.window.contains(_second(max(times)))

    def _note(self, times: list[datetime]) -> None:
        if times:
            first, last = _second(min(times)), _second(max(times))
            seen = self.seen or Seen(first, last)
            self.seen = Seen(min(first, seen.start), max(last, seen.end))


class SplitList(Generic[SinkT]):
    """
    One list, as the windows that are left to read.

    :param files: the list.
    :param new_sink: makes the sink of a window.
    :param restart: called if what the sinks have received does not count, since the list is read again in order.
    :param states: only files in these states, by commas.
    :param since: where to begin; ``None`` for the whole list.
    :param ended_at: when the job ended (aware), by the service's clock; ``None`` if it has not.
    :param pages_in_window: how long a window should be.
    :param states_only: whether the sinks need no keys and reasons.
    :ivar files: the list.
    :ivar parts: by time. Parts that are done stay until someone takes them out.
    """

    def __init__(
        self,
        files: FileList,
        new_sink: Callable[[], SinkT],
        restart: Callable[[], None],
        *,
        states: str | None = None,
        since: datetime | None = None,
        ended_at: datetime | None = None,
        pages_in_window: int = 16,
        states_only: bool = False,
    ) -> None:
        self.files = files
        self._new_sink = new_sink
        self._restart = restart
        self._states = states
        self._horizon = ended_at
        self._pages_in_window = pages_in_window
        self._states_only = states_only
        self._can_be_cut: bool | None = None
        self.parts = [Part(Window(since), new_sink())]

    def next_part(self) -> Part[SinkT] | None:
        """Return the first part of which a page may be read now."""
        return next((part for part in self.parts if not (part.is_in_flight or part.is_done)), None)

    def read(self, part: Part[SinkT]) -> Flow[Callable[[], None]]:
        """Return a flow that goes on with a part: reads a page, as a rule. Its result is to be called: it takes it."""
        part.is_in_flight = True
        return self._read(part) if part.sample is None else self._probe(part, part.sample)

    def _read(self, part: Part[SinkT]) -> Flow[Callable[[], None]]:
        page = yield from self._page(part.window, part.pages.next_token or "")
        self._horizon = self._horizon or (yield from service_time())
        return partial(self._take, part, page)

    def _probe(self, part: Part[SinkT], sample: Page[FileRun]) -> Flow[Callable[[], None]]:
        return partial(self._take_probe, part, (yield from self._try_one_second(sample)))

    def _take(self, part: Part[SinkT], page: Page[FileRun]) -> None:
        part.is_in_flight = False
        if part.is_dropped:
            return
        if not part.add(page):
            self._read_in_order()
        elif not (part.is_done or part.is_final) and self._is_long(part):
            if self._can_be_cut is None:
                part.sample = page
            else:
                self._cut(part)

    def _take_probe(self, part: Part[SinkT], can_be_cut: bool) -> None:
        part.is_in_flight, part.sample = False, None
        self._can_be_cut, part.is_final = can_be_cut, not can_be_cut
        if can_be_cut:
            self._cut(part)

    def _page(self, window: Window, token: str = "") -> Flow[Page[FileRun]]:
        return (
            yield from list_files_page(
                self.files,
                token,
                states=self._states,
                since=window.start,
                until=window.end,
                states_only=self._states_only,
            )
        )

    def _is_long(self, part: Part[SinkT]) -> bool:
        """
        Whether a part has more pages than two windows should have, if it goes on as it began.

        That is judged after 1, 2, 4, ... pages, since the times of one page say little where many files have the same.
        """
        most, read = 2 * self._pages_in_window, part.pages_read
        if read > most or part.seen is None:
            return read > most
        return read & (read - 1) == 0 and self._end_of(part) - part.seen.start > most * self._length_of_a_page(part)

    def _try_one_second(self, page: Page[FileRun]) -> Flow[bool]:
        """Return whether the list for one second has the files of this second that a page knows, and no others."""
        times = _seconds(page)
        if not times or len(times) < len(page.items):
            return False
        second = _inner_second(times)
        known = {run.run_id for run, moment in zip(page.items, times, strict=True) if moment == second}
        answer = yield from self._page(Window(second, second))
        found = {run.run_id for run in answer.items}
        has_no_others = set(_seconds(answer)) == {second} and len(_seconds(answer)) == len(answer.items)
        return has_no_others and (known <= found or bool(answer.next_token))

    def _cut(self, part: Part[SinkT]) -> None:
        """Read a part again as several; if its time cannot be cut into more than one window, read it to its end."""
        windows = [part.window]
        if part.seen is not None:
            length = self._length_of_a_page(part) * self._pages_in_window
            windows = part.window.cut(part.seen.start, self._end_of(part), length)
        if len(windows) == 1:
            part.is_final = True
        else:
            at = self.parts.index(part)
            self.parts[at : at + 1] = [Part(window, self._new_sink()) for window in windows]

    def _end_of(self, part: Part[SinkT]) -> datetime:
        """Return until when files of a part were created, as far as that is known."""
        known = [part.seen.end] if part.seen else []
        return max(filter(None, [*known, part.window.end or self._horizon]))

    def _length_of_a_page(self, part: Part[SinkT]) -> timedelta:
        """Return in what time the files of one page were created."""
        return max(part.seen.end - part.seen.start, SECOND / 2) / part.pages_read if part.seen else SECOND

    def _read_in_order(self) -> None:
        self._restart()
        for part in self.parts:
            part.is_dropped = True
        self._can_be_cut = False
        self.parts = [Part(Window(), self._new_sink(), is_final=True)]


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0) if moment.microsecond else moment


def _seconds(page: Page[FileRun]) -> list[datetime]:
    return [_second(run.created_at) for run in page.items if run.created_at is not None]


def _inner_second(times: list[datetime]) -> datetime:
    """Return a second of which a page has the most files, neither the first nor the last one; if there is none, any."""
    inner = [moment for moment in times if min(times) < moment < max(times)]
    return Counter(inner or times).most_common(1)[0][0]
