"""
When to ask about a job again.

Seldom, as long as nothing is expected; more often right after the start, when a mistake shows, and around the time at
which earlier jobs of its kind have ended.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

# Of `poll_interval`: fine enough that a job whose length varies by a fifth is seen to end in half the time that equal
# steps would take, for the same number of requests (docs/benchmarks.md).
_SHARPEST_SHARE = 1 / 10
_SHARPEST_SECONDS = 1.0

# A job as old as half a step is looked at again after that: mistakes end a job within seconds, and not much later.
_OF_ITS_AGE = 0.5

# Lest many who wait ask in step.
_JITTER = (0.85, 1.0)

# Of the jobs before, so many ended neither before nor after what is expected.
_EARLY_SHARE, _LATE_SHARE = 0.05, 0.95

# How far one single earlier job is trusted; more of them say more.
_MARGIN_SHARE = 0.5

# The longer a job is overdue, the less is known of its end.
_OF_ITS_DELAY = 0.1


@dataclass(frozen=True, slots=True)
class Expectation:
    """
    When a job will end, as far as earlier ones tell: at an age between two, in seconds since its creation.

    :param from_seconds: hardly earlier.
    :param until_seconds: hardly later.
    """

    from_seconds: float
    until_seconds: float

    @classmethod
    def of(cls, durations: Sequence[float]) -> Expectation | None:
        """
        Return what to expect after jobs that took so long, in seconds; ``None`` after none.

        All but the shortest and the longest twentieth count, and the fewer there are, the wider a margin.
        """
        if not durations:
            return None
        ordered, last = sorted(durations), len(durations) - 1
        margin = _MARGIN_SHARE / math.sqrt(len(ordered))
        return cls(
            ordered[math.floor(last * _EARLY_SHARE)] * (1 - margin),
            ordered[math.ceil(last * _LATE_SHARE)] * (1 + margin),
        )


def poll_delay_seconds(poll_interval: float, age_seconds: float, expected: Expectation | None) -> float:
    """
    Return how long to wait before the next question.

    :param poll_interval: seconds; the longest step.
    :param age_seconds: since the job was created; below zero, by a second or so, counts as zero.
    :param expected: when it will end, if that is known.
    :return: seconds; a random part of up to 15 % is taken off.
    """
    sharpest = min(poll_interval, max(poll_interval * _SHARPEST_SHARE, _SHARPEST_SECONDS))
    step = min(poll_interval, max(age_seconds * _OF_ITS_AGE, sharpest))
    if expected is not None:
        if age_seconds < expected.from_seconds:
            step = min(step, max(expected.from_seconds - age_seconds, sharpest))
        else:
            overdue_seconds = age_seconds - expected.until_seconds
            step = min(poll_interval, max(overdue_seconds * _OF_ITS_DELAY, sharpest))
    return step * random.uniform(*_JITTER)  # noqa: S311 - spreads load, guards nothing
