"""Buckets with their objects, workflows and queues."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from uuid import uuid4

from airflow_provider_tencent_ci.emulator.model.object_store import Objects, StoredObject
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.emulator.model.failing_files import FailingFiles

__all__ = ["Bucket", "Queue", "StoredObject", "Workflow", "new_id"]

# Any text after the scheme passes: a file of URLs may contain anything. (urlsplit refuses some hosts, and drops tabs.)
_URL = re.compile(r"https?://[^/?#]*(?P<path>[^?#]*)")


def new_id(prefix: str) -> str:
    """Return an identifier in CI's shape, such as ``b`` and 32 hex digits for a batch (docs/service.md, 1.5)."""
    return f"{prefix}{uuid4().hex}"


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
    :param failed: how often objects have failed besides: a test may let them begin with some failures.
    :param failing: the batches so far that chose files to fail, oldest first.
    """

    name: str
    region: str
    bound: bool = True
    has_role: bool = True
    behaviour: Behaviour | None = None
    objects: Objects = field(default_factory=Objects)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    failing: list[FailingFiles] = field(default_factory=list)

    @property
    def default_queue(self) -> Queue:
        """The queue of a job without ``QueueId``: the first one."""
        return next(iter(self.queues.values()))

    def forget_failures(self) -> None:
        """Let files of later batches fail ``failing_times`` again."""
        self.failed = Counter()
        self.failing = []  # earlier batches keep the list that they count in

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
