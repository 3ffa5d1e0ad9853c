"""The inputs and outputs of a batch job: places in COS, derived from its record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

__all__ = ["CosPlace", "bucket_of_host", "encoded_key", "input_places", "output_places"]

# An object's documented address: <bucket>.cos.<region>.myqcloud.com (also cos-internal., .tencentcos.cn).
_COS_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9-]*)\.cos(-internal)?\.[a-z0-9-]+\.(myqcloud\.com|tencentcos\.cn)")

# Characters that RFC 3986 allows in a path and that people write unencoded, as in date=2026-01-01.
_SAFE = "/!$&'()*+,;=:@"

# The nodes of Input that name one file.
_FILES = ("Object", "Manifest", "UrlFile")

# Output has its object names in these nodes (docs/service.md, 2.4).
_OBJECT_NODES = ("Object", "AuObject", "SpriteObject")
_VARIABLE = "${"
_JOB_ID_VARIABLE = "${InventoryTriggerJobId}"


@dataclass(frozen=True, slots=True)
class CosPlace:
    """
    An object, or all objects with a common prefix.

    :param bucket: the bucket's long name, ``<name>-<APPID>``.
    :param key: the object's key, or the common prefix; empty for the whole bucket.
    """

    bucket: str
    key: str = ""

    @classmethod
    def from_uri(cls, uri: str) -> CosPlace:
        """Read ``cos://bucket/key``, percent-encoded as :attr:`uri` is."""
        parts = urlsplit(uri)
        return cls(parts.netloc, unquote(parts.path.removeprefix("/")))

    @property
    def uri(self) -> str:
        """The place as ``cos://bucket/key``: the key percent-encoded, without a slash at its end."""
        return f"cos://{self.bucket}/{encoded_key(self.name)}"

    @property
    def name(self) -> str:
        """The key without a slash at its end, since the slash does not change the place."""
        return self.key.rstrip("/")


def encoded_key(key: str) -> str:
    """Return a key as in a URI."""
    return quote(key, safe=_SAFE)


def bucket_of_host(host: str) -> str | None:
    """Return the bucket whose COS address ``host`` is; ``None`` if it is another host."""
    match = _COS_HOST.fullmatch(host.lower())
    return match["bucket"] if match else None


def input_places(record: Mapping[str, Any], bucket: str | None) -> list[CosPlace]:
    """
    Return the input of a job. For a manifest or a list of URLs it is that file: its content is not read.

    :param record: the job's record, by the service's node names.
    :param bucket: the bucket that the job was submitted to; without it only full URLs yield places.
    """
    nodes = _mapping(record, "Input")
    found = [_prefix(nodes.get("Prefix"), bucket), *(_object(nodes.get(name), bucket) for name in _FILES)]
    return [place for place in found if place is not None]


def output_places(record: Mapping[str, Any]) -> list[CosPlace]:
    """
    Return the output of a job of ``Type=Job``: the part of its ``Output`` before the first variable.

    A job of ``Type=Workflow`` has the outputs of its workflow, which are not in its record.

    :param record: the job's record, by the service's node names.
    """
    output = _mapping(_mapping(record, "Operation"), "Output")
    bucket = output.get("Bucket")
    if not isinstance(bucket, str) or not bucket:
        return []
    job_id = record.get("JobId")
    keys = (_known_start(name, job_id if isinstance(job_id, str) else "") for name in _object_names(output))
    return list(dict.fromkeys(CosPlace(bucket, key) for key in keys))


def _prefix(value: Any, bucket: str | None) -> CosPlace | None:
    if not isinstance(value, str) or not value or not bucket:
        return None
    return CosPlace(bucket, "" if value == "/" else value)


def _object(value: Any, bucket: str | None) -> CosPlace | None:
    """Return the place of a file, which is given as a key or as a full URL (docs/service.md, 2.2)."""
    if not isinstance(value, str) or not value:
        return None
    if not value.startswith(("http://", "https://")):
        return CosPlace(bucket, value) if bucket else None
    try:
        parts = urlsplit(value)
        of_url = bucket_of_host(parts.hostname or "")
    except ValueError:  # a key that only begins like a URL
        return CosPlace(bucket, value) if bucket else None
    return CosPlace(of_url, unquote(parts.path.removeprefix("/"))) if of_url else None


def _object_names(output: Mapping[str, Any]) -> Iterator[str]:
    streams = output.get("StreamExtract")
    several = streams if isinstance(streams, list) else [streams]
    for node in (output, *(one for one in several if isinstance(one, Mapping))):
        for name in _OBJECT_NODES:
            if isinstance(value := node.get(name), str) and value:
                yield value


def _known_start(name: str, job_id: str) -> str:
    """Return the folder of an object name up to its first variable; a name without a variable is returned unchanged."""
    if job_id:
        name = name.replace(_JOB_ID_VARIABLE, job_id)
    known, variable, _ = name.partition(_VARIABLE)
    return known if not variable else known[: known.rfind("/") + 1]


def _mapping(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}
