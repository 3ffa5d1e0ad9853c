"""
The rate limit of one endpoint: who may send when, at a rate that the service's answers decide.

The service documents no limit (docs/service.md, 2.9), so the rate is found as TCP finds it: it grows while the service
answers well, and halves when the service refuses (additive increase, multiplicative decrease). After a refusal it
returns to just below the refused rate within seconds, and probes slowly beyond, as CUBIC does (RFC 9438).
"""

from __future__ import annotations

import math
from datetime import datetime

from airflow_provider_tencent_ci.core.wire.messages import Priority

#: Requests per second before any answer is known.
START_PER_SECOND = 10.0

# No refusal makes it slower, so that a count still ends, and notices when the service has recovered.
_LEAST_PER_SECOND = 1.0
_MOST_PER_SECOND = 5_000.0

# Until the first refusal each good answer to a request that had to wait adds this: the rate grows exponentially.
_FAST_START = 3.0

# The rate returns to this share of the refused one in the first time, and grows by half in the second. Of the values
# that were tried in tests/core/wire/rate_simulation.py, these use most of the limit.
_JUST_BELOW = 0.95
_RETURN_SECONDS, _PROBE_SECONDS = 3.0, 30.0

# It returns to less if a lower rate than the last time was refused: then the limit is further down.
_FURTHER_DOWN, _CLEARLY_LOWER = 0.8, 0.93

# After a refusal, counts and lists pause for this long, and further refusals do not halve the rate again: a service
# that counts per second refuses the rest of its second.
_PAUSE_SECONDS = 0.3

# Good answers further apart do not use the rate.
_LONGEST_STEP_SECONDS = 1.0

# How many requests are sent at once after a rest: a second's requests. Of a count, and after a refusal, fewer: a
# service that allows no bursts would refuse them, which says nothing about the rate.
_BURST_SECONDS, _CAREFUL_BURST_SECONDS = 1.0, 0.1


class AdaptiveRate:
    """
    How many requests per second the service accepts.

    :ivar per_second: the rate now.
    """

    def __init__(self) -> None:
        self.per_second = START_PER_SECOND
        self._refused = math.inf  # the rate that was refused last
        self._plateau = math.inf
        self._lowest = START_PER_SECOND
        self._age_seconds = 0.0
        self._has_good_answer = True

    @property
    def was_refused(self) -> bool:
        """Whether the service has ever refused."""
        return self._refused < math.inf

    def note_good_answer(self) -> None:
        """Note that the service answers: the next refusal is about the rate, and not an outage that goes on."""
        self._has_good_answer = True

    def grow(self, seconds: float) -> None:
        """
        Grow after a good answer to a request that had to wait for its turn: only then the rate was used.

        :param seconds: since the last one.
        """
        if self.was_refused:
            self._age_seconds += min(seconds, _LONGEST_STEP_SECONDS)
            self.per_second = self._plateau * self._share_of_plateau()
        else:
            self.per_second += _FAST_START
        self.per_second = min(self.per_second, _MOST_PER_SECOND)

    def halve(self, refused: float) -> None:
        """
        Halve after a refusal.

        :param refused: the rate that was refused, in requests per second.
        """
        if self._has_good_answer:
            share = _FURTHER_DOWN if refused < self._refused * _CLEARLY_LOWER < math.inf else _JUST_BELOW
            self._refused, self._plateau = refused, max(_LEAST_PER_SECOND, refused * share)
        self.per_second = self._lowest = max(_LEAST_PER_SECOND, refused / 2)
        self._age_seconds, self._has_good_answer = 0.0, False

    def _share_of_plateau(self) -> float:
        """Return the rate as a share of the plateau: it grows steeply, then slowly around 1, then steeply."""
        beyond = self._age_seconds - _RETURN_SECONDS
        if beyond < 0:
            return 1 + (1 - self._lowest / self._plateau) * (beyond / _RETURN_SECONDS) ** 3
        return 1 + 0.5 * (beyond / _PROBE_SECONDS) ** 3


class RateLimit:
    """
    A token bucket with an adaptive rate, shared by all who send to an endpoint.

    Owners may set upper limits, of which the lowest counts; until the service refuses, such a limit is the rate.
    A request waits for those of its own and of a higher priority only. So while there are some of each, up to three
    times the rate is sent. A turn that was reserved and is given back goes to the next who asks.

    :param per_second: an upper limit; ``None`` if all limits come from :meth:`add_limit`.
    """

    def __init__(self, per_second: float | None = None) -> None:
        self._limits = [] if per_second is None else [per_second]
        self._rate = AdaptiveRate()
        # Times in seconds on an axis of its own, which never runs backwards.
        self._now = 0.0
        self._counted_at: datetime | None = None
        self._next_turns = dict.fromkeys(Priority, -math.inf)
        self._given_back: list[float] = []
        self._grew_at = 0.0
        self._halved_at = -math.inf
        # It counts the refusals. A turn is valid in the period in which it was reserved.
        self._period = 0

    @property
    def per_second(self) -> float:
        """Requests per second, now."""
        limit = min(self._limits, default=math.inf)
        if self._rate.was_refused or limit == math.inf:
            return min(limit, self._rate.per_second)
        return limit

    def add_limit(self, per_second: float) -> None:
        """Add an upper limit, as long as its owner sends."""
        self._limits.append(per_second)

    def remove_limit(self, per_second: float) -> None:
        """Remove a limit that was added."""
        self._limits.remove(per_second)

    def reserve(self, now: datetime, priority: Priority = Priority.NORMAL) -> Turn:
        """Reserve the next turn."""
        self._advance(now)
        interval = 1 / self.per_second
        earliest = self._now - max(0.0, self._burst_seconds(priority) - interval)  # after a rest
        self._given_back = sorted(turn for turn in self._given_back if turn >= earliest)
        at = max(self._next_turns[priority], earliest)
        if self._given_back and self._given_back[0] < at and priority is not Priority.URGENT:
            at = self._given_back.pop(0)
        else:
            self._next_turns[priority] = at
            for behind in range(priority, len(Priority)):
                self._next_turns[Priority(behind)] = max(self._next_turns[Priority(behind)], earliest) + interval
        return Turn(self, priority, at, self._period, max(0.0, round(at - self._now, 6)))

    def is_valid(self, turn: Turn) -> bool:
        """Whether the service has refused nothing since the turn was reserved."""
        return turn.period == self._period

    def answer(self, turn: Turn, now: datetime, *, is_refused: bool) -> None:
        """See :meth:`Turn.answered`."""
        self._advance(now)
        if not self.is_valid(turn):
            return
        if is_refused:
            if self._now >= self._halved_at + _PAUSE_SECONDS:
                self._refuse()
            return
        self._rate.note_good_answer()
        if turn.has_waited and self.per_second >= self._rate.per_second:
            self._rate.grow(self._now - self._grew_at)
            self._grew_at = self._now

    def give_back(self, turn: Turn) -> None:
        """See :meth:`Turn.give_back`."""
        if self.is_valid(turn):
            self._given_back.append(turn.at)

    def _refuse(self) -> None:
        """Halve the rate. All turns that are reserved are void, so that those who wait for one ask again."""
        self._rate.halve(self.per_second)
        self._period += 1
        self._next_turns, self._given_back = dict.fromkeys(Priority, self._now), []
        self._next_turns[Priority.BACKGROUND] += _PAUSE_SECONDS
        self._grew_at = self._halved_at = self._now

    def _burst_seconds(self, priority: Priority) -> float:
        is_careful = self._rate.was_refused or priority is Priority.BACKGROUND
        return _CAREFUL_BURST_SECONDS if is_careful else _BURST_SECONDS

    def _advance(self, now: datetime) -> None:
        """Note the time; a clock that was set back adds nothing, and takes nothing away."""
        if self._counted_at is not None:
            self._now += max(0.0, (now - self._counted_at).total_seconds())
        self._counted_at = now


class Turn:
    """
    The right to send one request.

    :param at: when, on the axis of its limit.
    :param period: the period of its limit in which it was reserved.
    :param wait_seconds: in how many seconds.
    """

    def __init__(self, limit: RateLimit, priority: Priority, at: float, period: int, wait_seconds: float) -> None:
        self._limit = limit
        self._priority = priority
        self.at = at
        self.period = period
        self.wait_seconds = wait_seconds
        self.has_waited = wait_seconds > 0

    def waited(self, now: datetime) -> Turn:
        """Return the turn after its wait: this one, or a later one if the service has refused others meanwhile."""
        if not self._limit.is_valid(self):
            return self._limit.reserve(now, self._priority)
        self.wait_seconds = 0.0
        return self

    def answered(self, now: datetime, *, is_refused: bool) -> None:
        """
        Adapt the rate to the answer of its request; not if the rate has been halved since it was reserved.

        :param is_refused: whether the service refused it because there are too many.
        """
        self._limit.answer(self, now, is_refused=is_refused)

    def give_back(self) -> None:
        """Give the turn back: its request will not be sent."""
        self._limit.give_back(self)
