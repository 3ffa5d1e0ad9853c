"""When a failed request is sent again: which errors, how often, after how long."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from airflow_provider_tencent_ci.core.wire.messages import Flow, Request, Response
from airflow_provider_tencent_ci.core.wire.service_errors import (
    classify,
    is_permanent,
    is_transient,
    request_id_of,
    was_not_executed,
)
from airflow_provider_tencent_ci.core.wire.steps import current_time, pause, send
from airflow_provider_tencent_ci.exceptions import ApiError, TencentCIError, TransportError, UnreadableResponseError

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class RequestRetry:
    """
    A rule for repeating one request.

    :param may_repeat: judges the error.
    :param attempts: at most so many requests in all.
    :param first_seconds: the pause after the first failure; each further one doubles.
    :param longest_seconds: no pause is longer, except where the service asks for it.
    :param budget_seconds: no attempt begins later than this after the first one, whether the time went to pauses or
        to waiting for answers. A ``Retry-After`` beyond it ends the repeating.
    """

    may_retry: Callable[[TencentCIError], bool]
    attempts: int = 6
    first_backoff_seconds: float = 1
    max_backoff_seconds: float = 20
    budget_seconds: float = 60

    def pause_seconds(self, error: TencentCIError, attempt: int, spent_seconds: float) -> float | None:
        """
        Return how long to wait before the next attempt, or ``None`` to give up.

        :param attempt: how many requests have failed, from 1.
        :param spent_seconds: how long ago the first one began.
        """
        if attempt >= self.attempts or is_permanent(error) or not self.may_retry(error):
            return None
        backoff = jittered(min(self.max_backoff_seconds, self.first_backoff_seconds * 2 ** (attempt - 1)))
        pause = max(backoff, retry_after_seconds(error))
        return pause if spent_seconds + pause <= self.budget_seconds else None


# Requests that change nothing when repeated: list, get, cancel, and an upload of the same bytes.
RETRY_IDEMPOTENT = RequestRetry(is_transient)

# A submission is repeated only when the service surely did not read it.
RETRY_IF_NOT_EXECUTED = RequestRetry(was_not_executed)

# For a caller that asks again anyway, such as the wait loop.
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
    Send one request, repeat it by the rule given, and read the answer.

    :param check_before_send: raises if the request must not be sent any more; called before each attempt.

    :raises ApiError: the service's error, or an answer that ``read`` does not take.
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
            pause_seconds = retry.pause_seconds(error, attempt, (now - began_at).total_seconds())
            if pause_seconds is None:
                raise
        yield from pause(pause_seconds)


def jittered(seconds: float) -> float:
    """Return between half and all of ``seconds``, so that many tasks do not ask in step."""
    return seconds * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing


def retry_after_seconds(error: object) -> float:
    """Return what the service asked to wait, in seconds; 0 if it did not, or if this is no error of its."""
    return (error.retry_after_seconds or 0) if isinstance(error, ApiError) else 0


def _send_once(request: Request, read: Callable[[Response], ResultT]) -> Flow[ResultT]:
    response = yield from send(request)
    if (failure := classify(response)) is not None:
        raise failure
    try:
        return read(response)
    except UnreadableResponseError as error:
        error.status, error.request_id = response.status, request_id_of(response)
        raise
