"""
Detect the batch jobs of a bucket that have ended since the last poll.

The list endpoint reports states, not changes. So each poll is compared with a snapshot of the one before:

1. List the active jobs, and the ended jobs created since shortly before the newest job of the snapshot.
2. Poll the jobs that were active in the snapshot and are in neither list, by a bulk poll.
3. A job is reported if it has ended, and was active in the snapshot or was created since.
4. Keep a new snapshot: the active jobs, the young ended jobs, and the creation time of the newest job.

A job's ``EndTime`` is not used, since a running job may have one. All times are the service's.
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
from airflow_provider_tencent_ci.core.api.paginator import LIST_LAG, Paginator
from airflow_provider_tencent_ci.core.polling.bulk_poll import BulkPoll
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import RequestRetry, send_with_retry
from airflow_provider_tencent_ci.core.wire.retryable_errors import is_transient
from airflow_provider_tencent_ci.core.wire.service_times import format_time, parse_time
from airflow_provider_tencent_ci.exceptions import NotFoundError, TencentCIError

# A poll may read hundreds of pages. Without retries, one error in a hundred requests would fail nearly every such poll.
# There are few of them, since the caller repeats a failed poll, with a backoff of its own.
_RETRY = RequestRetry(is_transient, attempts=3)

# No job is older.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Jobs = Mapping[str, InventoryJob]


@dataclass(frozen=True, slots=True)
class JobCriteria:
    """
    Which ended jobs are reported.

    :param name: a shell pattern for the whole name of the job; case matters.
    :param states: the ended states that count.
    :param job_type: ``Workflow`` or ``Job``; ``None`` for both.
    :param workflow_id: one of the job's workflows; ``None`` for any.
    """

    name: str = "*"
    states: tuple[str, ...] = ENDED_STATES
    job_type: str | None = None
    workflow_id: str | None = None

    def is_about(self, job: InventoryJob) -> bool:
        """Whether the name, type and workflow of the job match, in whatever state it is."""
        return (
            fnmatchcase(job.name, self.name)
            and self.job_type in (None, job.type)
            and (self.workflow_id is None or self.workflow_id in _workflow_ids(job))
        )

    def is_met_by(self, job: InventoryJob) -> bool:
        """Whether the job matches and has ended in one of the states."""
        return job.state.value in self.states and self.is_about(job)


@dataclass(frozen=True, slots=True)
class BucketSnapshot:
    """
    The state that the next poll is compared with.

    :param newest_at: when the newest listed job was created, by the service's clock.
    :param active: the active jobs.
    :param settled: the ended jobs that are young enough to be listed again by the next poll.
    """

    newest_at: datetime
    active: Jobs
    settled: Jobs

    @property
    def begins_at(self) -> datetime:
        """The next poll lists ended jobs that were created at or after this time."""
        return self.newest_at - LIST_LAG

    def about(self, criteria: JobCriteria) -> BucketSnapshot:
        """Return the part that matters for the criteria."""
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
        """Read what :meth:`to_dict` wrote; a job has its id and creation time only. ``None`` for anything else."""
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
    The result of one poll.

    :param ended: the jobs that have ended since the poll before, older ones first.
    :param snapshot: what the next poll is compared with.
    """

    ended: tuple[InventoryJob, ...]
    snapshot: BucketSnapshot


class EndedJobsDetector:
    """
    Polls a bucket repeatedly. A poll that fails leaves the snapshot as it was, so that no job is lost.

    A poll usually costs two requests: a page of active jobs, and a page of young jobs that have ended. It costs more if
    there are more than 100 of them, or if older jobs have ended.

    :param look_back: jobs older than this are ignored.
    :param snapshot: the snapshot of an earlier detector, to continue from. Without one, the first poll reports nothing.
    """

    def __init__(self, look_back: timedelta, snapshot: BucketSnapshot | None = None) -> None:
        self._look_back = look_back
        self._snapshot = snapshot

    def poll(self) -> Flow[DetectedJobs]:
        """
        Poll once.

        :raises TencentCIError: a request failed.
        """
        before = self._snapshot or (yield from _first_snapshot())
        oldest_at = _before((yield from fetch_service_time()), self._look_back)
        active = yield from _list(ACTIVE_STATES, oldest_at)
        ended = yield from _list(ENDED_STATES, max(oldest_at, before.begins_at))
        vanished = {
            job_id: job.creation_time
            for job_id, job in before.active.items()
            if job_id not in active and job_id not in ended and _created_since(job, oldest_at)
        }
        reread = yield from _poll_jobs(vanished)
        seen = {**active, **reread, **ended}
        news = [] if self._snapshot is None else _newly_ended(before, seen)
        self._snapshot = _new_snapshot(before, seen)
        return DetectedJobs(tuple(sorted(news, key=_end_order)), self._snapshot)


def list_ended_since(ended_at: datetime, look_back: timedelta) -> Flow[tuple[InventoryJob, ...]]:
    """
    Return the jobs that have ended at a time or later, by their ``EndTime``, older ones first.

    :param ended_at: by the service's clock.
    :param look_back: jobs older than this are ignored.
    """
    ended = yield from _list(ENDED_STATES, _before((yield from fetch_service_time()), look_back))
    return tuple(sorted((job for job in ended.values() if job.end_time and job.end_time >= ended_at), key=_end_order))


def list_ended_within(span: timedelta, look_back: timedelta) -> Flow[tuple[InventoryJob, ...]]:
    """Return the jobs that have ended within the last ``span``; see :func:`list_ended_since`."""
    return (yield from list_ended_since(_before((yield from fetch_service_time()), span), look_back))


def _first_snapshot() -> Flow[BucketSnapshot]:
    """Return what the first poll is compared with: no jobs, and the creation time of the newest ended job."""
    page = yield from send_with_retry(build_list(JobFilter(states=ENDED_STATES)), read_jobs, _RETRY)
    return BucketSnapshot(_newest(page.items, _EPOCH), {}, {})


def _newly_ended(before: BucketSnapshot, seen: Jobs) -> list[InventoryJob]:
    return [job for job_id, job in seen.items() if job.state.is_terminal and job_id not in before.settled]


def _new_snapshot(before: BucketSnapshot, seen: Jobs) -> BucketSnapshot:
    # A job that had ended stays ended, although the list may lag and show it as active, or not at all.
    settled = {**before.settled, **{job_id: job for job_id, job in seen.items() if job.state.is_terminal}}
    active = {job_id: job for job_id, job in seen.items() if job_id not in settled}
    snapshot = BucketSnapshot(_newest(seen.values(), before.newest_at), active, settled)
    young = {job_id: job for job_id, job in settled.items() if _created_since(job, snapshot.begins_at)}
    return replace(snapshot, settled=young)


def _poll_jobs(jobs: Mapping[str, datetime | None]) -> Flow[Jobs]:
    """Poll the jobs that the lists did not show; leave out those that no longer exist."""
    bulk_poll, found = BulkPoll(jobs, retry=_RETRY), dict[str, InventoryJob]()
    while not bulk_poll.is_over:
        results = yield from bulk_poll.send_next_request()
        for job_id, result in results.items():
            if not isinstance(result, TencentCIError):
                found[job_id] = result
            elif not isinstance(result, NotFoundError):
                raise result
    return found


def _list(states: tuple[str, ...], created_at: datetime) -> Flow[Jobs]:
    """Return all jobs in these states that were created then or later."""
    pages, jobs = Paginator(), dict[str, InventoryJob]()
    criteria = JobFilter(states=states, start_creation_time=created_at)
    while pages.next_token is not None:
        page = yield from send_with_retry(build_list(criteria, pages.next_token), read_jobs, _RETRY)
        jobs.update((job.job_id, job) for job in pages.new_items(page) if _created_since(job, created_at))
    return jobs


def _newest(jobs: Iterable[InventoryJob], at_least: datetime) -> datetime:
    return max([job.creation_time for job in jobs if job.creation_time] + [at_least])


def _created_since(job: InventoryJob, moment: datetime) -> bool:
    return job.creation_time is None or job.creation_time >= moment.replace(microsecond=0)


def _before(now: datetime, span: timedelta) -> datetime:
    """Return the time ``span`` before ``now``, 1970 at the earliest."""
    return now - min(span, now - _EPOCH)


def _end_order(job: InventoryJob) -> tuple[float, str]:
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
