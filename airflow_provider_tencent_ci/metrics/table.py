"""
The table of the metrics: what is counted, under which names, tags and values.

Names and tags are in Airflow's manner. The values of ``bucket`` and ``hostname`` are those of the deployment. Each
other tag has one of a few values, which are listed here, or a code of the service from ``core/wire/error_codes.py``.
Any other value is sent as ``other``. No tag has a job id, a name, a key or a prefix.

``scripts/write-metric-docs`` makes the tables in ``docs/metrics.md`` from this module, and the dashboard, the alerts
and the mapping for Prometheus beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_tencent_ci.compat.stats_and_tags import airflow_stats
from airflow_provider_tencent_ci.core.wire.error_codes import CODES

__all__ = [
    "DUPLICATES",
    "FILES",
    "FILE_STATE",
    "JOB_END_DELAY",
    "METRICS",
    "OTHER",
    "RATE_LIMIT_WAIT",
    "REQUESTS",
    "SUBMISSIONS",
    "WAITS",
    "WAITS_ENDED",
    "Kind",
    "Metric",
    "Tag",
]

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
        "put_object": "an uploaded list",
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
FILE_STATE = Tag(
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
    (FILE_STATE,),
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
