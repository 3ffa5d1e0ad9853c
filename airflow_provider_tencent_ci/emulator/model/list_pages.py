"""Filters and paging, which the lists of batches, executions and child jobs share (docs/service.md, 2.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Generic, Protocol, TypeVar

from airflow_provider_tencent_ci.emulator.model.switches import Lists
from airflow_provider_tencent_ci.emulator.protocol.answer_times import read_time, to_the_second
from airflow_provider_tencent_ci.emulator.protocol.error_answers import invalid_argument

__all__ = [
    "ALL_ENTRIES",
    "STATES",
    "Filters",
    "Page",
    "Query",
    "cut",
    "last_shown",
    "matches_name",
    "one_of",
    "paged",
    "read_number",
]

Query = Mapping[str, str]

STATES = frozenset({"Submitted", "Running", "Success", "Failed", "Pause", "Cancel"})
_DEFAULT_SIZE = 10
_MAX_SIZE = 100
_MAX_DIGITS = 18


class Entry(Protocol):
    """An entry of a list. Its number rises with the time of creation and never changes."""

    @property
    def sequence(self) -> int: ...


EntryT = TypeVar("EntryT", bound=Entry)


@dataclass(frozen=True, slots=True)
class Page(Generic[EntryT]):
    """
    One page of a list.

    :param next_token: ``NextToken``; ``None`` leaves the node out.
    """

    entries: Sequence[EntryT]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """
    The parameters of all lists. An empty parameter counts as missing (docs/service.md, 7.1).

    :param states: the wanted states; ``None``: all.
    :param earliest_at: the lower bound of the time of creation; ``None``: none.
    :param latest_at: the upper bound of the time of creation; ``None``: none.
    """

    states: frozenset[str] | None
    earliest_at: datetime | None
    latest_at: datetime | None
    size: int
    ascending: bool
    token: str

    @classmethod
    def read(cls, query: Query) -> Filters:
        """
        Read them from a query.

        :raises ServiceError: a parameter has a value that it cannot have.
        """
        return cls(
            states=_states(query.get("states", "")),
            earliest_at=_time(query, "startCreationTime"),
            latest_at=_time(query, "endCreationTime"),
            size=_size(query.get("size", "")),
            ascending=one_of(query, "orderByTime", ("Desc", "Asc")) == "Asc",
            token=query.get("nextToken", ""),
        )

    def admit(self, created_at: datetime, state: str) -> bool:
        """Return whether an entry is wanted; both bounds of the time of creation are inclusive."""
        shown_at = to_the_second(created_at)
        return (
            (self.states is None or state in self.states)
            and (self.earliest_at is None or shown_at >= self.earliest_at)
            and (self.latest_at is None or shown_at <= self.latest_at)
        )


def one_of(query: Query, name: str, words: Sequence[str]) -> str:
    """Return a parameter that must be one of ``words``; the default is the first of them."""
    value = query.get(name, "") or words[0]
    if value not in words:
        raise invalid_argument(f"{name} {value!r} is not one of {', '.join(word for word in words if word)}.")
    return value


def read_number(text: str) -> int | None:
    """Read a number of at most 18 digits; ``None`` for anything else."""
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None


def matches_name(wanted: str, name: str, lists: Lists) -> bool:
    """Compare a name with the parameter ``name`` by the switch ``name_filter``; an empty parameter matches all."""
    if not wanted or wanted == name:
        return True
    if lists.name_filter == "prefix":
        return name.startswith(wanted)
    return lists.name_filter == "fuzzy" and wanted.lower() in name.lower()


def paged(entries: Iterable[EntryT], filters: Filters, lists: Lists) -> Page[EntryT]:
    """
    Order entries by creation and return the page of ``nextToken``.

    A token is the number of the last entry shown, so that entries created between two pages do not shift the pages.
    """
    ordered = sorted(entries, key=lambda entry: entry.sequence, reverse=not filters.ascending)
    last = last_shown(filters, lists)
    return cut(ordered if last is None else _after(ordered, last, filters), filters, lists)


def last_shown(filters: Filters, lists: Lists) -> int | None:
    """
    Return the number of the last entry of the page before; ``None`` for the first page.

    :raises ServiceError: the token is not one of this service.
    """
    if lists.repeat_token or not filters.token:
        return None
    last = read_number(filters.token)
    if last is None:
        raise invalid_argument(f"nextToken {filters.token!r} was not given out by this service.")
    return last


def cut(rest: Iterable[EntryT], filters: Filters, lists: Lists) -> Page[EntryT]:
    """Return the first page of ordered entries; reads at most one entry more than the page holds."""
    size = (filters.size + 1) // 2 if lists.short_pages else filters.size
    found = list(islice(rest, size + 1))
    shown = found[:size]
    more = len(found) > size or lists.repeat_token or (lists.end_of_list == "extra_page" and bool(shown))
    if more and shown:
        return Page(shown, str(shown[-1].sequence))
    return Page(shown, "" if lists.end_of_list == "empty" else None)


def _after(ordered: Iterable[EntryT], last: int, filters: Filters) -> Iterable[EntryT]:
    return (entry for entry in ordered if (entry.sequence > last if filters.ascending else entry.sequence < last))


def _states(text: str) -> frozenset[str] | None:
    words = frozenset(word.strip() for word in text.split(",") if word.strip()) or frozenset({"All"})
    if unknown := sorted(words - STATES - {"All"}):
        raise invalid_argument(f"states: {', '.join(map(repr, unknown))} is not a state.")
    return None if "All" in words else words


def _time(query: Query, name: str) -> datetime | None:
    text = query.get(name, "")
    return read_time(name, text) if text else None


def _size(text: str) -> int:
    if not text:
        return _DEFAULT_SIZE
    size = read_number(text)
    if size is None or not 1 <= size <= _MAX_SIZE:
        raise invalid_argument(f"size {text!r} is not a number from 1 to {_MAX_SIZE}.")
    return size


ALL_ENTRIES = Filters.read({})
