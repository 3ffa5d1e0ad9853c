"""The log lines of a wait: each change, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.core.api.job_records import JOB_TYPES, InventoryJob, JobState

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.exceptions import TencentCIError

__all__ = ["WaitLog"]


class WaitLog:
    """
    Log what a wait reads, when it changes.

    :param log: the task's or the trigger's logger.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._state: JobState | None = None
        self._type: str | None = None
        self._failing = False

    def job_polled(self, job: InventoryJob) -> None:
        """Log a new state, and a type that is not documented."""
        if self._failing:
            self._failing = False
            self._log.info("The service answers again.")
        if job.type != self._type:
            self._type = job.type
            if job.type not in JOB_TYPES:
                self._log.warning(
                    "Batch job %s is of type %r, which is not documented; the wait goes on.", job.job_id, job.type
                )
        if job.state == self._state:
            return
        self._state = job.state
        if not job.state.is_known:
            self._log.warning(
                "Batch job %s is in state %r, which is not documented; the wait goes on.", job.job_id, job.state.value
            )
        elif job.state is JobState.PAUSE:
            self._log.warning(
                "Batch job %s is paused, since its queue is: it goes on when the queue is resumed in the CI console.",
                job.job_id,
            )
        else:
            self._log.info("Batch job %s is %s.", job.job_id, job.state.value)

    def poll_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        """Log the first of several failures in a row; the last one is in the error that ends the wait."""
        if not self._failing:
            self._failing = True
            self._log.warning("Could not poll the batch job; will keep polling. %s", error)
