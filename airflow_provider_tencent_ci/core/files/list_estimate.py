"""
An estimate of a long list of files, from parts of it that were read.

How it works:

1. A list is in the order of creation. Pages that were read from one second on show all files of some seconds: a
   *piece*. It may begin with a time without files, which is known exactly, too.
2. Between two pieces, the rate of files is assumed to be the mean of their two rates. So each piece stands for its own
   seconds, and for half of the unknown seconds between it and each neighbour. The last piece stands for all seconds
   after it.
3. The first pieces lie evenly over the time of the list. Each further one lies where the two pieces around it differ
   most, or where the most files may be.

A list of which many files have the same second shows no such pieces, and is not estimated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.paginator import Page, Paginator

# Also between two pieces with equal rates the estimate may be wrong: by this share of the sum of their rates.
_DOUBT = 0.15

# Where a piece begins in the gap between two others, as a share of the gap. The shares differ (0.3 to 0.7). So pieces
# do not all fall on the same phase if the rate of files rises and falls regularly.
_EARLIEST_SHARE, _SPREAD, _GOLDEN_RATIO = 0.3, 0.4, 0.618034

# If more of the files than this are in seconds whose end is not known, the rates are too low.
_MOST_OPEN = 0.1


@dataclass(frozen=True, slots=True)
class Piece:
    """
    A part of a list of which all files are known.

    :param start: its first second, since 1970.
    :param end: the second after its last one.
    :param runs: its files, by time.
    """

    start: int
    end: int
    runs: tuple[FileRun, ...]

    @property
    def per_second(self) -> float:
        """The number of files in a second."""
        return len(self.runs) / (self.end - self.start)

    def until(self, end: int) -> Piece:
        """Return the part of it before a second."""
        return Piece(self.start, end, tuple(run for run in self.runs if _second(run) < end))


class Reading:
    """
    Pages that follow each other, from one second on.

    :param start: the second, since 1970; ``None`` for the beginning of the list.
    :ivar runs: the files of these pages.
    :ivar pages_read: the number of pages.
    :ivar pages_in_first_second: how many of them were read until the files of the first second were known.
    :ivar is_in_order: whether each file has a time of creation, none before the one before it, and none before
        ``start``: if not, the service does not keep the order, or ignores the start.
    """

    def __init__(self, start: int | None = None) -> None:
        self.start = start
        self.runs: list[FileRun] = []
        self.pages_read = self.pages_in_first_second = 0
        self.is_in_order = True
        self._pages = Paginator()

    @property
    def first_second(self) -> int:
        """The second of the first file, since 1970; 0 if there is none."""
        return _second(self.runs[0]) if self.runs else 0

    @property
    def last_second(self) -> int:
        """The second of the last file, since 1970; 0 if there is none."""
        return _second(self.runs[-1]) if self.runs else 0

    @property
    def next_token(self) -> str | None:
        """The token of the next page; ``None`` if the list ends here."""
        return self._pages.next_token

    @property
    def is_ended(self) -> bool:
        """Whether the list has no further page."""
        return self._pages.next_token is None

    @property
    def has_whole_second(self) -> bool:
        """Whether all files of the first second are known."""
        return self.is_ended or (self.is_in_order and self.first_second < self.last_second)

    def add(self, page: Page[FileRun]) -> None:
        """
        Take the next page.

        :raises UnreadableResponseError: the list does not end.
        """
        runs = self._pages.new_items(page)
        self.pages_in_first_second += not self.has_whole_second
        self.pages_read += 1
        if self.is_in_order:
            self.is_in_order = self._continues_with(runs)
        self.runs += runs

    def piece(self, horizon: int) -> Piece | None:
        """
        Return the seconds whose files are all known; ``None`` if there is none.

        :param horizon: the last second of the list.
        """
        if not self.runs:
            is_past_the_end = self.is_ended and self.start is not None and self.start <= horizon
            return Piece(self.start or 0, horizon + 1, ()) if is_past_the_end else None
        start = self.first_second if self.start is None else self.start
        end = max(horizon, self.last_second) + 1 if self.is_ended else self.last_second
        return Piece(start, end, tuple(self.runs)).until(end) if start < end else None

    def _continues_with(self, runs: Sequence[FileRun]) -> bool:
        if any(run.created_at is None for run in runs):
            return False
        seconds = [_second(run) for run in (*self.runs[-1:], *runs)]
        return seconds == sorted(seconds) and (self.start is None or not seconds or self.start <= seconds[0])


def pieces_of(readings: Iterable[Reading], horizon: int) -> list[Piece]:
    """
    Return the pieces of some readings, by time; no two of them share a second.

    :param horizon: the last second of the list.
    """
    pieces: list[Piece] = []
    for piece in sorted(filter(None, (one.piece(horizon) for one in readings)), key=lambda one: one.start):
        if pieces and piece.end <= pieces[-1].end:
            continue
        if pieces and piece.start < pieces[-1].end:
            pieces[-1] = pieces[-1].until(piece.start)
            pieces = pieces if pieces[-1].start < pieces[-1].end else pieces[:-1]
        pieces.append(piece)
    return pieces


def weights_of(pieces: Sequence[Piece], horizon: int) -> list[float]:
    """
    Return for how many files each file of a piece stands, one number for each piece.

    :param horizon: the last second of the list.
    """
    holes = [after.start - before.end for before, after in pairwise(pieces)]
    beyond = [max(0, horizon + 1 - pieces[-1].end)] if pieces else []
    before = [0.0, *(hole / 2 for hole in holes)]
    behind = [*(hole / 2 for hole in holes), *beyond]
    return [
        1 + (left + right) / (piece.end - piece.start)
        for piece, left, right in zip(pieces, before, behind, strict=False)
    ]


def even_starts(piece: Piece, horizon: int, number: int) -> list[int]:
    """Return where to begin the first pieces: evenly from the end of the list's head to the horizon."""
    step = (horizon - piece.end) / number if number else 0
    starts = (piece.end + round(step * (place + _share(place))) for place in range(number))
    return sorted({start for start in starts if piece.end < start <= horizon})


def further_starts(pieces: Sequence[Piece], horizon: int, number: int) -> list[int]:
    """
    Return where to begin further pieces: where they help most.

    :param horizon: the last second of the list.
    :param number: how many, at most.
    """
    holes = [_Hole(*ends) for ends in _ends_of_holes(pieces, horizon)]
    starts: list[int] = []
    while holes and len(starts) < number:
        hole = max(holes, key=lambda one: one.doubt)
        start = hole.place(len(starts))
        if hole.doubt == 0:
            break
        holes.remove(hole)
        holes += hole.halves(start)
        starts.append(start)
    return starts


def is_reliable(readings: Sequence[Reading]) -> bool:
    """Whether the readings are in order, and few of their files are in a second whose end is not known."""
    open_seconds = sum(len(one.runs) for one in readings if not one.has_whole_second)
    return all(one.is_in_order for one in readings) and open_seconds <= _MOST_OPEN * sum(
        len(one.runs) for one in readings
    )


@dataclass(frozen=True, slots=True)
class _Hole:
    """
    The seconds between two pieces.

    :param start: the first one.
    :param end: the second after the last one.
    :param before: files in a second before it.
    :param behind: files in a second behind it.
    """

    start: int
    end: int
    before: float
    behind: float

    @property
    def doubt(self) -> float:
        """How many files the estimate of it may be wrong by."""
        difference, both = abs(self.before - self.behind), self.before + self.behind
        return (self.end - self.start) * (difference / 2 + _DOUBT * both) if self.end - self.start > 1 else 0

    def place(self, number: int) -> int:
        return self.start + max(1, int((self.end - self.start) * _share(number)))

    def halves(self, start: int) -> tuple[_Hole, _Hole]:
        share = (start - self.start) / (self.end - self.start)
        between = self.before + (self.behind - self.before) * share
        return _Hole(self.start, start, self.before, between), _Hole(start, self.end, between, self.behind)


def _ends_of_holes(pieces: Sequence[Piece], horizon: int) -> Iterable[tuple[int, int, float, float]]:
    for before, behind in pairwise(pieces):
        yield before.end, behind.start, before.per_second, behind.per_second
    if pieces:
        yield pieces[-1].end, horizon + 1, pieces[-1].per_second, 0.0


def _share(number: int) -> float:
    return _EARLIEST_SHARE + _SPREAD * (number * _GOLDEN_RATIO % 1)


def second_of(moment: datetime) -> int:
    """Return the second of a time (aware), since 1970."""
    return int(moment.timestamp())


def moment_of(second: int) -> datetime:
    """Return the time of a second (aware, UTC)."""
    return datetime.fromtimestamp(second, UTC)


def _second(run: FileRun) -> int:
    return second_of(run.created_at) if run.created_at else 0
