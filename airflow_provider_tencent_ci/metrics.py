"""
The metrics: what is counted, under which names, and how it is told to Airflow's ``Stats``.

Names and tags are in Airflow's manner. The values of ``bucket`` and ``hostname`` are those of the deployment. Each
other tag has one of a few values, which are listed here, or a code of the service from ``core/wire/error_codes.py``.
Any other value is sent as ``other``. No tag has a job id, a name, a key or a prefix.

``scripts/write-metric-docs`` makes the tables in ``docs/metrics.md`` from this module, and the dashboard, the alerts
and the mapping for Prometheus beside it. Nothing here raises: a metric never fails a task.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.airflow_stats import airflow_stats, hostname
from airflow_provider_tencent_ci.core.wire.error_codes import CODES

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.core.polling.wait import WaitResult
    from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import Duplicate
    from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
    from airflow_provider_tencent_ci.core.wire.messages import Request, Response
    from airflow_provider_tencent_ci.core.wire.service_observer import ServiceObserver
    from airflow_provider_tencent_ci.exceptions import TencentCIError

__all__ = [
    "DUPLICATES",
    "FILES",
    "JOB_END_DELAY",
    "METRICS",
    "RATE_LIMIT_WAIT",
    "REQUESTS",
    "SUBMISSIONS",
    "WAITS",
    "WAITS_ENDED",
    "Kind",
    "Metric",
    "Tag",
    "duplicates_found",
    "files_counted",
    "service_observer",
    "submission_ended",
    "submission_failed",
    "wait_ended",
]

_log = logging.getLogger(__name__)

OTHER = "other"


class Kind(StrEnum):
    """The kinds of metrics, by the names of Airflow's documentation."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Tag:
    """
    A tag of a metric.

    :param values: all that it can have, with their meanings; empty if the deployment has its values.
    :param codes: further values, which another page explains.
    :param meaning: of the tag itself, where its values do not say it.
    """

    name: str
    values: Mapping[str, str]
    codes: frozenset[str] = frozenset()
    meaning: str = ""

    def bounded(self, value: str) -> str:
        """Return a value that the tag can have."""
        return value if not self.values or value in self.values or value in self.codes else OTHER


@dataclass(frozen=True, slots=True)
class Metric:
    """
    One metric.

    :param unit: what is counted, or the unit of the value.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    tags: tuple[Tag, ...] = ()

    def record(self, value: float, **tags: str) -> None:
        """
        Send a value, if the deployment sends metrics.

        :param tags: a value for each of :attr:`tags`.
        """
        if (stats := airflow_stats()) is None:
            return
        send = {Kind.COUNTER: stats.count, Kind.GAUGE: stats.gauge, Kind.TIMER: stats.timing}[self.kind]
        send(self.name, value, {tag.name: tag.bounded(tags[tag.name]) for tag in self.tags})


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
_PUT_OBJECT = "put_object"

_OPERATION = Tag(
    "operation",
    {
        "create_job": "a submission",
        "list_jobs": "one page of jobs; a poll, too",
        "get_job": "one job by its id",
        "cancel_job": "a cancel",
        "list_executions": "one page of files of a workflow",
        "get_execution": "the errors of one file of a workflow",
        "list_file_jobs": "one page of files of a job with `Type=Job`",
        "list_workflows": "a check of workflows",
        "list_queues": "a check of queues",
        _PUT_OBJECT: "an uploaded list",
        OTHER: "any other request",
    },
)
_REQUEST_OUTCOME = Tag(
    "outcome",
    {
        "ok": "an answer without an error",
        "not_sent": "no connection: nothing reached the service",
        "no_answer": "time-out or broken connection: what the service did is not known",
        "unreadable": "no answer of the service, such as a proxy's page",
        "http_3xx": "a redirect",
        "http_4xx": "refused, with a code that is not known",
        "http_5xx": "the service failed, with a code that is not known",
        OTHER: "anything else",
    },
    frozenset(CODES),
    "or a code of the service from [Errors](errors.md), such as `AccessDenied`",
)
_WAIT_OUTCOME = Tag(
    "outcome",
    {
        "success": "the job succeeded",
        "failed": "the job failed",
        "cancelled": "the job was cancelled",
        "deadline": "the time to wait was over",
        "lost_contact": "no usable answer for `contact_timeout`",
        OTHER: "anything else",
    },
)
_SUBMISSION_OUTCOME = Tag(
    "outcome",
    {
        "created": "the first request made the job",
        "adopted": "nothing was sent: the job of an earlier try was found",
        "reconciled": "a request had an unknown outcome, and the job was found in the list",
        "sent_again": "a request had an unknown outcome, no job was found, and the second one made the job",
        "unknown": "a request had an unknown outcome, and the try failed",
        "error": "another error of this package",
    },
)
_DUPLICATE_OUTCOME = Tag(
    "outcome",
    {
        "cancelled": "it was told to stop",
        "ended": "it had ended: its files are billed twice",
        "not_cancelled": "it could not be cancelled",
    },
)
_FILE_STATE = Tag(
    "state",
    {
        "succeeded": "processed",
        "failed": "failed",
        "cancelled": "cancelled",
        "running": "not done, or in an unknown state",
    },
)
_PRIORITY = Tag("priority", {"urgent": "cancels", "normal": "polls, submissions", "background": "counts, lists"})
_BUCKET = Tag("bucket", {}, meaning="the bucket: as many values as the deployment's tasks have buckets")
_HOSTNAME = Tag("hostname", {}, meaning="the triggerer, as in Airflow's `triggers.running`")

REQUESTS = Metric(
    "tencent_ci.requests",
    Kind.COUNTER,
    "requests",
    "Requests to the service, each attempt. Requests for temporary keys do not count.",
    (_OPERATION, _REQUEST_OUTCOME),
)
RATE_LIMIT_WAIT = Metric(
    "tencent_ci.rate_limit_wait",
    Kind.TIMER,
    "milliseconds",
    "Time that a request waited for the rate limit; only of requests that had to wait.",
    (_PRIORITY,),
)
WAITS = Metric(
    "tencent_ci.waits",
    Kind.GAUGE,
    "tasks",
    "Tasks that wait for a job in this triggerer. Those that wait on a worker are not counted.",
    (_BUCKET, _HOSTNAME),
)
WAITS_ENDED = Metric(
    "tencent_ci.waits_ended",
    Kind.COUNTER,
    "waits",
    "Waits that are over, on workers and in triggerers. A wait that a person stops is not counted, nor is one on a "
    "worker that `execution_timeout` or a sensor's `timeout` ends.",
    (_WAIT_OUTCOME,),
)
JOB_END_DELAY = Metric(
    "tencent_ci.job_end_delay",
    Kind.TIMER,
    "milliseconds",
    "Time from the end of a job (`EndTime`) until its wait ended, by the service's clock; exact to about a second.",
)
SUBMISSIONS = Metric(
    "tencent_ci.submissions",
    Kind.COUNTER,
    "submissions",
    "Submissions of tasks. `reconciled`, `sent_again` and `unknown` are reconciliations. A wait for `max_active_jobs`, "
    "and a try whose time is over before its request, are not counted.",
    (_SUBMISSION_OUTCOME,),
)
DUPLICATES = Metric(
    "tencent_ci.duplicates",
    Kind.COUNTER,
    "jobs",
    "Further jobs of one submission that were found.",
    (_DUPLICATE_OUTCOME,),
)
FILES = Metric(
    "tencent_ci.files",
    Kind.COUNTER,
    "files",
    "Files of jobs that have ended, each time a task has counted them.",
    (_FILE_STATE,),
)

#: All metrics, in the order of the docs.
METRICS = (
    REQUESTS,
    RATE_LIMIT_WAIT,
    WAITS,
    WAITS_ENDED,
    JOB_END_DELAY,
    SUBMISSIONS,
    DUPLICATES,
    FILES,
)


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
    for state in _FILE_STATE.values:
        if number := getattr(counts, state):
            FILES.record(number, state=state)


def operation_of(request: Request) -> str:
    """Return the operation of a request."""
    if request.service == "cos":
        return _PUT_OBJECT if request.method == "PUT" else OTHER
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
