"""
Recording the metrics: who counts what, and how it is told to Airflow's ``Stats``.

Nothing here raises: a metric never fails a task.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.stats_and_tags import airflow_stats, hostname
from airflow_provider_tencent_ci.core.wire.error_codes import CODES
from airflow_provider_tencent_ci.metrics.table import (
    DUPLICATES,
    FILE_STATE,
    FILES,
    JOB_END_DELAY,
    OTHER,
    RATE_LIMIT_WAIT,
    REQUESTS,
    SUBMISSIONS,
    WAITS,
    WAITS_ENDED,
)

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.core.polling.wait import WaitResult
    from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import Duplicate
    from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
    from airflow_provider_tencent_ci.core.wire.messages import Request, Response
    from airflow_provider_tencent_ci.core.wire.service_observer import ServiceObserver
    from airflow_provider_tencent_ci.exceptions import TencentCIError

__all__ = [
    "duplicates_found",
    "files_counted",
    "service_observer",
    "submission_ended",
    "submission_failed",
    "wait_ended",
]

_log = logging.getLogger(__name__)

# The operation of a request: by its method, the first part of its path, and whether the path has an id.
_OPERATIONS = {
    ("POST", "inventorytriggerjob", False): "create_job",
    ("GET", "inventorytriggerjob", False): "list_jobs",
    ("GET", "inventorytriggerjob", True): "get_job",
    ("PUT", "inventorytriggerjob", True): "cancel_job",
    ("GET", "workflowexecution", False): "list_executions",
    ("GET", "workflowexecution", True): "get_execution",
    ("GET", "jobs", False): "list_file_jobs",
    ("GET", "pic_jobs", False): "list_file_jobs",
    ("GET", "workflow", False): "list_workflows",
    ("GET", "queue", False): "list_queues",
}


def _never_raises(method: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(method)
    def recorded(*args: Any, **kwargs: Any) -> None:
        try:
            method(*args, **kwargs)
        except Exception as error:  # whatever a client of StatsD or a receiver does
            _log.debug("A metric could not be sent: %s: %s", type(error).__name__, error)

    return recorded


class _AirflowObserver:
    """Tells Airflow's ``Stats`` about requests and waits."""

    def __init__(self) -> None:
        # Several pollers may wait for jobs of one bucket, with different credentials.
        self._waits = Counter[str]()

    @_never_raises
    def request_ended(self, request: Request, result: Response | TencentCIError) -> None:
        REQUESTS.record(1, operation=operation_of(request), outcome=_request_outcome(result))

    @_never_raises
    def rate_limit_waited(self, request: Request, seconds: float) -> None:
        RATE_LIMIT_WAIT.record(seconds, priority=request.priority.name.lower())

    @_never_raises
    def waits_changed(self, bucket: str, change: int) -> None:
        self._waits[bucket] += change
        WAITS.record(self._waits[bucket], bucket=bucket, hostname=hostname())


_observer = _AirflowObserver()


def service_observer() -> ServiceObserver | None:
    """Return the observer for a connection; ``None`` if the deployment sends no metrics."""
    try:
        return _observer if airflow_stats() else None
    except Exception as error:  # a client that is set but not installed, or a wrong setting
        _log.debug("There are no metrics: %s: %s", type(error).__name__, error)
        return None


@_never_raises
def wait_ended(result: WaitResult, service_time: datetime | None) -> None:
    """
    Count a wait that is over, and how long ago its job ended.

    :param service_time: the service's time now (aware, UTC); ``None`` if it is not known.
    """
    job = result.job
    has_ended = job is not None and result.status == "terminal"
    WAITS_ENDED.record(1, outcome=_STATES.get(job.state.value, OTHER) if job and has_ended else result.status.value)
    if job and has_ended and job.ended_at and service_time:
        JOB_END_DELAY.record(max(0.0, (service_time - job.ended_at).total_seconds()))


@_never_raises
def submission_ended(submission: Submission) -> None:
    """Count a submission that has a job."""
    if submission.adopted:
        outcome = "reconciled" if submission.posts else "adopted"
    else:
        outcome = "sent_again" if submission.posts > 1 else "created"
    SUBMISSIONS.record(1, outcome=outcome)


@_never_raises
def submission_failed(error: BaseException) -> None:
    """Count a submission whose try failed."""
    from airflow_provider_tencent_ci.exceptions import SubmitOutcomeUnknownError

    SUBMISSIONS.record(1, outcome="unknown" if isinstance(error, SubmitOutcomeUnknownError) else "error")


@_never_raises
def duplicates_found(duplicates: Iterable[Duplicate]) -> None:
    """Count further jobs of one submission."""
    for duplicate in duplicates:
        if duplicate.job.state.is_terminal:
            outcome = "ended"
        else:
            outcome = "not_cancelled" if duplicate.cancel_error else "cancelled"
        DUPLICATES.record(1, outcome=outcome)


@_never_raises
def files_counted(counts: FileCounts) -> None:
    """Count the files of a job that has ended."""
    for state in FILE_STATE.values:
        if number := getattr(counts, state):
            FILES.record(number, state=state)


def operation_of(request: Request) -> str:
    """Return the operation of a request."""
    if request.service == "cos":
        return "put_object" if request.method == "PUT" else OTHER
    first, _, rest = request.path.lstrip("/").partition("/")
    return _OPERATIONS.get((request.method, first, bool(rest)), OTHER)


_STATES = {"Success": "success", "Failed": "failed", "Cancel": "cancelled"}


def _request_outcome(result: Response | TencentCIError) -> str:
    # Imported late: DAG files need none of it.
    from airflow_provider_tencent_ci.core.wire.service_errors import classify
    from airflow_provider_tencent_ci.exceptions import ApiError, TransportError, UnreadableResponseError

    error = result if isinstance(result, Exception) else classify(result)
    match error:
        case None:
            return "ok"
        case TransportError():
            return "no_answer" if error.request_sent else "not_sent"
        case UnreadableResponseError():
            return "unreadable"
        case ApiError():
            return error.code if error.code in CODES else f"http_{error.status // 100}xx"
    return OTHER
