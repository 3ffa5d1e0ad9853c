"""All batches of one emulator with their files, and records of their present state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, new_id
from airflow_provider_tencent_ci.emulator.model.clock import Clock
from airflow_provider_tencent_ci.emulator.model.create_request import JobRequest
from airflow_provider_tencent_ci.emulator.model.input_files import InputFile
from airflow_provider_tencent_ci.emulator.model.jobs import Job, Pause, Status, Work, plan_work
from airflow_provider_tencent_ci.emulator.model.list_pages import Filters, last_shown
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour

__all__ = ["FileRecord", "JobRecord", "JobStore"]

# Files are numbered within the number of their batch: file n of batch b has the number b * _MAX_FILES + n.
_MAX_FILES = 1_000_000


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A batch as it is at one moment."""

    job: Job
    status: Status

    @property
    def created_at(self) -> datetime:
        """When the batch was created, by the service's clock."""
        return self.job.created_at + self.job.behaviour.clock.offset

    @property
    def sequence(self) -> int:
        """The number of the batch."""
        return self.job.sequence


@dataclass(frozen=True, slots=True)
class FileRecord:
    """
    A workflow execution or a child job as it is at one moment.

    :param created_at: when the batch started; for a child job, when it was created. By the service's clock.
    """

    job: Job
    work: Work
    status: Status
    created_at: datetime
    sequence: int


@dataclass(frozen=True, slots=True)
class _LateRequest:
    """A request for a batch that has come in and is not acted on yet."""

    acts_at: datetime
    bucket: Bucket
    request: JobRequest
    files: list[InputFile]


class JobStore:
    """
    All batches by their ids.

    :param clock: the time that batches go by.
    :param behaviour_of: returns the switches of a bucket at the time when a batch is created in it.
    """

    def __init__(self, clock: Clock, behaviour_of: Callable[[Bucket], Behaviour]) -> None:
        self._clock = clock
        self._behaviour_of = behaviour_of
        self._jobs: dict[str, Job] = {}
        self._late: list[_LateRequest] = []
        self._work_owners: dict[str, tuple[Job, Work]] = {}
        self._sequence = count(1)

    def clear(self) -> None:
        """Forget all batches and the requests that are not acted on yet."""
        self._jobs.clear()
        self._late.clear()
        self._work_owners.clear()

    @property
    def jobs(self) -> Mapping[str, Job]:
        """All batches by their ids."""
        self._act_on_late_requests()
        return self._jobs

    def in_bucket(self, bucket: Bucket) -> Iterator[Job]:
        """Yield the batches of a bucket, in the order of their creation."""
        return (job for job in self.jobs.values() if job.bucket_name == bucket.name)

    def add(self, bucket: Bucket, request: JobRequest, files: list[InputFile], *, listed: bool = True) -> Job:
        """
        Create a batch now.

        :param listed: ``False``: it is no batch but a single execution, which lists never show and which runs at once.
        """
        self._act_on_late_requests()  # an earlier batch has a smaller number
        return self._add(bucket, request, files, self._clock.now(), listed=listed)

    def add_late(self, bucket: Bucket, request: JobRequest, files: list[InputFile], seconds: float) -> None:
        """Create a batch ``seconds`` from now; until then it does not exist and has no id."""
        self._late.append(_LateRequest(self._clock.now() + timedelta(seconds=seconds), bucket, request, files))

    def remove(self, job: Job) -> None:
        """Remove a batch and its files."""
        del self._jobs[job.job_id]
        for work in job.works:
            del self._work_owners[work.work_id]

    def record(self, job: Job) -> JobRecord:
        """Return a batch as it is now."""
        return JobRecord(job, job.status(self._clock.now()))

    def file_record(self, work_id: str) -> FileRecord | None:
        """Return an execution or a child job as it is now; ``None``: it does not exist, or not yet."""
        job, work = self._work_owners.get(work_id, (None, None))
        return next((record for record in self.files_of(job) if record.work is work), None) if job else None

    def file_records(self, bucket: Bucket, job_type: str, job_id: str, filters: Filters) -> Iterator[FileRecord]:
        """
        Yield files in the order of ``filters``, beginning with the page of its token.

        The state of a file is computed when the file is yielded, so that a page costs no more than its own files.

        :param job_type: ``Workflow`` for executions, ``Job`` for child jobs.
        :param job_id: only the files of this batch; empty: the files of all.
        """
        last = last_shown(filters, self._behaviour_of(bucket).lists)
        jobs = sorted(self.in_bucket(bucket), key=lambda job: job.sequence, reverse=not filters.ascending)
        for job in jobs:
            if job.request.type == job_type and job_id in ("", job.job_id):
                yield from self.files_of(job, _indexes(job, last, ascending=filters.ascending))

    def files_of(self, job: Job, indexes: range | None = None) -> Iterator[FileRecord]:
        """
        Yield the files of a batch as they are now.

        Executions exist from the start of the batch on. Their states have no word for waiting, so an execution whose
        turn has not come is ``Running`` (assumed; docs/service.md, 3.1). Child jobs exist from the creation of the
        batch on.

        :param indexes: the indexes of the wanted files; default: all.
        """
        now = self._clock.now()
        timeline = job.timeline()
        runs_workflow = job.request.type == "Workflow"
        created_at = timeline.started_at if runs_workflow else job.created_at
        never_started = timeline.ending and created_at and timeline.ending.ends_at < created_at
        if created_at is None or created_at > now or never_started:
            return
        for index in range(len(job.works)) if indexes is None else indexes:
            work = job.works[index]
            status = job.work_status(work, timeline, now)
            if runs_workflow and status.state in ("Submitted", "Pause"):
                status = Status("Running")
            shown_at = created_at + job.behaviour.clock.offset
            yield FileRecord(job, work, status, shown_at, job.sequence * _MAX_FILES + index)

    def _act_on_late_requests(self) -> None:
        """Create the batches that are due, with the time at which each was due."""
        now = self._clock.now()
        due = sorted((late for late in self._late if late.acts_at <= now), key=lambda late: late.acts_at)
        self._late = [late for late in self._late if late.acts_at > now]
        for late in due:
            self._add(late.bucket, late.request, late.files, late.acts_at, listed=True)

    def _add(
        self, bucket: Bucket, request: JobRequest, files: list[InputFile], created_at: datetime, *, listed: bool
    ) -> Job:
        behaviour = self._behaviour_of(bucket)
        queue = bucket.queues[request.queue_id] if request.queue_id else bucket.default_queue
        paused = listed and (queue.paused or behaviour.jobs.outcome == "pause")
        job = Job(
            job_id=new_id("b"),
            sequence=next(self._sequence),
            bucket_name=bucket.name,
            request=request,
            created_at=created_at,
            behaviour=behaviour,
            queue_id=queue.queue_id,
            works=plan_work(bucket, request, files, behaviour),
            listed=listed,
            missing_from_lists=behaviour.lists.list_lag_answers,
            pauses=[Pause(created_at)] if paused else [],
        )
        self._jobs[job.job_id] = job
        self._work_owners.update((work.work_id, (job, work)) for work in job.works)
        return job


def _indexes(job: Job, last: int | None, *, ascending: bool) -> range:
    """Return the indexes of the files after the entry with number ``last``, in the order of the list."""
    first, number = job.sequence * _MAX_FILES, len(job.works)
    if ascending:
        return range(0 if last is None else max(0, last + 1 - first), number)
    return range(number - 1 if last is None else min(number, last - first) - 1, -1, -1)
