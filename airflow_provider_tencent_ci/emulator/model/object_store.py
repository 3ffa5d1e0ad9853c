"""
The objects of a bucket.

Objects that are numbered (``media/0001.mp4`` and so on) are one series, and are made when they are used. A million of
them cost no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from airflow_provider_tencent_ci.emulator.model.lazy_sequences import Joined, LazySequence, merge, starting_with

__all__ = ["NumberedKeys", "ObjectSeries", "Objects", "StoredObject"]

_MIN_DIGITS = 4
_SUFFIX = ".mp4"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """
    An object in a bucket.

    :param key: the object key, without a leading slash.
    :param size: its size in bytes.
    :param last_modified_at: when it was uploaded (aware, UTC).
    :param content: its bytes, if the emulator needs them: those of URL files, manifests and uploads.
    """

    key: str
    size: int
    last_modified_at: datetime
    content: bytes = b""


class NumberedKeys(LazySequence[str]):
    """
    The keys ``<prefix>0001.mp4`` and so on, in sorted order.

    All numbers have as many digits as the last one, four at least.

    :param count: how many.
    """

    def __init__(self, prefix: str, count: int) -> None:
        self._prefix = prefix
        self._count = count
        self._digits = max(_MIN_DIGITS, len(str(count)))

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str) or not key.startswith(self._prefix):
            return False
        digits = key[len(self._prefix) : -len(_SUFFIX)]
        number = int(digits) if digits.isdecimal() and digits.isascii() and len(digits) == self._digits else 0
        return 1 <= number <= self._count and self.at(number - 1) == key

    def at(self, index: int) -> str:
        """Return a key."""
        return f"{self._prefix}{index + 1:0{self._digits}}{_SUFFIX}"

    def covers(self, other: NumberedKeys) -> bool:
        """Return whether all keys of another series are among these."""
        return not other or (other[0] in self and other[-1] in self)


class ObjectSeries(LazySequence[StoredObject]):
    """
    Numbered objects that are alike apart from their keys.

    :param sample: the values of each of them; its own key does not count.
    """

    def __init__(self, keys: NumberedKeys, sample: StoredObject) -> None:
        self.keys = keys
        self._sample = sample

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, index: int) -> StoredObject:
        """Return an object."""
        return self.named(self.keys.at(index))

    def named(self, key: str) -> StoredObject:
        """Return the object with a key of the series."""
        return StoredObject(key, self._sample.size, self._sample.last_modified_at, self._sample.content)


class Objects(MutableMapping[str, StoredObject]):
    """
    The objects of a bucket by their keys.

    An object of its own hides the numbered one of the same key, and a series those of the series before.
    """

    def __init__(self) -> None:
        self._own: dict[str, StoredObject] = {}
        self._series: tuple[ObjectSeries, ...] = ()  # the newest first
        self._removed: set[str] = set()  # of a series

    def __getitem__(self, key: str) -> StoredObject:
        if key in self._own:
            return self._own[key]
        return self._series_with(key).named(key)

    def __contains__(self, key: object) -> bool:
        return key in self._own or (key not in self._removed and any(key in series.keys for series in self._series))

    def __setitem__(self, key: str, stored: StoredObject) -> None:
        self._own[key] = stored
        self._removed.discard(key)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._own.pop(key, None)
        if any(key in series.keys for series in self._series):
            self._removed.add(key)

    def __iter__(self) -> Iterator[str]:
        for series in reversed(self._series):
            yield from (key for key in series.keys if key not in self._own and self._comes_from(key, series))
        yield from self._own

    def __len__(self) -> int:
        return len(self.select("", lambda _: True)) if self._series else len(self._own)

    def add_series(self, series: ObjectSeries) -> None:
        """Add numbered objects, and replace those of the same keys."""
        for key in [key for key in self._own if key in series.keys]:
            del self._own[key]
        self._removed -= {key for key in self._removed if key in series.keys}
        self._series = (series, *(old for old in self._series if not series.keys.covers(old.keys)))

    def select(self, prefix: str, wanted: Callable[[StoredObject], bool]) -> Sequence[str]:
        """
        Return the keys of the objects that start with ``prefix`` and are wanted, in sorted order.

        Later changes do not change them.

        :param wanted: is asked about each object of its own, and about one of each series.
        """
        layers = [*self._own_layers(prefix, wanted), *self._series_layers(prefix, wanted)]
        keys = [layer.keys for layer in layers]
        return Joined((keys[number], start, stop) for number, start, stop in merge(keys) if layers[number].shows)

    def _own_layers(self, prefix: str, wanted: Callable[[StoredObject], bool]) -> Iterator[_Layer]:
        """Yield the objects that are wanted, and the keys that are not, which hide the numbered ones."""
        own = [stored for stored in self._own.values() if stored.key.startswith(prefix)]
        shown = {stored.key for stored in own if wanted(stored)}
        removed = {key for key in self._removed if key.startswith(prefix)}
        yield _Layer(sorted(shown), True)
        yield _Layer(sorted(removed.union(stored.key for stored in own) - shown), False)

    def _series_layers(self, prefix: str, wanted: Callable[[StoredObject], bool]) -> Iterator[_Layer]:
        for series in self._series:
            start, stop = starting_with(prefix, series.keys)
            yield _Layer(Joined([(series.keys, start, stop)]), start < stop and wanted(series.at(start)))

    def _series_with(self, key: str) -> ObjectSeries:
        for series in self._series:
            if self._comes_from(key, series):
                return series
        raise KeyError(key)

    def _comes_from(self, key: str, series: ObjectSeries) -> bool:
        """Return whether a key that is no object's own is of this series, and not of a newer one."""
        newest = next((one for one in self._series if key in one.keys), None)
        return newest is series and key not in self._removed


class _Layer(NamedTuple):
    """
    Sorted keys of one origin.

    :param shows: whether the keys are wanted; if not, they only hide those of the layers after it.
    """

    keys: Sequence[str]
    shows: bool
