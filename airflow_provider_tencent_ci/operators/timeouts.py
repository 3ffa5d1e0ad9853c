"""
The two timeouts of a task, and which of them cancels the job.

Airflow's ``execution_timeout`` bounds the whole try of a task. With ``cancel_on_kill`` its end cancels the job.
``wait_timeout`` bounds the wait only (``core/polling/wait.py``). After it the job is not cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.operators.job_arguments import JobArguments
from airflow_provider_tencent_ci.waiting.deferral import is_over
from airflow_provider_tencent_ci.waiting.killed_process import cancel_or_warn

__all__ = ["TimeLimitedTask"]


class TimeLimitedTask(JobArguments):
    """A task that submits nothing after its ``execution_timeout``. With ``cancel_on_kill`` it leaves no job running."""

    job_id: str | None = None
    _has_timed_out = False
    #: Whether the job has already ended, so that a cancel would have no effect.
    _has_job_ended = False
    _try_ends_at: datetime | None = None

    def _out_of_time(self) -> AirflowTaskTimeout:
        """Return the error of a try whose time is over before a submission: there is no job that would have to stop."""
        self._has_timed_out = True
        return AirflowTaskTimeout("execution_timeout is over. Nothing more was submitted.")

    def _check_time_left(self) -> None:
        """Raise if the time is over while submitting: a request may have been sent before."""
        if is_over(self._try_ends_at):
            raise AirflowTaskTimeout("execution_timeout is over. Nothing more was submitted.")

    def _check_time(self) -> None:
        if is_over(self._try_ends_at):
            raise self._out_of_time()

    @contextmanager
    def _stopped_by_execution_timeout(self) -> Iterator[None]:
        """With ``cancel_on_kill``, cancel the job when ``execution_timeout`` is over."""
        try:
            yield
        except AirflowTaskTimeout:
            has_nothing_to_stop = self._has_timed_out or self._has_job_ended
            self._has_timed_out = True  # Airflow calls on_kill next
            if self.cancel_on_kill and not has_nothing_to_stop:
                cancel_or_warn(self._hook, self.job_id, self._readable_name)
            raise
