"""
When Airflow should try a task again: a ready-made policy for ``retry_policy=`` (Airflow 3.3 and later).

.. code-block:: python

    TriggerInventoryJobOperator(..., retries=5, retry_policy=InventoryJobRetryPolicy())
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.compat.airflow_names import RetryDecision, RetryPolicy
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    AuthenticationError,
    CredentialsError,
    FilesUnknownError,
    InvalidArgumentError,
    InvalidRequestError,
    JobError,
    JobExistsError,
    LostContactError,
    NotFoundError,
    PermissionDeniedError,
    QueueSaturatedError,
    RedirectError,
    SubmitOutcomeUnknownError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["InventoryJobRetryPolicy"]

_USELESS = (
    AuthenticationError,
    InvalidArgumentError,
    InvalidRequestError,
    JobExistsError,
    NotFoundError,
    PermissionDeniedError,
    RedirectError,
)
# A wish to wait for longer is a mistake of the service's.
_LONGEST_SECONDS = 86400.0

_FINDS_ITS_JOB = (FilesUnknownError, LostContactError, SubmitOutcomeUnknownError, WaitTimeoutError)


class InventoryJobRetryPolicy(RetryPolicy):
    """
    Retry where the next try may succeed, after the service's ``Retry-After``; fail at once where a retry cannot help.

    A failed or cancelled batch job is not submitted again by default: that would bill all of its files again, those
    that went well included. A lost contact, a ``wait_timeout``, files that could not be counted and an unknown outcome
    of a submission are retried, since the retry finds the job that there is. Everything else is left to the task's own
    ``retries`` and ``retry_delay``. The number of retries is the task's in any case.

    :param retry_failed_jobs: whether a failed or cancelled job is submitted again.
    :param queue_delay: how long to wait when the queue was full. The default, five minutes, is a guess: the service
        only says that it takes a while.
    """

    def __init__(self, *, retry_failed_jobs: bool = False, queue_delay: timedelta = timedelta(minutes=5)) -> None:
        self.retry_failed_jobs = retry_failed_jobs
        self.queue_delay = queue_delay

    def __repr__(self) -> str:
        # The same in each process. Before 3.3, Airflow writes default_args with it; with an address in it, the stored
        # DAG would change with each parse.
        name = type(self).__name__
        return f"{name}(retry_failed_jobs={self.retry_failed_jobs!r}, queue_delay={self.queue_delay!r})"

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the class of the error, never by its text."""
        name = type(exception).__name__
        if isinstance(exception, _USELESS) or (isinstance(exception, CredentialsError) and not exception.may_pass):
            return RetryDecision.fail(f"{name}: another try would meet the same.")
        if isinstance(exception, JobError) and not self.retry_failed_jobs:
            return RetryDecision.fail(f"{name}: a retry would submit, and bill, all files again.")
        if isinstance(exception, QueueSaturatedError):
            return RetryDecision.retry(self._asked_delay(exception) or self.queue_delay, "The queue is full.")
        if isinstance(exception, ApiError) and (delay := self._asked_delay(exception)):
            return RetryDecision.retry(delay, "The service's Retry-After.")
        if isinstance(exception, _FINDS_ITS_JOB):
            return RetryDecision.retry(reason=f"{name}: the retry looks for its job before it submits.")
        return RetryDecision.default()

    @staticmethod
    def _asked_delay(error: ApiError) -> timedelta | None:
        seconds = min(error.retry_after_seconds or 0, _LONGEST_SECONDS)
        return timedelta(seconds=seconds) if seconds else None
