"""
A quick look at one list of files: exact if the list is short, otherwise an estimate.

How it works:

1. Some pages are read in order: the *head*. They show how many files are created in a second.
2. If the list seems long, further pages are read side by side, each from a second of its own on
   (:mod:`.list_estimate` says from which), and one page of the failed files.
3. A list that may still be short is read on in order. To decide this, the files of the head and of the other pages are
   counted together.
4. If no estimate can be made, there are at least the files that were found. That is so if the service does not keep the
   order or ignores the start of a window, and if more than about 300 files are created in a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_tencent_ci.core.api.file_lists import FileList, list_files_page
from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.api.paginator import Page
from airflow_provider_tencent_ci.core.files.file_counts import CountBuilder, FileCounts
from airflow_provider_tencent_ci.core.files.list_estimate import (
    Piece,
    Reading,
    even_starts,
    further_starts,
    is_reliable,
    moment_of,
    pieces_of,
    second_of,
    weights_of,
)
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, run_concurrently, service_time
from airflow_provider_tencent_ci.core.wire.messages import Flow, Priority
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, RequestRetry
from airflow_provider_tencent_ci.exceptions import TencentCIError

# Fewer would say little about a list whose first files have the same second.
_HEAD_PAGES = 4

# The other pages are read in three rounds. The first round spreads them evenly. The other two read where they help
# most. Each number is the share of the remaining pages that a round may use.
_ROUNDS = (0.43, 0.5, 1.0)

# With fewer places an estimate may be wrong by any factor.
_LEAST_PLACES = 6

# A list that is this much longer than what may be read in order, as it seems, is not read in order at all.
_CLEARLY_LONGER = 1.5

# Pages for the estimate are requested for at most this time, counted from the first one. This bounds the time with a
# service that is slow or refuses requests.
_ESTIMATE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ListSurvey:
    """
    The result of a look at one list.

    :param counts: the counts of all files; of those that were found, if it is neither complete nor an estimate.
    :param is_complete: whether all files were read.
    :param is_estimate: whether the counts are estimated.
    :param groups: files that were found, and for how many each of them stands.
    """

    counts: FileCounts
    is_complete: bool
    is_estimate: bool
    groups: tuple[tuple[tuple[FileRun, ...], float], ...]


class ListReader:
    """
    Reads a part of one list.

    :param files: the list.
    :param ended_at: when the job ended (aware), by the service's clock; ``None`` if it has not.
    :param most_pages: how many pages are read in order, at most.
    :param most_samples: how many pages are read elsewhere, at most, and one of the failed files.
    :param retry: of the pages that are read in order.
    :ivar head: the pages that were read in order.
    """

    def __init__(
        self, files: FileList, ended_at: datetime | None, most_pages: int, most_samples: int, retry: RequestRetry
    ) -> None:
        self.head = Reading()
        self._retry = retry
        self._files = files
        self._ended_at = ended_at
        self._most_pages = most_pages
        self._most_samples = most_samples
        self._samples: _Samples | None = None

    def read(self, until: datetime) -> Flow[ListSurvey]:
        """
        Read it.

        :param until: no page is requested later than this, by this machine's clock.
        :raises TencentCIError: one of the pages that are read in order before an estimate is tried could not be read. A
            later error ends the reading, and what was found is the result.
        """
        yield from self._read_head(min(_HEAD_PAGES, self._most_pages), until)
        while not (self.head.has_whole_second or self._is_over) and (yield from current_time()) <= until:
            yield from self._read_page()
        horizon = self._ended_at or (yield from service_time())
        if horizon is None or not self._seems_long(horizon):
            yield from self._read_head(self._most_pages, until)
        if horizon is not None and not self.head.is_ended:
            with suppress(TencentCIError):
                yield from self._sample(second_of(horizon), until)
                yield from self._read_head(self._most_pages, until)
        return self._result()

    @property
    def _is_over(self) -> bool:
        return self.head.is_ended or self.head.pages_read >= self._most_pages

    def _read_head(self, most_pages: int, until: datetime) -> Flow[None]:
        """Read on in order, as long as the list may end within the pages that are allowed."""
        while self.head.pages_read < most_pages and not self.head.is_ended and self._may_be_short():
            if (yield from current_time()) > until:
                return
            yield from self._read_page()

    def _read_page(self) -> Flow[None]:
        self.head.add((yield from list_files_page(self._files, self.head.next_token or "", retry=self._retry)))

    def _may_be_short(self) -> bool:
        return self._samples is None or len(self._found()) <= self._files_in_head()

    def _files_in_head(self) -> float:
        """Return how many files fit into the pages that may be read in order."""
        return self._most_pages * len(self.head.runs) / max(1, self.head.pages_read)

    def _seems_long(self, horizon: datetime) -> bool:
        if self.head.is_ended or not self.head.is_in_order or not self.head.runs:
            return False
        read, whole = self.head.last_second - self.head.first_second, second_of(horizon) + 1 - self.head.first_second
        return len(self.head.runs) * whole / max(read, 0.5) > _CLEARLY_LONGER * self._files_in_head()

    def _sample(self, horizon: int, until: datetime) -> Flow[None]:
        samples = _Samples(self._files, self.head, horizon, self._most_samples, until)
        if samples.are_possible:
            self._samples = samples
            yield from run_concurrently(samples)

    def _found(self) -> dict[str, FileRun]:
        """Return the files that were found, by their ids."""
        readings = [self.head]
        if self._samples is not None and all(one.is_in_order for one in self._samples.readings):
            readings = self._samples.readings
        return {run.run_id: run for one in readings for run in one.runs}

    def _result(self) -> ListSurvey:
        if not self.head.is_ended and self._samples is not None and self._samples.are_enough:
            return self._samples.estimate()
        found = tuple(self._found().values())
        return ListSurvey(_count(found), self.head.is_ended, is_estimate=False, groups=((found, 1.0),))


class _Samples:
    """
    The pages that are read side by side: the source of their flows.

    :param horizon: the last second of the list.
    :param until: no page is requested later than this, by this machine's clock.
    :ivar readings: the head, and what was read from other seconds on.
    """

    def __init__(self, files: FileList, head: Reading, horizon: int, most_pages: int, until: datetime) -> None:
        self.readings = [head]
        self._files = files
        self._horizon = horizon
        self._pages_left = most_pages
        self._until = until
        self._has_begun = False
        self._failed = Reading()
        self._rounds = iter(_ROUNDS)
        self._waiting: list[Reading] = [self._failed]
        self._in_flight = 0

    @property
    def are_possible(self) -> bool:
        """
        Whether an estimate may be tried.

        The head is in order and has a complete second, the list's time goes on after the head, and the pages suffice
        for six places at least.
        """
        [head] = self.readings
        if not (head.is_in_order and head.has_whole_second):
            return False
        places = self._pages_left // self._pages_at_a_place
        return places >= _LEAST_PLACES and self._horizon > head.last_second

    @property
    def are_enough(self) -> bool:
        """Whether an estimate can be made."""
        return len(self.readings) > _LEAST_PLACES and is_reliable(self.readings)

    @property
    def _pages_at_a_place(self) -> int:
        """The largest number of pages that any reading needed for its first second."""
        return max(one.pages_in_first_second for one in self.readings)

    def next_flow(self) -> Flow[Reading] | None:
        if not (self._waiting or self._in_flight):
            self._waiting = self._next_round()
        if not self._waiting:
            return None
        self._in_flight += 1
        reading = self._waiting.pop(0)
        return self._read_failed(reading) if reading is self._failed else self._read(reading)

    def finished(self, result: Reading) -> None:
        self._in_flight -= 1
        if result is not self._failed and result.pages_read:
            self.readings.append(result)

    def estimate(self) -> ListSurvey:
        pieces = pieces_of(self.readings, self._horizon)
        weighted = list(zip(pieces, weights_of(pieces, self._horizon), strict=True))
        groups = tuple((piece.runs, weight) for piece, weight in weighted)
        return ListSurvey(self._counts(weighted), is_complete=False, is_estimate=True, groups=groups)

    def _counts(self, weighted: list[tuple[Piece, float]]) -> FileCounts:
        counts = [(_count(piece.runs), weight) for piece, weight in weighted]
        failed, known = round(sum(one.failed * weight for one, weight in counts)), len(self._failed.runs)
        found = _count([run for one in self.readings for run in one.runs])
        return FileCounts(
            succeeded=round(sum(one.succeeded * weight for one, weight in counts)),
            failed=known if self._failed.is_ended else max(failed, known),
            cancelled=round(sum(one.cancelled * weight for one, weight in counts)),
            running=round(sum(one.running * weight for one, weight in counts)),
            first_at=found.first_at,
            last_at=found.last_at,
        )

    def _next_round(self) -> list[Reading]:
        number = int(next(self._rounds, 0) * self._pages_left) // self._pages_at_a_place
        pieces = pieces_of(self.readings, self._horizon)
        if len(self.readings) == 1:
            return [Reading(start) for start in even_starts(pieces[0], self._horizon, number)]
        return [Reading(start) for start in further_starts(pieces, self._horizon, number)]

    def _read(self, reading: Reading) -> Flow[Reading]:
        while reading.is_in_order and not reading.has_whole_second and (yield from self._is_in_time()):
            if self._pages_left <= 0:  # asked last: other flows go on at each step
                break
            self._pages_left -= 1
            reading.add((yield from self._page(reading.next_token or "", since=moment_of(reading.start or 0))))
        return reading

    def _is_in_time(self) -> Flow[bool]:
        now = yield from current_time()
        if not self._has_begun:  # not earlier: a driver may need time to open its connections
            self._has_begun = True
            self._until = min(self._until, now + timedelta(seconds=_ESTIMATE_SECONDS))
        return now <= self._until

    def _read_failed(self, reading: Reading) -> Flow[Reading]:
        if (yield from self._is_in_time()):
            reading.add((yield from self._page(states=JobState.FAILED.value)))
        return reading

    def _page(self, token: str = "", **which: Any) -> Flow[Page[FileRun]]:
        page = list_files_page(self._files, token, **which, retry=NO_RETRY, priority=Priority.NORMAL)
        return (yield from page)


def _count(runs: Iterable[FileRun]) -> FileCounts:
    builder = CountBuilder()
    builder.add_all(runs)
    return builder.counts


def in_groups(survey: ListSurvey) -> Iterator[tuple[FileRun, float]]:
    """Yield the files that were found, each with the number of files for which it stands."""
    return ((run, weight) for runs, weight in survey.groups for run in runs)
