"""
One task's wait for its job: its options, and the wait of a worker.

A worker runs :func:`wait_in_process`. A trigger leaves its wait to the poller that all waits of a bucket share
(``triggerer/shared_poller.py``). Both judge a record by ``core/polling/wait.py``, and both end with the same event.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.waiting.resume_event import write_wait_result

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.count_at_end import CountMemory
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
    from airflow_provider_tencent_ci.core.wire.messages import Flow

__all__ = ["WaitOptions", "count_at_end", "new_progress", "wait_in_process"]


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """
    How a task waits. The names are those of the trigger's arguments; see there.

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
    find_failed: bool = False


def new_progress(interval_seconds: float | None, log: Any) -> ProgressCounter | None:
    """Return the counter of a job's files during the wait; ``None`` without ``progress_interval``."""
    if not interval_seconds:
        return None
    from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
    from airflow_provider_tencent_ci.outcome.progress_log import ProgressLog

    return ProgressCounter(interval_seconds, ProgressLog(log))


def count_at_end(
    job: InventoryJob, progress: ProgressCounter | None, log: Any, memory: CountMemory | None = None
) -> Flow[FileCounts]:
    """
    Count all files of a job that has ended.

    :param progress: what the wait for this job has counted; ``None`` for nothing.
    :param memory: of the tries of the task; ``None`` for none.
    """
    from airflow_provider_tencent_ci.core.files.count_at_end import count_to_end
    from airflow_provider_tencent_ci.outcome.progress_log import ProgressLog

    counting = progress.counting_of(job) if progress else None
    return count_to_end(job, ProgressLog(log), time.monotonic, counting, memory)


def wait_in_process(
    options: WaitOptions,
    job_id: str,
    deadline_at: datetime | None,
    log: Any,
    progress: ProgressCounter | None = None,
    place: str = "",
) -> Flow[dict[str, Any]]:
    """
    Wait where the flow runs, and return the event that a trigger would resume the task with.

    :param deadline_at: when to give up (aware, UTC); ``None`` for never.
    :param progress: counts the files during the wait.
    :param place: the connection and the bucket, for errors (:attr:`.ServiceConfig.place`).
    """
    from airflow_provider_tencent_ci.core.polling.wait import Wait, wait_for_job
    from airflow_provider_tencent_ci.core.wire.flow_steps import service_time
    from airflow_provider_tencent_ci.metrics.recording import wait_ended
    from airflow_provider_tencent_ci.waiting.wait_log import WaitLog

    wait = Wait(
        job_id, deadline_at=deadline_at, contact_timeout=options.contact_timeout, observer=WaitLog(log), place=place
    )
    result = yield from wait_for_job(wait, options.poll_interval, progress)
    wait_ended(result, (yield from service_time()))
    return write_wait_result(job_id, result)
