"""
One task's wait for its job: its options, and the event with which it ends, alike on a worker and in the triggerer.

A worker runs :func:`wait_in_process`. A trigger leaves its wait to the poller that all waits of a bucket share
(``triggerer/shared_poller.py``). Both judge a record by ``core/polling/wait.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.core.files.progress import Progress
from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitResult, wait_for_job
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.outcome.file_log import ProgressLog
from airflow_provider_tencent_ci.waiting.trigger_events import write_event
from airflow_provider_tencent_ci.waiting.wait_log import WaitLog

__all__ = ["WaitOptions", "event_of", "new_progress", "new_wait", "wait_in_process"]


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """
    How a task waits. The names are those of the trigger's arguments, which says what they mean.

    :param progress_interval: seconds between two counts of the files; ``None`` for never.
    """

    tencent_ci_conn_id: str
    bucket: str | None
    region: str | None
    poll_interval: float
    contact_timeout: float
    cancel_on_kill: bool
    count_files: bool
    may_be_empty: bool
    progress_interval: float | None


def new_wait(job_id: str, deadline_at: str | None, contact_timeout: float, observer: WaitLog) -> Wait:
    """
    Return a wait that has not begun.

    :param deadline_at: when to give up, as ISO 8601 text; ``None`` for never.
    :param observer: is told what is seen.
    """
    return Wait(
        job_id,
        deadline_at=datetime.fromisoformat(deadline_at) if deadline_at else None,
        contact_timeout=contact_timeout,
        observer=observer,
    )


def new_progress(interval_seconds: float | None, log: Any) -> Progress | None:
    """Return what counts a job's files while it is waited for; ``None`` if nothing is to."""
    if not interval_seconds:
        return None
    return Progress(interval_seconds, ProgressLog(log))


def wait_in_process(options: WaitOptions, job_id: str, deadline_at: str | None, log: Any) -> Flow[dict[str, Any]]:
    """Wait where the flow runs, and return the event that a trigger would resume the task with."""
    wait = new_wait(job_id, deadline_at, options.contact_timeout, WaitLog(log))
    progress = new_progress(options.progress_interval, log)
    return event_of(job_id, (yield from wait_for_job(wait, options.poll_interval, progress)))


def event_of(job_id: str, result: WaitResult) -> dict[str, Any]:
    """Return the event with which a wait ends."""
    job = result.job.to_dict() if result.job else None
    return write_event(result.status.value, job_id, job, result.message)
