"""The files of a batch: the meaning of ``Input`` and ``TimeInterval`` (docs/service.md, 2.2 and 2.3)."""

from __future__ import annotations

import csv
import gzip
import io
import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, StoredObject
from airflow_provider_tencent_ci.emulator.model.create_request import JobRequest
from airflow_provider_tencent_ci.emulator.model.lazy_sequences import LazySequence
from airflow_provider_tencent_ci.emulator.model.switches import IntervalBounds, RequestRules
from airflow_provider_tencent_ci.emulator.protocol.answer_times import to_the_second
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError

__all__ = ["InputFile", "InputFiles", "select_files"]

_DEFAULT_SCHEMA = "Bucket, Key"


class InputFile(NamedTuple):
    """A file of a batch; URL files and manifests may name objects that do not exist."""

    key: str
    exists: bool


class InputFiles(LazySequence[InputFile]):
    """
    The files of a batch, in the order of their selection.

    :param keys: their keys, each once.
    :param missing: those of objects that do not exist.
    :param is_sorted: whether the keys are in sorted order.
    """

    def __init__(self, keys: Sequence[str], missing: frozenset[str] = frozenset(), *, is_sorted: bool = False) -> None:
        self.keys = keys
        self.missing = missing
        self._is_sorted = is_sorted

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, index: int) -> InputFile:
        """Return a file."""
        key = self.keys[index]
        return InputFile(key, key not in self.missing)

    def index_of(self, key: str) -> int | None:
        """Return the index of a file; ``None`` if it is not one of them."""
        if not self._is_sorted:
            return self._indexes.get(key)
        index = bisect_left(self.keys, key)
        return index if index < len(self.keys) and self.keys[index] == key else None

    @cached_property
    def _indexes(self) -> Mapping[str, int]:
        return {key: index for index, key in enumerate(self.keys)}


def select_files(bucket: Bucket, request: JobRequest, rules: RequestRules) -> InputFiles:
    """
    Return the files of a batch in the order of their selection; each file once.

    The files below one prefix are computed when they are used; the keys of other inputs are in memory.

    :raises ServiceError: the named object, URL file or manifest does not exist or cannot be read (assumed: the service
        refuses the create request).
    """
    found: list[Sequence[str]] = []
    for kind, value in request.inputs.items():
        if kind == "Prefix":
            found.append(_by_prefix(bucket, value, request, rules.interval_bounds))
        else:
            keys = _SELECT[kind](bucket, value)
            if kind == "Object" and rules.interval_for_all:
                keys = (key for key in keys if _in_interval(bucket.objects[key], request, rules.interval_bounds))
            found.append(list(dict.fromkeys(keys)))
    if list(request.inputs) == ["Prefix"]:
        return InputFiles(found[0], is_sorted=True)
    once = list(dict.fromkeys(chain.from_iterable(found)))
    return InputFiles(once, frozenset(key for key in once if key not in bucket.objects))


def _in_interval(found: StoredObject, request: JobRequest, bounds: IntervalBounds) -> bool:
    start, end = request.interval
    uploaded_at = to_the_second(found.last_modified_at)
    if uploaded_at in (start, end):
        return all(bounds in ("both", name) for name, time in (("start", start), ("end", end)) if uploaded_at == time)
    return (start is None or uploaded_at > start) and (end is None or uploaded_at < end)


def _by_prefix(bucket: Bucket, prefix: str, request: JobRequest, bounds: IntervalBounds) -> Sequence[str]:
    """Return the keys below a prefix; ``/`` and an empty one mean the whole bucket (docs/service.md, 2.2)."""
    return bucket.objects.select("" if prefix == "/" else prefix, lambda stored: _in_interval(stored, request, bounds))


def _by_object(bucket: Bucket, name: str) -> Iterator[str]:
    yield _existing(bucket, "Object", name).key


def _by_url_file(bucket: Bucket, name: str) -> Iterator[str]:
    """Yield the keys of the lines, which end with a line feed only: a key may have other line separators and blanks."""
    lines = _existing(bucket, "UrlFile", name).content.decode("utf-8", errors="replace").split("\n")
    return (bucket.key_of(line.removesuffix("\r")) for line in lines if line.strip())


def _by_manifest(bucket: Bucket, name: str) -> Iterator[str]:
    content = _existing(bucket, "Manifest", name).content
    try:
        return iter(list(_manifest_keys(bucket, json.loads(content))))
    except (ValueError, KeyError, TypeError, OSError, EOFError):
        raise ServiceError(
            400, "ResourceNotSupported", f"Request.Input.Manifest {name!r} is not an inventory's manifest.json."
        ) from None


def _manifest_keys(bucket: Bucket, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a COS inventory, or of a manifest that lists the objects themselves in ``files``."""
    for entry in manifest["files"]:
        key = entry["key"]
        if key.endswith((".csv", ".csv.gz")):
            yield from _inventory_keys(_existing(bucket, "Manifest", key), manifest)
        else:
            yield bucket.key_of(key)


def _inventory_keys(inventory: StoredObject, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield the column ``Key`` of one CSV file; keys are not decoded (assumed)."""
    columns = [column.strip() for column in str(manifest.get("fileSchema", _DEFAULT_SCHEMA)).split(",")]
    content = gzip.decompress(inventory.content) if inventory.key.endswith(".gz") else inventory.content
    return (row["Key"] for row in csv.DictReader(io.StringIO(content.decode("utf-8")), fieldnames=columns))


def _existing(bucket: Bucket, kind: str, name: str) -> StoredObject:
    found = bucket.find(name)
    if found is None:
        raise ServiceError(400, "ResourceNotFound", f"Request.Input.{kind}: there is no object {name!r}.")
    return found


_SELECT: Mapping[str, Callable[[Bucket, str], Iterator[str]]] = {
    "Object": _by_object,
    "UrlFile": _by_url_file,
    "Manifest": _by_manifest,
}
