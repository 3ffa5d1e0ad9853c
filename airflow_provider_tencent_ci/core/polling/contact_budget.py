"""The budget for failed polls: how long the service may fail before a wait gives up."""

from __future__ import annotations

import math
from datetime import datetime

from airflow_provider_tencent_ci.exceptions import TencentCIError, TransportError


class ContactBudget:
    """
    The budget of one wait.

    :param timeout_seconds: for how many seconds there may be no usable answer.
    :param failing_since: when another process began to get no usable answer; ``None`` if it got one last.
    :ivar failing_since: when the first failure since the last usable answer was; ``None`` if there was none.
    """

    def __init__(self, timeout_seconds: float, failing_since: datetime | None = None) -> None:
        self._timeout_seconds = timeout_seconds
        self.failing_since = failing_since

    def answered(self) -> None:
        """Note a usable answer: the budget starts again."""
        self.failing_since = None

    def failed(self, now: datetime) -> float:
        """Note a failure; return for how many seconds there has been no usable answer."""
        self.failing_since = self.failing_since or now
        return (now - self.failing_since).total_seconds()

    def is_lost(self, failing_seconds: float) -> bool:
        """Whether the budget is used up."""
        return failing_seconds >= self._timeout_seconds

    def seconds_left(self, now: datetime) -> float:
        """Return for how many more seconds the service may fail; infinite while it answers."""
        if self.failing_since is None:
            return math.inf
        return self._timeout_seconds - (now - self.failing_since).total_seconds()


def as_poll_error(error: Exception) -> TencentCIError:
    """Return any exception as an error that a wait can judge; an unexpected one tells nothing about the job."""
    if isinstance(error, TencentCIError):
        return error
    return TransportError(f"{type(error).__name__}: {error}", request_sent=False)
