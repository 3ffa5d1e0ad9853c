"""
The delay before the next poll of a job: an adaptive schedule, not a backoff.

The delay is long while the job is not expected to end. It is short right after the start, when mistakes show, and
around the time at which earlier jobs of its kind ended.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

# The shortest delay, as a share of `poll_interval`. If the duration of jobs varies by 20 %, the end of a job is seen
# twice as early as with equal delays, for the same number of requests (docs/benchmarks.md).
_MIN_DELAY_SHARE = 1 / 10
_MIN_DELAY_SECONDS = 1.0

# Early on, the delay is this share of the job's age, since mistakes show within seconds.
_DELAY_SHARE_OF_AGE = 0.5

# Keeps many waits from polling at the same moments.
_JITTER_RANGE = (0.85, 1.0)

# A job is expected to end between these quantiles of the earlier durations.
_EARLY_QUANTILE, _LATE_QUANTILE = 0.05, 0.95

# The margin, as a share of the duration, if only one earlier job is known. It shrinks with more jobs.
_MARGIN_SHARE_OF_ONE_JOB = 0.5

# For a job that is overdue, the delay is this share of the time by which it is overdue.
_DELAY_SHARE_OF_OVERDUE = 0.1


@dataclass(frozen=True, slots=True)
class Expectation:
    """
    When a job is expected to end, in seconds since its creation.

    :param from_seconds: it hardly ends earlier.
    :param until_seconds: it hardly ends later.
    """

    from_seconds: float
    until_seconds: float

    @classmethod
    def of(cls, durations: Sequence[float]) -> Expectation | None:
        """
        Return the expectation from the durations of earlier jobs, in seconds; ``None`` if there are none.

        The shortest 5 % and the longest 5 % do not count. The fewer jobs there are, the wider is the margin.
        """
        if not durations:
            return None
        ordered, last = sorted(durations), len(durations) - 1
        margin = _MARGIN_SHARE_OF_ONE_JOB / math.sqrt(len(ordered))
        return cls(
            ordered[math.floor(last * _EARLY_QUANTILE)] * (1 - margin),
            ordered[math.ceil(last * _LATE_QUANTILE)] * (1 + margin),
        )


def poll_delay_seconds(poll_interval: float, age_seconds: float, expected: Expectation | None) -> float:
    """
    Return the delay before the next poll.

    :param poll_interval: seconds; the longest delay.
    :param age_seconds: since the job was created; a negative age counts as zero.
    :param expected: when the job is expected to end, if that is known.
    :return: seconds; a random part of up to 15 % is taken off.
    """
    min_delay = min(poll_interval, max(poll_interval * _MIN_DELAY_SHARE, _MIN_DELAY_SECONDS))
    delay = min(poll_interval, max(age_seconds * _DELAY_SHARE_OF_AGE, min_delay))
    if expected is not None:
        if age_seconds < expected.from_seconds:
            delay = min(delay, max(expected.from_seconds - age_seconds, min_delay))
        else:
            overdue_seconds = age_seconds - expected.until_seconds
            delay = min(poll_interval, max(overdue_seconds * _DELAY_SHARE_OF_OVERDUE, min_delay))
    return delay * random.uniform(*_JITTER_RANGE)  # noqa: S311 - spreads load, guards nothing
