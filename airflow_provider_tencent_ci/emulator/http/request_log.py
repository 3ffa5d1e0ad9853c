"""The requests that came in: a record of each while there is room, and a count of all."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["MAX_BODY_BYTES", "MAX_REQUESTS", "RecordedRequest", "RequestLog"]

#: How many requests are recorded. The oldest is dropped when one more comes in.
MAX_REQUESTS = 10_000
#: How many bytes the bodies of the recorded requests have in all. The oldest requests are dropped when a body does not
#: fit. The newest request always stays, even if its body alone is larger.
MAX_BODY_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class RecordedRequest:
    """
    A request that came in.

    :param operation: such as ``create``; ``unknown`` if the service has no such address.
    :param method: the HTTP method.
    :param path: decoded.
    :param query: as it was sent.
    :param host: ``Host`` as it was sent.
    :param at: when it came in (aware, UTC), by the clock that jobs go by.
    :param body: the bytes that were sent.
    :param fault: the kind of the fault that the request met; ``None``: it met none.
    :param status: the HTTP status sent; ``None`` while there is none, and for a connection that was reset.
    :param authorization: as it was sent, for a test that searches other places for it.
    """

    operation: str
    method: str
    path: str
    query: str
    host: str
    at: datetime
    body: bytes
    fault: str | None
    status: int | None = None
    authorization: str = field(default="", repr=False)


class RequestLog:
    """
    The records of the newest requests, within two limits, and the counts of all requests.

    :param max_requests: how many requests are recorded.
    :param max_body_bytes: how many bytes their bodies have in all.
    """

    def __init__(self, max_requests: int = MAX_REQUESTS, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_requests = max_requests
        self._max_body_bytes = max_body_bytes
        self._records: deque[RecordedRequest] = deque()
        self._body_bytes = 0
        #: How many requests of each operation have come in, those included whose records were dropped.
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[RecordedRequest]:
        return iter(self._records)

    def add(self, record: RecordedRequest) -> None:
        """Record and count a request, and drop the oldest records that no longer fit."""
        self.counts[record.operation] += 1
        self._records.append(record)
        self._body_bytes += len(record.body)
        while len(self._records) > 1 and self._is_too_large():
            self._body_bytes -= len(self._records.popleft().body)

    def clear(self) -> None:
        """Forget all records and counts."""
        self._records.clear()
        self._body_bytes = 0
        self.counts.clear()

    def _is_too_large(self) -> bool:
        return len(self._records) > self._max_requests or self._body_bytes > self._max_body_bytes
