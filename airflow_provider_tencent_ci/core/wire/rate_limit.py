"""The rate limit: a token bucket for requests per second."""

from __future__ import annotations

from datetime import datetime, timedelta


class TokenBucket:
    """
    A token bucket. After a rest it allows a burst of one second's requests, at least one.

    :param per_second: requests per second.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._max_tokens = max(1.0, per_second)
        self._tokens = self._max_tokens
        self._counted_at: datetime | None = None

    def reserve(self, now: datetime) -> float:
        """Reserve the next request, and return in how many seconds it may be sent."""
        passed = now - self._counted_at if self._counted_at else timedelta(0)
        # A clock that was set back adds no tokens, and takes none away.
        self._tokens = min(self._max_tokens, self._tokens + max(0.0, passed.total_seconds()) * self._per_second)
        self._counted_at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._per_second)
