"""Retries and backoff of one request: how often, after how long (which errors: ``retryable_errors.py``)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, pause, send
from airflow_provider_tencent_ci.core.wire.messages import Flow, Request, Response
from airflow_provider_tencent_ci.core.wire.retryable_errors import (
    is_permanent,
    is_refused_as_too_many,
    is_transient,
    was_not_executed,
)
from airflow_provider_tencent_ci.core.wire.service_errors import classify, request_id_of
from airflow_provider_tencent_ci.exceptions import ApiError, TencentCIError, TransportError, UnreadableResponseError

ResultT = TypeVar("ResultT")

_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class RequestRetry:
    """
    A retry policy for one request.

    In this package a task is retried by Airflow, a request by this policy.

    :param may_retry: judges the error.
    :param attempts: the highest number of requests.
    :param first_backoff_seconds: the pause after the first failure; it doubles with each further failure.
    :param max_backoff_seconds: no pause is longer, except for a longer ``Retry-After``.
    :param budget_seconds: no attempt starts later than this after the first one; pauses and waits for answers both
        count. A ``Retry-After`` beyond it ends the retries.
    :param refused_budget_seconds: the budget while the service answers that there are too many requests; then the
        number of attempts is not limited. By default these answers count as any other error.
    """

    may_retry: Callable[[TencentCIError], bool]
    attempts: int = 6
    first_backoff_seconds: float = 1
    max_backoff_seconds: float = 20
    budget_seconds: float = 60
    refused_budget_seconds: float | None = None

    def backoff_seconds(self, error: TencentCIError, attempt: int, spent_seconds: float) -> float | None:
        """
        Return the backoff before the next attempt, in seconds; ``None`` to give up.

        :param attempt: how many requests have failed, from 1.
        :param spent_seconds: how long ago the first one started.
        """
        most, budget = self._limits(error)
        if attempt >= most or is_permanent(error) or not self.may_retry(error):
            return None
        doubled = self.first_backoff_seconds * 2 ** min(attempt - 1, _MOST_DOUBLINGS)
        pause = max(jittered(min(self.max_backoff_seconds, doubled)), retry_after_seconds(error))
        return pause if spent_seconds + pause <= budget else None

    def _limits(self, error: TencentCIError) -> tuple[float, float]:
        """Return how many attempts, and how many seconds."""
        if self.refused_budget_seconds is not None and is_refused_as_too_many(error):
            return math.inf, self.refused_budget_seconds
        return self.attempts, self.budget_seconds


# Idempotent requests: list, get, cancel, and an upload of the same bytes.
RETRY_IDEMPOTENT = RequestRetry(is_transient)

# A request of a count or a list: one that the service refuses for minutes must not end the whole count.
RETRY_LONG = RequestRetry(is_transient, refused_budget_seconds=900)

# A submission is sent again only if the service certainly did not execute it.
RETRY_IF_NOT_EXECUTED = RequestRetry(was_not_executed)

# For a caller that polls again anyway, such as a wait.
NO_RETRY = RequestRetry(lambda _error: False, attempts=1)


def check_nothing() -> None:
    """Let a request be sent at any time."""


def send_with_retry(
    request: Request,
    read: Callable[[Response], ResultT],
    retry: RequestRetry = RETRY_IDEMPOTENT,
    *,
    check_before_send: Callable[[], None] = check_nothing,
) -> Flow[ResultT]:
    """
    Send one request, retry it by the policy, and read the answer.

    :param check_before_send: raises if the request must not be sent any more; called before each attempt.

    :raises ApiError: the service's error, or an answer that ``read`` cannot read.
    :raises TransportError: no answer.
    """
    began_at, attempt = (yield from current_time()), 0
    while True:
        attempt += 1
        check_before_send()
        try:
            return (yield from _send_once(request, read))
        except (ApiError, TransportError) as error:
            now = yield from current_time()
            backoff_seconds = retry.backoff_seconds(error, attempt, (now - began_at).total_seconds())
            if backoff_seconds is None:
                raise
        yield from pause(backoff_seconds)


def jittered(seconds: float) -> float:
    """Return between half and all of ``seconds``, so that many tasks do not send requests at the same moments."""
    return seconds * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing


def retry_after_seconds(error: object) -> float:
    """Return the ``Retry-After`` of an error, in seconds; 0 if it has none."""
    return (error.retry_after_seconds or 0) if isinstance(error, ApiError) else 0


def _send_once(request: Request, read: Callable[[Response], ResultT]) -> Flow[ResultT]:
    response = yield from send(request)
    try:
        if (failure := classify(response)) is not None:
            raise failure
        return read(response)
    except (ApiError, TransportError) as error:
        error.place = response.place
        if isinstance(error, UnreadableResponseError):
            error.status, error.request_id = response.status, error.request_id or request_id_of(response)
        raise
