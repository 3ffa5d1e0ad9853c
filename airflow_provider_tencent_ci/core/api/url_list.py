"""
A list of objects for ``UrlFile``: the URL of one on each line (docs/service.md, 2.2).

The service does not document how it reads a URL in it. Percent-encoded, as everywhere else in COS, is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_tencent_ci.core.wire.signing import encode
from airflow_provider_tencent_ci.core.wire.texts import lone_surrogate
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

# Some 600,000 files with URLs of a usual length. The list is made, signed and sent from memory, in one request.
MAX_URL_LIST_BYTES = 64 * 1024 * 1024


def write_url_list(keys: Iterable[str], bucket: str, region: str, *, percent_encoded: bool = True) -> bytes:
    """
    Return the list of these objects: each once, in the order of their keys, so that the same files make the same bytes.

    :param keys: object keys; they are taken one by one.
    :param bucket: the bucket's long name.
    :param percent_encoded: ``False`` leaves keys as they are, for a service that does not decode them.
    :raises InvalidArgumentError: the list becomes longer than 64 MB, or a key with a line break cannot stand in it.
    """
    start = f"https://{bucket}.cos.{region}.myqcloud.com/"
    written, room = bytearray(), MAX_URL_LIST_BYTES
    for key in sorted(set(keys)):
        if lone_surrogate(key):
            raise InvalidArgumentError(f"The key {key!r} has half a character in it, which cannot be sent.")
        line = f"{start}{_encoded(key) if percent_encoded else _on_one_line(key)}\n".encode()
        if len(written) + len(line) > room:
            raise InvalidArgumentError(f"The list of files is longer than {room // 1024**2} MB, the most that is sent.")
        written += line
    return bytes(written)


def _encoded(key: str) -> str:
    return "/".join(encode(segment) for segment in key.split("/"))


def _on_one_line(key: str) -> str:
    if "\n" in key or "\r" in key:
        raise InvalidArgumentError(f"The key {key!r} has a line break, which a list of files cannot have as it is.")
    return key
