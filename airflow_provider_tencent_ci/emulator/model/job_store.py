"""All batches of one emulator with their files, and records of their present state."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, new_id
from airflow_provider_tencent_ci.emulator.model.clock import Clock
from airflow_provider_tencent_ci.emulator.model.create_request import JobRequest
from airflow_provider_tencent_ci.emulator.model.input_files import InputFiles
from airflow_provider_tencent_ci.emulator.model.jobs import Job, Pause, Status
from airflow_provider_tencent_ci.emulator.model.list_pages import ALL_ENTRIES, STATES, Filters, last_shown
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour
from airflow_provider_tencent_ci.emulator.model.work_on_files import Work, WorkIds, Works
from airflow_provider_tencent_ci.emulator.model.work_selection import WorkSelection

__all__ = ["FileRecord", "JobRecord", "JobStore"]

# Files are numbered within the number of their batch: file n of batch b has the number b * _MAX_FILES + n.
_MAX_FILES = 100_000_000


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
    files: InputFiles


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
        self._work_owners: dict[str, Job] = {}  # by the batch's part of their ids
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

    def add(self, bucket: Bucket, request: JobRequest, files: InputFiles, *, listed: bool = True) -> Job:
        """
        Create a batch now.

        :param listed: ``False``: it is no batch but a single execution, which lists never show and which runs at once.
        """
        self._act_on_late_requests()  # an earlier batch has a smaller number
        return self._add(bucket, request, files, self._clock.now(), listed=listed)

    def add_late(self, bucket: Bucket, request: JobRequest, files: InputFiles, seconds: float) -> None:
        """Create a batch ``seconds`` from now; until then it does not exist and has no id."""
        self._late.append(_LateRequest(self._clock.now() + timedelta(seconds=seconds), bucket, request, files))

    def remove(self, job: Job) -> None:
        """Remove a batch and its files."""
        del self._jobs[job.job_id]
        del self._work_owners[job.works.ids.batch]

    def record(self, job: Job) -> JobRecord:
        """Return a batch as it is now."""
        return JobRecord(job, job.status(self._clock.now()))

    def file_record(self, work_id: str) -> FileRecord | None:
        """Return an execution or a child job as it is now; ``None``: it does not exist, or not yet."""
        job = self._work_owners.get(WorkIds.batch_of(work_id))
        work = job.works.with_id(work_id) if job else None
        if job is None or work is None or work.index >= len(self._selection(job).select(ALL_ENTRIES)):
            return None
        return next(self.files_of(job, [work.index]))

    def file_records(
        self,
        bucket: Bucket,
        filters: Filters,
        wanted: Callable[[Job], bool],
        *,
        workflow_id: str = "",
        key: str = "",
    ) -> Iterator[FileRecord]:
        """
        Yield files in the order of ``filters``, beginning with the page of its token.

        The state of a file is computed when the file is yielded, so that a page costs no more than its own files.

        :param wanted: returns whether the files of a batch are wanted.
        :param workflow_id: only the executions of this workflow; empty: of all.
        :param key: only this file; empty: all.
        """
        last = last_shown(filters, self._behaviour_of(bucket).lists)
        jobs = sorted(self.in_bucket(bucket), key=lambda job: job.sequence, reverse=not filters.ascending)
        for job in jobs:
            if wanted(job):
                numbers = _after(self._selection(job).select(filters, key), job, last, ascending=filters.ascending)
                yield from self.files_of(job, (one for one in numbers if job.works.is_of(workflow_id, one)))

    def files_of(self, job: Job, numbers: Iterable[int] | None = None) -> Iterator[FileRecord]:
        """
        Yield the files of a batch as they are now.

        :param numbers: the numbers of the wanted files, which exist; default: all that exist.
        """
        selection = self._selection(job)
        for number in selection.select(ALL_ENTRIES) if numbers is None else numbers:
            work = job.works[number]
            created_at, sequence = selection.created_at(number), job.sequence * _MAX_FILES + number
            yield FileRecord(job, work, selection.status(work), created_at, sequence)

    def count_files(self, job: Job) -> dict[str, int]:
        """Return how many files of a batch are in which state now, without a look at each; no zeros."""
        selection = self._selection(job)
        counts = {
            state: len(selection.select(replace(ALL_ENTRIES, states=frozenset({state})))) for state in sorted(STATES)
        }
        return {state: number for state, number in counts.items() if number}

    def _selection(self, job: Job) -> WorkSelection:
        return WorkSelection(job, job.timeline(), self._clock.now())

    def _act_on_late_requests(self) -> None:
        """Create the batches that are due, with the time at which each was due."""
        now = self._clock.now()
        due = sorted((late for late in self._late if late.acts_at <= now), key=lambda late: late.acts_at)
        self._late = [late for late in self._late if late.acts_at > now]
        for late in due:
            self._add(late.bucket, late.request, late.files, late.acts_at, listed=True)

    def _add(
        self, bucket: Bucket, request: JobRequest, files: InputFiles, created_at: datetime, *, listed: bool
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
            works=Works(bucket, request, files, behaviour),
            listed=listed,
            missing_from_lists=behaviour.lists.list_lag_answers,
            pauses=[Pause(created_at)] if paused else [],
        )
        self._jobs[job.job_id] = job
        self._work_owners[job.works.ids.batch] = job
        return job


def _after(numbers: Sequence[int], job: Job, last: int | None, *, ascending: bool) -> Iterator[int]:
    """Yield the numbers of files after the entry with number ``last``, in the order of the list."""
    if ascending:
        start = 0 if last is None else bisect_right(numbers, last - job.sequence * _MAX_FILES)
        return (numbers[at] for at in range(start, len(numbers)))
    stop = len(numbers) if last is None else bisect_left(numbers, last - job.sequence * _MAX_FILES)
    return (numbers[at] for at in reversed(range(stop)))
