"""A limit on requests per second."""

from __future__ import annotations

from datetime import datetime, timedelta


class TokenBucket:
    """
    Hands out turns, so many a second; after a rest as many at once as a second has, but at least one.

    :param per_second: how many.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second)
        self._tokens = self._most
        self._counted_at: datetime | None = None

    def reserve(self, now: datetime) -> float:
        """Take the next free turn, and return in how many seconds it comes; turns taken earlier come earlier."""
        passed = now - self._counted_at if self._counted_at else timedelta(0)
        # A clock that was set back gives nothing, and takes nothing away.
        self._tokens = min(self._most, self._tokens + max(0.0, passed.total_seconds()) * self._per_second)
        self._counted_at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._per_second)
