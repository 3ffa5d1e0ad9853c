"""Sequences that compute an item when it is used: the files of a batch, which may be a million, are not in memory."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import TypeVar, overload

__all__ = ["Complement", "Joined", "LazySequence", "merge", "starting_with"]

ItemT = TypeVar("ItemT", covariant=True)


class LazySequence(Sequence[ItemT]):
    """A sequence that computes an item from its index; only :meth:`at` and ``len()`` have to be written."""

    @abstractmethod
    def at(self, index: int) -> ItemT:
        """Return the item at an index from 0 to ``len() - 1``."""

    @overload
    def __getitem__(self, index: int) -> ItemT: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[ItemT, ...]: ...

    def __getitem__(self, index: int | slice) -> ItemT | tuple[ItemT, ...]:
        if isinstance(index, slice):
            return tuple(map(self.at, range(len(self))[index]))
        return self.at(range(len(self))[index])

    def __iter__(self) -> Iterator[ItemT]:
        return map(self.at, range(len(self)))


class Joined(LazySequence[ItemT]):
    """
    Parts of sequences, one after another.

    :param parts: each a sequence, its first index and the index after its last one.
    """

    def __init__(self, parts: Iterable[tuple[Sequence[ItemT], int, int]]) -> None:
        self._parts = [part for part in parts if part[1] < part[2]]
        self._ends = list(accumulate(stop - start for _, start, stop in self._parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[ItemT]:
        return (items[index] for items, start, stop in self._parts for index in range(start, stop))

    def at(self, index: int) -> ItemT:
        """Return an item."""
        number = bisect_right(self._ends, index)
        items, _, stop = self._parts[number]
        return items[stop - (self._ends[number] - index)]


class Complement(LazySequence[int]):
    """
    The numbers from 0 to ``size - 1`` that are not among some others.

    :param others: in rising order.
    """

    def __init__(self, size: int, others: Sequence[int]) -> None:
        self._size = size
        self._others = others

    def __len__(self) -> int:
        return self._size - len(self._others)

    def at(self, index: int) -> int:
        """Return a number: before it are ``index`` of these numbers, and those of the others that are smaller."""
        others = self._others
        return index + bisect_right(range(len(others)), index, key=lambda number: others[number] - number)


def starting_with(prefix: str, keys: Sequence[str]) -> tuple[int, int]:
    """Return the first index of the keys that start with ``prefix``, and the index after the last; keys are sorted."""
    start = bisect_left(keys, prefix)
    return start, bisect_right(keys, False, start, key=lambda key: not key.startswith(prefix))


def merge(sources: Sequence[Sequence[str]]) -> Iterator[tuple[int, int, int]]:
    """
    Merge sorted keys of several sources; a key that several have counts for the first of these.

    Yields the number of a source, its first index and the index after its last one: few of them, if few keys of one
    source are between those of another.
    """
    at = [0] * len(sources)
    while heads := sorted((keys[at[number]], number) for number, keys in enumerate(sources) if at[number] < len(keys)):
        (key, first), *others = heads
        next_key = others[0][0] if others else None
        start, keys = at[first], sources[first]
        for number in (number for other, number in heads if other == key):
            at[number] += 1
        if next_key != key:
            at[first] = len(keys) if next_key is None else bisect_left(keys, next_key, start)
        yield first, start, at[first]
