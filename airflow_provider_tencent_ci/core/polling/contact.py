"""How long a service may fail before a wait gives up; the same rule for all who wait."""

from __future__ import annotations

import math
from datetime import datetime

from airflow_provider_tencent_ci.exceptions import TencentCIError, TransportError


class ContactBudget:
    """
    The budget of one wait: how long there was no usable answer, and how long there may be none.

    :param timeout_seconds: how long.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._failing_since: datetime | None = None

    def answered(self) -> None:
        """Take note of a usable answer: the budget is whole again."""
        self._failing_since = None

    def failed(self, now: datetime) -> float:
        """Take note of a failure; return for how many seconds there has been no usable answer."""
        self._failing_since = self._failing_since or now
        return (now - self._failing_since).total_seconds()

    def is_lost(self, failing_seconds: float) -> bool:
        """Whether that is too long."""
        return failing_seconds >= self._timeout_seconds

    def seconds_left(self, now: datetime) -> float:
        """Return how long the service may go on failing; without end while it does not."""
        if self._failing_since is None:
            return math.inf
        return self._timeout_seconds - (now - self._failing_since).total_seconds()


def as_poll_error(error: Exception) -> TencentCIError:
    """Return any error as one that a wait can judge: what is none of the service's says as little about the job."""
    if isinstance(error, TencentCIError):
        return error
    return TransportError(f"{type(error).__name__}: {error}", request_sent=False)
