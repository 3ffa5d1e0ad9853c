"""When a failed request is sent again: which errors, how often, after how long."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_tencent_ci.core.wire.service_errors import is_lasting, is_transient, was_refused
from airflow_provider_tencent_ci.exceptions import ApiError, TencentCIError

__all__ = ["NEVER", "READS", "SUBMISSIONS", "Repetition", "jittered", "retry_after_seconds"]


@dataclass(frozen=True, slots=True)
class Repetition:
    """
    A rule for repeating one request.

    :param may_repeat: judges the error.
    :param attempts: at most so many requests in all.
    :param first_seconds: the pause after the first failure; each further one doubles.
    :param longest_seconds: no pause is longer, except where the service asks for it.
    :param budget_seconds: no attempt begins later than this after the first one, whether the time went to pauses or
        to waiting for answers. A ``Retry-After`` beyond it ends the repeating.
    """

    may_repeat: Callable[[TencentCIError], bool]
    attempts: int = 6
    first_seconds: float = 1
    longest_seconds: float = 20
    budget_seconds: float = 60

    def pause_seconds(self, error: TencentCIError, attempt: int, spent_seconds: float) -> float | None:
        """
        Return how long to wait before the next attempt, or ``None`` to give up.

        :param attempt: how many requests have failed, from 1.
        :param spent_seconds: how long ago the first one began.
        """
        if attempt >= self.attempts or is_lasting(error) or not self.may_repeat(error):
            return None
        backoff = jittered(min(self.longest_seconds, self.first_seconds * 2 ** (attempt - 1)))
        pause = max(backoff, retry_after_seconds(error))
        return pause if spent_seconds + pause <= self.budget_seconds else None


def jittered(seconds: float) -> float:
    """Return between half and all of ``seconds``, so that many tasks do not ask in step."""
    return seconds * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing


def retry_after_seconds(error: object) -> float:
    """Return what the service asked to wait, in seconds; 0 if it did not, or if this is no error of its."""
    return (error.retry_after_seconds or 0) if isinstance(error, ApiError) else 0


# Requests that change nothing when repeated: list, get, cancel, and an upload of the same bytes.
READS = Repetition(is_transient)

# A submission is repeated only when the service surely did not read it.
SUBMISSIONS = Repetition(was_refused)

# For a caller that asks again anyway, such as the wait loop.
NEVER = Repetition(lambda _error: False, attempts=1)
