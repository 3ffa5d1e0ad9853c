"""
The polls of a sensor on a worker: each is judged as in a triggerer, and ends the wait with the same event.

In ``reschedule`` mode each process polls once, and the task state store has what the next one must know.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.task_context import was_rescheduled
from airflow_provider_tencent_ci.core.api.job_calls import get_job
from airflow_provider_tencent_ci.core.polling.first_poll import ends_at_once
from airflow_provider_tencent_ci.core.polling.wait import PollResult, Wait
from airflow_provider_tencent_ci.core.wire.flow_steps import service_time
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY
from airflow_provider_tencent_ci.exceptions import ApiError, TransportError
from airflow_provider_tencent_ci.metrics.recording import wait_ended
from airflow_provider_tencent_ci.task_state.failing_since import (
    read_failing_since,
    remembers_contact,
    write_failing_since,
)
from airflow_provider_tencent_ci.waiting.job_wait import WaitOptions, new_progress
from airflow_provider_tencent_ci.waiting.resume_event import write_wait_result
from airflow_provider_tencent_ci.waiting.wait_log import WaitLog

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.wire.messages import Flow

__all__ = ["WorkerPolls"]

# Of the sensor, in seconds.
_DEFAULT_CONTACT_TIMEOUT = 600


class WorkerPolls:
    """
    The polls of one process.

    :param run: runs a flow with the hook.
    :param log: the task's logger.
    :param context: of a task in ``reschedule`` mode; ``None`` in another mode.
    :ivar progress: counts the files between the polls; ``None`` if nothing does.
    """

    def __init__(
        self, run: Callable[[Flow[Any]], Any], job_id: str, options: WaitOptions, log: Any, context: Context | None
    ) -> None:
        self._run = run
        self._job_id = job_id
        self._context = context
        is_later = context is not None and was_rescheduled(context)
        self._is_first = not is_later
        if context is not None and not is_later and options.contact_timeout != _DEFAULT_CONTACT_TIMEOUT:
            _warn_of_forgotten_contact(context, log)
        self._wait = Wait(
            job_id,
            deadline_at=None,  # the base class compares the time
            contact_timeout=options.contact_timeout,
            observer=WaitLog(log),
            failing_since=read_failing_since(context) if context is not None and is_later else None,
        )
        self.progress = new_progress(options.progress_interval, log) if context is None else None

    @property
    def title(self) -> str:
        """The job at the beginning of a sentence, as far as it is known."""
        return self._wait.job.title if self._wait.job else f"Batch job {self._job_id}"

    def poll(self) -> dict[str, Any] | None:
        """Poll once; return the event of a wait that is over, else ``None``."""
        is_first, self._is_first = self._is_first, False
        poll_result: PollResult
        try:
            poll_result = self._run(get_job(self._job_id, NO_RETRY))  # the next poll is the retry
        except (ApiError, TransportError) as error:
            if ends_at_once(error, is_first_poll=is_first):
                raise
            poll_result = error
        failing_since = self._wait.failing_since
        result = self._wait.judge(poll_result, datetime.now(UTC))
        if self._context is not None and self._wait.failing_since != failing_since:
            write_failing_since(self._context, self._wait.failing_since)
        if result is None:
            return None
        wait_ended(result, self._run(service_time()))
        return write_wait_result(self._job_id, result)

    def count_files(self, until: datetime) -> None:
        """Count the job's files if it is time, after a poll that had an answer; for no longer than ``until``."""
        if self.progress and self._wait.job and not self._wait.failing_since:
            self._run(self.progress.advance(self._wait.job, until))


def _warn_of_forgotten_contact(context: Context, log: Any) -> None:
    """Log that ``contact_timeout`` has no effect, if nothing is kept from one poll to the next."""
    if not remembers_contact(context):
        log.warning(
            "contact_timeout has no effect in reschedule mode before Airflow 3.3: while the service cannot be reached, "
            "only timeout ends the wait. With mode='poke' or deferrable=True it has an effect."
        )
