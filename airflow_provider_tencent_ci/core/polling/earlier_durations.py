"""How long earlier jobs of a kind took, read from the job list."""

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
_VALID = timedelta(hours=6)

# With fewer under its own name, a job is judged by all jobs of its kind.
_ENOUGH = 3


class JobKind(NamedTuple):
    """
    What jobs have in common that take about equally long.

    :param type: one of :data:`.jobs.JOB_TYPES`: by another one the list cannot be asked.
    :param what: the workflow's id; of a ``Job``, its ``Tag``.
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
        """The youngest jobs that may be of this kind, those that succeeded only: a failure says little of the next."""
        workflow_id = self.what if self.type == "Workflow" else None
        return JobFilter(states=(JobState.SUCCESS.value,), job_type=self.type, workflow_id=workflow_id)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a kind: what to expect of jobs of some names, and of all others."""

    valid_until: datetime
    of_name: Mapping[str, Expectation | None] = field(default_factory=dict)
    of_all: Expectation | None = None

    @classmethod
    def of(cls, jobs: Sequence[InventoryJob], valid_until: datetime) -> _Known:
        of_name: dict[str, list[float]] = {}
        for job in jobs:
            of_name.setdefault(readable_part(job.name), []).append(_seconds_of(job))
        return cls(
            valid_until,
            {name: Expectation.of(seconds) for name, seconds in of_name.items() if len(seconds) >= _ENOUGH},
            Expectation.of([_seconds_of(job) for job in jobs]),
        )


class DurationHistory:
    """
    What is known of earlier jobs, by their kind: one page of the list each, and that for some hours.

    It only makes a wait sharper, so it is read late, seldom, and never twice after a failure.
    """

    def __init__(self) -> None:
        self._known: dict[JobKind, _Known] = {}
        #: Kinds that have been asked for and are not known, or not any more.
        self.kinds_to_fetch: set[JobKind] = set()

    def expected(
        self, job: InventoryJob, age_seconds: float, now: datetime, worth_seconds: float
    ) -> Expectation | None:
        """
        Return when a job will end, if its kind is known and has ended before; else note that its kind is wanted.

        :param age_seconds: since the job was created.
        :param worth_seconds: younger jobs are not worth a request: most of them end before it would help.
        """
        kind = JobKind.of(job)
        if kind is None:
            return None
        known = self._known.get(kind)
        if age_seconds >= worth_seconds and (known is None or now >= known.valid_until):
            self.kinds_to_fetch.add(kind)
        return known.of_name.get(readable_part(job.name), known.of_all) if known else None

    def fetch_durations(self, now: datetime) -> Flow[TencentCIError | None]:
        """Read how long the last jobs of a wanted kind took. Once, even if the service fails; return its error then."""
        kind = self.kinds_to_fetch.pop()
        self._known = {other: known for other, known in self._known.items() if now < known.valid_until}
        self._known[kind] = _Known(now + _VALID)
        try:
            page = yield from send_with_retry(build_list(kind.filter), read_jobs, NO_RETRY)
        except TencentCIError as error:
            return error
        self._known[kind] = _Known.of([job for job in page.items if _is_of(kind, job)], now + _VALID)
        return None


def _is_of(kind: JobKind, job: InventoryJob) -> bool:
    return JobKind.of(job) == kind and job.state is JobState.SUCCESS and _seconds_of(job) > 0


def _seconds_of(job: InventoryJob) -> float:
    if job.creation_time is None or job.end_time is None:
        return 0.0
    return (job.end_time - job.creation_time).total_seconds()
