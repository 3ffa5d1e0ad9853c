"""
Watching a bucket: which batch jobs have ended since one looked last.

The list endpoint tells states, not changes. So each look is compared with the one before: a job is news if it has
ended, and was active then or has been created since. That takes no job's ``EndTime``, which a running job may have,
and no clock but the service's: what is "since" is said by the creation time of the youngest job that was listed, and
what is old by the time that its answers tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_tencent_ci.core.api.job_calls import fetch_service_time
from airflow_provider_tencent_ci.core.api.job_records import ACTIVE_STATES, ENDED_STATES, InventoryJob
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.api.paginator import Paginator
from airflow_provider_tencent_ci.core.polling.bulk_poll import BulkPoll
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.core.wire.service_times import format_time, parse_time
from airflow_provider_tencent_ci.exceptions import NotFoundError, TencentCIError

# How much later than its creation a job may appear in the list; how late that is is not documented.
_MARGIN = timedelta(minutes=10)

# No job is older.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Jobs = Mapping[str, InventoryJob]


@dataclass(frozen=True, slots=True)
class JobCriteria:
    """
    Which jobs somebody wants to hear of.

    :param name: a pattern as in a shell, of upper and lower case, for the job's whole name.
    :param states: the ended states that count.
    :param job_type: ``Workflow`` or ``Job``; ``None`` for both.
    :param workflow_id: one of the job's workflows; ``None`` for any.
    """

    name: str = "*"
    states: tuple[str, ...] = ENDED_STATES
    job_type: str | None = None
    workflow_id: str | None = None

    def is_about(self, job: InventoryJob) -> bool:
        """Whether this job is meant, in whatever state it is."""
        return (
            fnmatchcase(job.name, self.name)
            and self.job_type in (None, job.type)
            and (self.workflow_id is None or self.workflow_id in _workflow_ids(job))
        )

    def is_met_by(self, job: InventoryJob) -> bool:
        """Whether this job is meant, and has ended as it should to be heard of."""
        return job.state.value in self.states and self.is_about(job)


@dataclass(frozen=True, slots=True)
class BucketSnapshot:
    """
    What the next look is compared with.

    :param newest_at: when the youngest job that was listed was created, by the service's clock.
    :param active: the jobs that were active.
    :param settled: the jobs that had ended, of those that are young enough to be listed again by the next look.
    """

    newest_at: datetime
    active: Jobs
    settled: Jobs

    @property
    def begins_at(self) -> datetime:
        """From when on the next look has to list jobs that have ended."""
        return self.newest_at - _MARGIN

    def about(self, criteria: JobCriteria) -> BucketSnapshot:
        """Return what of it matters to somebody."""
        active, settled = (
            {job_id: job for job_id, job in jobs.items() if criteria.is_about(job)}
            for jobs in (self.active, self.settled)
        )
        return BucketSnapshot(self.newest_at, active, settled)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values: ids, and when each job was created."""
        return {
            "newest_at": format_time(self.newest_at),
            "active": {job_id: _written(job.creation_time) for job_id, job in self.active.items()},
            "settled": {job_id: _written(job.creation_time) for job_id, job in self.settled.items()},
        }

    @classmethod
    def from_dict(cls, written: object) -> BucketSnapshot | None:
        """Read what :meth:`to_dict` wrote, the jobs without all that was not written; ``None`` for anything else."""
        if not isinstance(written, dict):
            return None
        newest_at, active, settled = (written.get(name) for name in ("newest_at", "active", "settled"))
        moment = parse_time(newest_at) if isinstance(newest_at, str) else None
        if moment is None or not isinstance(active, dict) or not isinstance(settled, dict):
            return None
        return cls(moment, _read(active), _read(settled))


@dataclass(frozen=True, slots=True)
class DetectedJobs:
    """
    What one look has seen.

    :param ended: the jobs that have ended since the look before, older ones first.
    :param memory: what the next look is compared with.
    """

    ended: tuple[InventoryJob, ...]
    memory: BucketSnapshot


class EndedJobsDetector:
    """
    Looks at a bucket time and again. A look that fails leaves everything as it was, so that nothing is lost by it.

    A look costs a page of a hundred active jobs, and a page of those that have ended and are young; more only where
    there are more, or where older ones have ended: with one request each, or by pages where there are many.

    :param look_back: jobs older than this are not looked at.
    :param memory: of an earlier lookout, to go on from there. Without, the first look reports nothing: all that it
        sees is from before.
    """

    def __init__(self, look_back: timedelta, memory: BucketSnapshot | None = None) -> None:
        self._look_back = look_back
        self._memory = memory

    def poll(self) -> Flow[DetectedJobs]:
        """
        Look once.

        :raises TencentCIError: the service could not be asked.
        """
        before = self._memory or (yield from _nothing_yet())
        oldest_at = _before((yield from fetch_service_time()), self._look_back)
        active = yield from _list(ACTIVE_STATES, oldest_at)
        ended = yield from _list(ENDED_STATES, max(oldest_at, before.begins_at))
        vanished = {
            job_id: job.creation_time
            for job_id, job in before.active.items()
            if job_id not in active and job_id not in ended and _not_before(job, oldest_at)
        }
        reread = yield from _read_again(vanished)
        seen = {**active, **reread, **ended}
        news = [] if self._memory is None else _news(before, seen)
        self._memory = _remembered(before, seen)
        return DetectedJobs(tuple(sorted(news, key=_age)), self._memory)


def list_ended_since(ended_at: datetime, look_back: timedelta) -> Flow[tuple[InventoryJob, ...]]:
    """
    Return the jobs that have ended at a time or later, by their ``EndTime``, older ones first.

    :param ended_at: by the service's clock.
    :param look_back: jobs older than this are not looked at.
    """
    ended = yield from _list(ENDED_STATES, _before((yield from fetch_service_time()), look_back))
    return tuple(sorted((job for job in ended.values() if job.end_time and job.end_time >= ended_at), key=_age))


def list_ended_within(span: timedelta, look_back: timedelta) -> Flow[tuple[InventoryJob, ...]]:
    """Return the jobs that have ended within the last so much time; see :func:`list_ended_since`."""
    return (yield from list_ended_since(_before((yield from fetch_service_time()), span), look_back))


def _nothing_yet() -> Flow[BucketSnapshot]:
    """Return what the first look is compared with: nothing but how young the youngest job is that has ended."""
    page = yield from send_with_retry(build_list(JobFilter(states=ENDED_STATES)), read_jobs, NO_RETRY)
    return BucketSnapshot(_newest(page.items, _EPOCH), {}, {})


def _news(before: BucketSnapshot, seen: Jobs) -> list[InventoryJob]:
    return [job for job_id, job in seen.items() if job.state.is_terminal and job_id not in before.settled]


def _remembered(before: BucketSnapshot, seen: Jobs) -> BucketSnapshot:
    # What had ended stays so, although the list may show it for a moment as it was before, or not at all.
    settled = {**before.settled, **{job_id: job for job_id, job in seen.items() if job.state.is_terminal}}
    active = {job_id: job for job_id, job in seen.items() if job_id not in settled}
    memory = BucketSnapshot(_newest(seen.values(), before.newest_at), active, settled)
    young = {job_id: job for job_id, job in settled.items() if _not_before(job, memory.begins_at)}
    return replace(memory, settled=young)


def _read_again(jobs: Mapping[str, datetime | None]) -> Flow[Jobs]:
    """Read jobs that the lists did not show; without those that there are no more."""
    sweep, found = BulkPoll(jobs), dict[str, InventoryJob]()
    while not sweep.is_over:
        readings = yield from sweep.send_next_request()
        for job_id, reading in readings.items():
            if not isinstance(reading, TencentCIError):
                found[job_id] = reading
            elif not isinstance(reading, NotFoundError):
                raise reading
    return found


def _list(states: tuple[str, ...], created_at: datetime) -> Flow[Jobs]:
    """Return all jobs in these states that were created then or later."""
    pages, jobs = Paginator(), dict[str, InventoryJob]()
    criteria = JobFilter(states=states, start_creation_time=created_at)
    while pages.next_token is not None:
        page = yield from send_with_retry(build_list(criteria, pages.next_token), read_jobs, NO_RETRY)
        jobs.update((job.job_id, job) for job in pages.new_items(page) if _not_before(job, created_at))
    return jobs


def _newest(jobs: Iterable[InventoryJob], at_least: datetime) -> datetime:
    return max([job.creation_time for job in jobs if job.creation_time] + [at_least])


def _not_before(job: InventoryJob, moment: datetime) -> bool:
    return job.creation_time is None or job.creation_time >= moment.replace(microsecond=0)


def _before(now: datetime, span: timedelta) -> datetime:
    """Return the time before ``now``, within the calendar."""
    return now - min(span, now - _EPOCH)


def _age(job: InventoryJob) -> tuple[float, str]:
    moment = job.end_time or job.creation_time
    return moment.timestamp() if moment else 0.0, job.job_id


def _workflow_ids(job: InventoryJob) -> set[str]:
    ids = job.operation.get("WorkflowIds")
    return {one.strip() for one in ids.split(",")} if isinstance(ids, str) else set()


def _read(jobs: Mapping[object, object]) -> dict[str, InventoryJob]:
    return {
        job_id: InventoryJob(job_id, creation_time=parse_time(created) if isinstance(created, str) else None)
        for job_id, created in jobs.items()
        if isinstance(job_id, str) and job_id
    }


def _written(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None
