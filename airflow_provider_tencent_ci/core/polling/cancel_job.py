"""Cancel a batch job, and poll it until it has ended or the time is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.api.job_calls import get_job, request_cancel
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, pause
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, retry_after_seconds
from airflow_provider_tencent_ci.core.wire.retryable_errors import is_transient
from airflow_provider_tencent_ci.exceptions import ApiError, TransportError

# Between two polls: at least this long, and at least 1/40 of the whole time. The number of polls is limited, too: a
# clock that is set back would make the time longer.
_MIN_DELAY_SECONDS = 0.5
_MAX_POLLS = 40


def cancel_and_confirm(job_id: str, *, within_seconds: float) -> Flow[InventoryJob]:
    """
    Send the cancel, and poll the job until it has ended or the time is over.

    A cancel that was refused or not answered is no error if the job has ended. The states that can be cancelled are not
    documented, and perhaps only the answer was lost.

    :param within_seconds: how long, by the driver's clock, and at most 42 polls. The last requests are sent when it is
        over.
    :return: the last record of the job, ended or not.
    :raises ApiError: the service refused each cancel and the job has not ended; or the job could not be read.
    :raises TransportError: the same, without an answer.
    """
    cancellation = _Cancellation(job_id)
    ends_at = (yield from current_time()) + timedelta(seconds=within_seconds)
    delay_seconds = max(_MIN_DELAY_SECONDS, within_seconds / _MAX_POLLS)
    for _ in range(_MAX_POLLS + 2):  # one at the beginning, one when the time is over
        now = yield from cancellation.attempt(ends_at)
        if cancellation.is_settled or now >= ends_at:
            break
        left_seconds = (ends_at - now).total_seconds()
        yield from pause(min(left_seconds, max(delay_seconds, cancellation.retry_after_seconds)))
    return cancellation.result()


def describe_cancel(job: InventoryJob) -> str:
    """Return a sentence on the result of a cancel."""
    if job.state is JobState.CANCEL:
        return f"Batch job {job.job_id} was cancelled and has stopped."
    if job.state.is_terminal:
        return f"Batch job {job.job_id} had ended before it could be cancelled: {job.state.value}."
    return f"Batch job {job.job_id} is to be cancelled, and was still {job.state.value} when last seen."


class _Cancellation:
    """One cancellation: the cancels sent, the last record, the last errors."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._job: InventoryJob | None = None
        self._cancels_sent = 0
        self._is_accepted = False
        self._refusal: ApiError | TransportError | None = None
        self._unread: ApiError | TransportError | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the job has ended, or the service refuses the cancel permanently."""
        return (self._job is not None and self._job.state.is_terminal) or self._is_permanently_refused

    @property
    def retry_after_seconds(self) -> float:
        """The longest ``Retry-After`` of the last errors."""
        return max(retry_after_seconds(self._refusal), retry_after_seconds(self._unread))

    def attempt(self, ends_at: datetime) -> Flow[datetime]:
        """
        Send the cancel, unless the service has accepted one, and poll the job; return the time afterwards.

        If the first cancel gets no answer, it is sent again before the job is polled: a process that is being killed
        has time for few requests.
        """
        if not self._is_accepted:
            yield from self._send_cancel()
        now = yield from current_time()
        if self._is_accepted or self._is_permanently_refused or self._cancels_sent > 1 or now >= ends_at:
            yield from self._poll()
        return (yield from current_time())

    def result(self) -> InventoryJob:
        """Return the last record of the job, or raise the error that prevented the cancel."""
        if self._job is not None and (self._job.state.is_terminal or self._refusal is None):
            return self._job
        raise self._refusal or self._unread or LookupError(self._job_id)

    @property
    def _is_permanently_refused(self) -> bool:
        return self._refusal is not None and not is_transient(self._refusal)

    def _send_cancel(self) -> Flow[None]:
        self._cancels_sent += 1
        try:
            yield from request_cancel(self._job_id, NO_RETRY)
        except (ApiError, TransportError) as error:
            self._refusal = error
        else:
            self._is_accepted, self._refusal = True, None

    def _poll(self) -> Flow[None]:
        try:
            self._job = yield from get_job(self._job_id, NO_RETRY, delays_seconds=(0,))
        except (ApiError, TransportError) as error:
            self._unread = error
        else:
            self._unread = None
