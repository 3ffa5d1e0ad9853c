"""The durations of earlier jobs of the same kind, read from the job list, for the poll schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_tencent_ci.core.api.job_name import readable_part
from airflow_provider_tencent_ci.core.api.job_records import JOB_TYPES, InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.polling.poll_schedule import Expectation
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.exceptions import TencentCIError

# Jobs of a kind change from week to week, not from hour to hour.
_VALIDITY = timedelta(hours=6)

# With fewer jobs of its own name, the expectation comes from all jobs of its kind.
_MIN_JOBS_OF_A_NAME = 3


class JobKind(NamedTuple):
    """
    A kind of jobs, which take about equally long.

    :param type: one of :data:`~airflow_provider_tencent_ci.core.api.job_records.JOB_TYPES`; the list has no other
        filter.
    :param what: the workflow's id; for a ``Job``, its ``Tag``.
    """

    type: str
    what: str

    @classmethod
    def of(cls, job: InventoryJob) -> JobKind | None:
        """Return the kind of a job; ``None`` if it does not say, has several workflows, or is of an unknown type."""
        if job.type not in JOB_TYPES:
            return None
        what = job.operation.get("WorkflowIds" if job.type == "Workflow" else "Tag")
        return cls(job.type, what) if isinstance(what, str) and what and "," not in what else None

    @property
    def filter(self) -> JobFilter:
        """The filter for the youngest jobs of this kind that succeeded: a failure tells little about the next job."""
        workflow_id = self.what if self.type == "Workflow" else None
        return JobFilter(states=(JobState.SUCCESS.value,), job_type=self.type, workflow_id=workflow_id)


@dataclass(frozen=True, slots=True)
class _KindExpectations:
    """The expectations for one kind: for some job names, and for all other jobs."""

    valid_until: datetime
    of_name: Mapping[str, Expectation | None] = field(default_factory=dict)
    of_all: Expectation | None = None

    @classmethod
    def of(cls, jobs: Sequence[InventoryJob], valid_until: datetime) -> _KindExpectations:
        of_name: dict[str, list[float]] = {}
        for job in jobs:
            of_name.setdefault(readable_part(job.name), []).append(_seconds_of(job))
        return cls(
            valid_until,
            {name: Expectation.of(seconds) for name, seconds in of_name.items() if len(seconds) >= _MIN_JOBS_OF_A_NAME},
            Expectation.of([_seconds_of(job) for job in jobs]),
        )


class DurationHistory:
    """
    The durations of earlier jobs by kind: one page of the list for each kind, valid for six hours.

    They only help to poll at the right time. So they are fetched late, at most once in six hours, and not again after a
    failure in that time.
    """

    def __init__(self) -> None:
        self._known: dict[JobKind, _KindExpectations] = {}
        #: Kinds whose durations are needed and not known, or no longer valid.
        self.kinds_to_fetch: set[JobKind] = set()

    def expected(
        self, job: InventoryJob, age_seconds: float, now: datetime, worth_seconds: float
    ) -> Expectation | None:
        """
        Return when a job is expected to end, if earlier jobs tell; else remember that its kind has to be fetched.

        :param age_seconds: since the job was created.
        :param worth_seconds: a younger job is not worth a request: most of them end before it would help.
        """
        kind = JobKind.of(job)
        if kind is None:
            return None
        known = self._known.get(kind)
        if age_seconds >= worth_seconds and (known is None or now >= known.valid_until):
            self.kinds_to_fetch.add(kind)
        return known.of_name.get(readable_part(job.name), known.of_all) if known else None

    def fetch_durations(self, now: datetime) -> Flow[TencentCIError | None]:
        """Send one request for the last jobs of one kind, without a retry; return the service's error, if any."""
        kind = self.kinds_to_fetch.pop()
        self._known = {other: known for other, known in self._known.items() if now < known.valid_until}
        self._known[kind] = _KindExpectations(now + _VALIDITY)
        try:
            page = yield from send_with_retry(build_list(kind.filter), read_jobs, NO_RETRY)
        except TencentCIError as error:
            return error
        self._known[kind] = _KindExpectations.of([job for job in page.items if _is_of(kind, job)], now + _VALIDITY)
        return None


def _is_of(kind: JobKind, job: InventoryJob) -> bool:
    return JobKind.of(job) == kind and job.state is JobState.SUCCESS and _seconds_of(job) > 0


def _seconds_of(job: InventoryJob) -> float:
    if job.creation_time is None or job.end_time is None:
        return 0.0
    return (job.end_time - job.creation_time).total_seconds()
