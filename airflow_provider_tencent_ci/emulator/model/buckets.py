"""Buckets with their objects, workflows and queues."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, unquote
from uuid import uuid4

from airflow_provider_tencent_ci.emulator.model.settings import Behaviour

__all__ = ["Bucket", "Queue", "StoredObject", "Workflow", "new_id"]

# Any text after the scheme passes: a file of URLs may contain anything. (urlsplit refuses some hosts, and drops tabs.)
_URL = re.compile(r"https?://[^/?#]*(?P<path>[^?#]*)")


def new_id(prefix: str) -> str:
    """Return an identifier in CI's shape, such as ``b`` and 32 hex digits for a batch (docs/service.md, 1.5)."""
    return f"{prefix}{uuid4().hex}"


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


@dataclass(slots=True)
class Queue:
    """A processing queue; ``Active`` or ``Paused`` (docs/service.md, 3.5)."""

    queue_id: str
    name: str
    created_at: datetime
    paused: bool = False

    @property
    def state(self) -> str:
        """The service's word."""
        return "Paused" if self.paused else "Active"


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow with one node per entry of ``nodes``; ``Active`` or ``Paused`` (docs/service.md, 3.6)."""

    workflow_id: str
    name: str
    created_at: datetime
    active: bool = True
    nodes: tuple[str, ...] = ("Transcode",)

    @property
    def state(self) -> str:
        """The service's word."""
        return "Active" if self.active else "Paused"


@dataclass(slots=True)
class Bucket:
    """
    One bucket in one region.

    :param name: the long name, such as ``examplebucket-1250000000``.
    :param region: such as ``ap-beijing``.
    :param bound: whether it is bound to CI; if not, every call fails.
    :param has_role: whether CI's service role exists.
    :param behaviour: this bucket's own switches; ``None``: the server's.
    :param failed: how often each object has failed so far.
    """

    name: str
    region: str
    bound: bool = True
    has_role: bool = True
    behaviour: Behaviour | None = None
    objects: dict[str, StoredObject] = field(default_factory=dict)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def default_queue(self) -> Queue:
        """The queue of a job without ``QueueId``: the first one."""
        return next(iter(self.queues.values()))

    def object_url(self, key: str) -> str:
        """Return the URL of an object in the form of URL files and old samples."""
        return f"https://{self.name}.cos.{self.region}.myqcloud.com/{quote(key)}"

    def key_of(self, name: str) -> str:
        """Return the key for a key or an object URL; samples use both (docs/service.md, 2.2)."""
        url = _URL.match(name)
        return (unquote(url["path"]) if url else name).lstrip("/")

    def find(self, name: str) -> StoredObject | None:
        """Return the object with this key or URL."""
        return self.objects.get(self.key_of(name))

    def with_prefix(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below ``prefix`` by key; ``/`` and an empty prefix mean the whole bucket."""
        wanted = prefix.lstrip("/")
        return (self.objects[key] for key in sorted(self.objects) if key.startswith(wanted))
