"""The rate limit of one endpoint: who may send when."""

from __future__ import annotations

import math
from datetime import datetime


class TokenBucket:
    """
    A token bucket. After a rest it allows a burst of one second's requests, at least one.

    All who send to an endpoint share one bucket; the lowest of their limits counts. A turn that was reserved and is
    given back goes to the next who asks. Urgent requests wait for each other only, so while there are some, at most
    twice the limit is sent.

    :param per_second: requests per second; ``None`` if all limits come from :meth:`add_limit`.
    """

    def __init__(self, per_second: float | None = None) -> None:
        self._limits = [] if per_second is None else [per_second]
        # Times in seconds on an axis of its own, which never runs backwards.
        self._now = 0.0
        self._counted_at: datetime | None = None
        self._next_turn = self._next_urgent_turn = -math.inf
        self._given_back: list[float] = []

    def add_limit(self, per_second: float) -> None:
        """Add a limit, as long as its owner sends."""
        self._limits.append(per_second)

    def remove_limit(self, per_second: float) -> None:
        """Remove a limit that was added."""
        self._limits.remove(per_second)

    def reserve(self, now: datetime, *, is_urgent: bool = False) -> Turn:
        """Reserve the next turn."""
        self._advance(now)
        interval = 1 / min(self._limits)
        earliest = self._now - max(0.0, 1 - interval)  # for a burst, after a rest
        self._given_back = sorted(turn for turn in self._given_back if turn >= earliest)
        if is_urgent:
            turn = max(self._next_urgent_turn, earliest)
            self._next_urgent_turn = turn + interval
            self._next_turn = max(self._next_turn, earliest) + interval
        elif self._given_back:
            turn = self._given_back.pop(0)
        else:
            turn = max(self._next_turn, earliest)
            self._next_turn = turn + interval
        return Turn(self, turn, max(0.0, round(turn - self._now, 6)))

    def give_back(self, at: float) -> None:
        """See :meth:`Turn.give_back`."""
        self._given_back.append(at)

    def _advance(self, now: datetime) -> None:
        """Note the time; a clock that was set back adds nothing, and takes nothing away."""
        if self._counted_at is not None:
            self._now += max(0.0, (now - self._counted_at).total_seconds())
        self._counted_at = now


class Turn:
    """
    The right to send one request.

    :param at: when, on the axis of its bucket.
    :param wait_seconds: in how many seconds.
    """

    def __init__(self, bucket: TokenBucket, at: float, wait_seconds: float) -> None:
        self._bucket = bucket
        self._at = at
        self.wait_seconds = wait_seconds

    def give_back(self) -> None:
        """Give the turn back: its request will not be sent."""
        self._bucket.give_back(self._at)
