"""
A list of objects for ``UrlFile``: the URL of one on each line (docs/service.md, 2.2).

The service does not document how it reads a URL in it. Percent-encoded, as everywhere else in COS, is assumed.

More objects than one list holds are divided into parts. The key of an object alone says which part it belongs to, as
soon as the number of parts is known. So a file that is found later moves no other file from one part to another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from math import ceil

from airflow_provider_tencent_ci.core.wire.signing import encode
from airflow_provider_tencent_ci.core.wire.texts import lone_surrogate
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

# Some 600,000 files with URLs of a usual length. The list is made, signed and sent from memory, in one request.
MAX_URL_LIST_BYTES = 64 * 1024 * 1024

# How full the largest part is: a retry may find a few files more.
_FULL = 0.9


def write_url_list(keys: Iterable[str], bucket: str, region: str, *, percent_encoded: bool = True) -> bytes:
    """
    Return the list of these objects: each once, in the order of their keys, so that the same files make the same bytes.

    :param keys: object keys; they are taken one by one.
    :param bucket: the bucket's long name.
    :param percent_encoded: ``False`` leaves keys as they are, for a service that does not decode them.
    :raises InvalidArgumentError: the list becomes longer than 64 MB, or a key with a line break cannot stand in it.
    """
    start = _start(bucket, region)
    written, room = bytearray(), MAX_URL_LIST_BYTES
    for key in sorted(set(keys)):
        line = f"{start}{_written(key, percent_encoded=percent_encoded)}\n".encode()
        if len(written) + len(line) > room:
            raise InvalidArgumentError(f"The list of files is longer than {room // 1024**2} MB, the most that is sent.")
        written += line
    return bytes(written)


def parts_needed(keys: Collection[str], bucket: str, region: str) -> int:
    """
    Return how many lists these objects need; 1 if one has room for all.

    :param keys: object keys, each once.
    :raises InvalidArgumentError: a key cannot stand in a list.
    """
    start = len(_start(bucket, region)) + 1
    lines = [(_number(key), start + len(_written(key, percent_encoded=True))) for key in keys]
    total = sum(length for _, length in lines)
    if total <= MAX_URL_LIST_BYTES:
        return 1
    parts = max(2, ceil(total / (_FULL * MAX_URL_LIST_BYTES)))
    while parts < len(lines) and not _fit(lines, parts):
        parts += 1
    return parts


def keys_of_part(keys: Iterable[str], part: int, parts: int) -> list[str]:
    """Return the objects of one part, from 1 on; the same object is in the same part, whatever the others are."""
    return [key for key in keys if _number(key) % parts == part - 1]


def _fit(lines: Iterable[tuple[int, int]], parts: int) -> bool:
    """Whether each part has room for its files, and the first one has any."""
    lengths = [0] * parts
    for number, length in lines:
        lengths[number % parts] += length
    return lengths[0] > 0 and max(lengths) <= _FULL * MAX_URL_LIST_BYTES


def _number(key: str) -> int:
    """Return a number that spreads keys evenly. Retries depend on it: it must never change."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8])


def _start(bucket: str, region: str) -> str:
    return f"https://{bucket}.cos.{region}.myqcloud.com/"


def _written(key: str, *, percent_encoded: bool) -> str:
    if lone_surrogate(key):
        raise InvalidArgumentError(f"The key {key!r} has half a character in it, which cannot be sent.")
    return _encoded(key) if percent_encoded else _on_one_line(key)


def _encoded(key: str) -> str:
    return "/".join(encode(segment) for segment in key.split("/"))


def _on_one_line(key: str) -> str:
    if "\n" in key or "\r" in key:
        raise InvalidArgumentError(f"The key {key!r} has a line break, which a list of files cannot have as it is.")
    return key
