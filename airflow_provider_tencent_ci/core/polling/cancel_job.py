"""Cancelling a batch job for certain, or saying that it is not."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.api.job_calls import get_job, request_cancel
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, retry_after_seconds
from airflow_provider_tencent_ci.core.wire.service_errors import is_transient
from airflow_provider_tencent_ci.core.wire.steps import current_time, pause
from airflow_provider_tencent_ci.exceptions import ApiError, TransportError

# Between two looks: this much, or so small a share of the whole time.
_SHORTEST_STEP_SECONDS = 0.5
_STEPS = 40


def cancel_and_confirm(job_id: str, *, within_seconds: float) -> Flow[InventoryJob]:
    """
    Cancel a job, and look whether it has ended, until it has or the time is over.

    A cancel that was refused or not answered is no error if the job has ended: which states can be cancelled is not
    documented, and only the answer may have been lost.

    :param within_seconds: how long, by the driver's clock. The last requests are sent when it is over.
    :return: the job as it was last seen, ended or not.
    :raises ApiError: the service refused the cancel to the end, and the job has not ended; or it did not show the job.
    :raises TransportError: the same, where there was no answer.
    """
    stop = _Stop(job_id)
    ends_at = (yield from current_time()) + timedelta(seconds=within_seconds)
    step_seconds = max(_SHORTEST_STEP_SECONDS, within_seconds / _STEPS)
    while True:
        now = yield from stop.attempt(ends_at)
        if stop.is_settled or now >= ends_at:
            return stop.result()
        left_seconds = (ends_at - now).total_seconds()
        yield from pause(min(left_seconds, max(step_seconds, stop.asked_for_seconds)))


def describe_cancel(job: InventoryJob) -> str:
    """Say what became of a cancel."""
    if job.state is JobState.CANCEL:
        return f"Batch job {job.job_id} was cancelled and has stopped."
    if job.state.is_terminal:
        return f"Batch job {job.job_id} had ended before it could be cancelled: {job.state.value}."
    return f"Batch job {job.job_id} is to be cancelled, and was still {job.state.value} when last seen."


class _Stop:
    """What is known of a job that is to stop."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._job: InventoryJob | None = None
        self._cancels = 0
        self._is_cancelled = False
        self._refusal: ApiError | TransportError | None = None
        self._unread: ApiError | TransportError | None = None

    @property
    def is_settled(self) -> bool:
        """Whether going on would change nothing: the job has ended, or the service refuses the cancel for good."""
        return (self._job is not None and self._job.state.is_terminal) or self._is_refused_for_good

    @property
    def asked_for_seconds(self) -> float:
        """How long the service wishes to be left alone."""
        return max(retry_after_seconds(self._refusal), retry_after_seconds(self._unread))

    def attempt(self, ends_at: datetime) -> Flow[datetime]:
        """
        Cancel, unless the service has agreed to, and look; return the time then.

        The first cancel that gets no answer is sent again before the job is looked at: a process that is being killed
        has time for few requests.
        """
        if not self._is_cancelled:
            yield from self._cancel()
        now = yield from current_time()
        if self._is_cancelled or self._is_refused_for_good or self._cancels > 1 or now >= ends_at:
            yield from self._look()
        return (yield from current_time())

    def result(self) -> InventoryJob:
        """Return the job as it was last seen, or raise why that is not enough."""
        if self._job is not None and (self._job.state.is_terminal or self._refusal is None):
            return self._job
        raise self._refusal or self._unread or LookupError(self._job_id)

    @property
    def _is_refused_for_good(self) -> bool:
        return self._refusal is not None and not is_transient(self._refusal)

    def _cancel(self) -> Flow[None]:
        self._cancels += 1
        try:
            yield from request_cancel(self._job_id, NO_RETRY)
        except (ApiError, TransportError) as error:
            self._refusal = error
        else:
            self._is_cancelled, self._refusal = True, None

    def _look(self) -> Flow[None]:
        try:
            self._job = yield from get_job(self._job_id, NO_RETRY, delays_seconds=(0,))
        except (ApiError, TransportError) as error:
            self._unread = error
        else:
            self._unread = None
