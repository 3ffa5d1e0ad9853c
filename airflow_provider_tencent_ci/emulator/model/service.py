"""
The emulated service without HTTP: buckets, batches, and what became of each file.

A method takes what a request says and returns records, or raises :class:`ServiceError`. Time comes from the clock;
there are no threads and no timers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from xml.etree.ElementTree import Element

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, Queue, Workflow, new_id
from airflow_provider_tencent_ci.emulator.model.clock import Clock
from airflow_provider_tencent_ci.emulator.model.create_request import JobRequest, read_create_request
from airflow_provider_tencent_ci.emulator.model.input_files import InputFile, select_files
from airflow_provider_tencent_ci.emulator.model.jobs import (
    Ending,
    Failure,
    Job,
    Pause,
    Status,
    Work,
    plan_work,
)
from airflow_provider_tencent_ci.emulator.model.list_pages import (
    Filters,
    Page,
    Query,
    cut,
    last_shown,
    matches_name,
    one_of,
    paged,
)
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour
from airflow_provider_tencent_ci.emulator.model.switches import Lists
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError, invalid_argument

__all__ = ["FileRecord", "JobRecord", "Service"]

# Tags of picture jobs, which are listed by /pic_jobs; the rest is listed by /jobs (API reference, 3.3).
PICTURE_TAGS = frozenset({"PicProcess", "ImageInspect"})

# More than any batch of a test has: numbers of files follow the numbers of their batches.
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


class Service:
    """
    All buckets of one emulator and what happens in them.

    :param clock: what time it is.
    :param behaviour: the switches of buckets that have none of their own.
    """

    def __init__(self, clock: Clock, behaviour: Behaviour | None = None) -> None:
        self.clock = clock
        self.behaviour = behaviour or Behaviour()
        self.buckets: dict[str, Bucket] = {}
        self._jobs: dict[str, Job] = {}
        self._late: list[_LateRequest] = []
        self._work_owners: dict[str, tuple[Job, Work]] = {}
        self._sequence = count(1)

    def clear(self, behaviour: Behaviour) -> None:
        """Forget all buckets and batches, and take up other switches."""
        self.behaviour = behaviour
        self.buckets.clear()
        self._jobs.clear()
        self._late.clear()
        self._work_owners.clear()

    @property
    def jobs(self) -> Mapping[str, Job]:
        """All batches by their ids."""
        self._act_on_late_requests()
        return self._jobs

    def behaviour_of(self, bucket: Bucket) -> Behaviour:
        """Return the switches that count for a bucket."""
        return bucket.behaviour or self.behaviour

    def time(self, bucket: Bucket) -> datetime:
        """Return the time by the clock that writes what is stored in a bucket."""
        return self.clock.now() + self.behaviour_of(bucket).clock.offset

    def read_create(self, bucket: Bucket, body: bytes) -> JobRequest:
        """Read and judge the body of a create request."""
        return read_create_request(body, bucket, self.behaviour_of(bucket).requests)

    def create_job(self, bucket: Bucket, request: JobRequest) -> JobRecord:
        """Create a batch. Names need not be unique, and nothing makes this idempotent (API reference, 10)."""
        self._act_on_late_requests()  # numbers follow times
        return self.record(self._add_job(bucket, request, self._files_for(bucket, request), self.clock.now()))

    def create_job_late(self, bucket: Bucket, request: JobRequest, seconds: float) -> None:
        """Create a batch ``seconds`` from now; until then there is none, not even one with an id."""
        acts_at = self.clock.now() + timedelta(seconds=seconds)
        self._late.append(_LateRequest(acts_at, bucket, request, self._files_for(bucket, request)))

    def get_job(self, bucket: Bucket, job_id: str) -> JobRecord | None:
        """Return a batch, or ``None`` if the bucket has none with this id."""
        job = self.jobs.get(job_id)
        found = job is not None and job.listed and job.bucket_name == bucket.name
        return self.record(job) if job and found else None

    def list_jobs(self, bucket: Bucket, query: Query) -> Page[JobRecord]:
        """Return a page of the bucket's batches."""
        lists = self.behaviour_of(bucket).lists
        filters = Filters.read(query)
        job_type = one_of(query, "type", ("", "Workflow", "Job"))
        wanted = (
            job
            for job in self._jobs_of(bucket)
            if job.listed
            and job_type in ("", job.request.type)
            and query.get("jobId", "") in ("", job.job_id)
            and (not query.get("workflowId") or query["workflowId"] in job.request.workflow_ids)
            and matches_name(query.get("name", ""), job.request.name, lists)
        )
        found = (record for record in map(self.record, wanted) if filters.admit(record.created_at, record.status.state))
        return paged([record for record in found if self._shows(record.job, lists)], filters, lists)

    def cancel_job(self, bucket: Bucket, job_id: str) -> None:
        """
        Cancel a batch in any state that is not final (assumed; API reference, 2.8).

        :raises ServiceError: there is no such batch; or it has ended and ``cancel_of_ended`` says ``refuse``.
        """
        record = self.get_job(bucket, job_id)
        if record is None:
            raise invalid_argument(f"There is no batch {job_id!r}.")
        cancellation = self.behaviour_of(bucket).cancellation
        if not record.status.has_ended:
            cancelled_at = self.clock.now() + timedelta(seconds=cancellation.cancel_seconds)
            record.job.cancelled_at = min(record.job.cancelled_at or cancelled_at, cancelled_at)
        elif cancellation.cancel_of_ended == "refuse":
            raise invalid_argument(f"The batch {job_id!r} has ended as {record.status.state}.")

    def list_executions(self, bucket: Bucket, query: Query) -> Page[FileRecord]:
        """Return a page of workflow executions; ``jobId`` is the batch's (API reference, 3.1)."""
        lists = self.behaviour_of(bucket).lists
        filters = Filters.read(query)
        return cut(
            (
                record
                for record in self._file_records(bucket, "Workflow", query.get("jobId", ""), filters)
                if filters.admit(record.created_at, record.status.state)
                and query.get("workflowId", "") in ("", record.work.workflow_id)
                and matches_name(query.get("name", ""), record.work.key, lists)
            ),
            filters,
            lists,
        )

    def get_execution(self, bucket: Bucket, run_id: str) -> FileRecord:
        """
        Return one workflow execution.

        :raises ServiceError: the bucket has none with this id. The answer is not documented; assumed.
        """
        job, work = self._work_owners.get(run_id, (None, None))
        if job and work and work.workflow_id and job.bucket_name == bucket.name:
            for record in self._files_of(job):
                if record.work is work:
                    return record
        raise ServiceError(404, "ResourceNotFound", f"There is no workflow execution {run_id!r}.")

    def list_child_jobs(self, bucket: Bucket, query: Query, *, pictures: bool) -> Page[FileRecord]:
        """
        Return a page of child jobs; ``inventoryTriggerJobId`` is the batch's (API reference, 3.3).

        :param pictures: whether those of ``/pic_jobs`` are asked for or those of ``/jobs``.
        """
        if not query.get("tag"):
            raise invalid_argument("tag is required.")
        filters = Filters.read(query)
        return cut(
            (
                record
                for record in self._file_records(bucket, "Job", query.get("inventoryTriggerJobId", ""), filters)
                if filters.admit(record.created_at, record.status.state)
                and query["tag"] == record.job.request.tag
                and (record.job.request.tag in PICTURE_TAGS) is pictures
                and query.get("queueId", "") in ("", record.job.queue_id)
                and query.get("inputObject", "") in ("", record.work.key)
            ),
            filters,
            self.behaviour_of(bucket).lists,
        )

    def list_queues(self, bucket: Bucket, query: Query) -> list[Queue]:
        """Return the queues asked for by ``queueIds`` and ``state``."""
        wanted = _words(query, "queueIds")
        state = one_of(query, "state", ("All", "Active", "Paused"))
        return [
            queue
            for queue in bucket.queues.values()
            if (not wanted or queue.queue_id in wanted) and state in ("All", queue.state)
        ]

    def list_workflows(self, bucket: Bucket, query: Query) -> list[Workflow]:
        """Return the workflows asked for by ``ids`` and ``name``."""
        wanted = _words(query, "ids")
        return [
            workflow
            for workflow in bucket.workflows.values()
            if (not wanted or workflow.workflow_id in wanted) and query.get("name", "") in ("", workflow.name)
        ]

    def trigger_workflow(self, bucket: Bucket, query: Query) -> str:
        """Run a workflow on one object and return the id of the execution (API reference, 3.4)."""
        workflow_id, key = query.get("workflowId", ""), query.get("object", "")
        if workflow_id not in bucket.workflows:
            raise invalid_argument(f"workflowId: there is no workflow {workflow_id!r}.")
        if bucket.find(key) is None:
            raise ServiceError(400, "ResourceNotFound", f"object: there is no object {key!r}.")
        nothing = Element("Input")
        request = JobRequest(query.get("name", ""), "Workflow", {"Object": key}, nothing, nothing, (workflow_id,))
        files = [InputFile(bucket.key_of(key), True)]
        job = self._add_job(bucket, request, files, self.clock.now(), listed=False)
        return job.works[0].work_id

    def pause_queue(self, bucket: Bucket, queue_id: str | None = None) -> None:
        """Pause a queue: its waiting batches become ``Pause``, running ones go on (API reference, 4)."""
        queue = bucket.queues[queue_id] if queue_id else bucket.default_queue
        queue.paused = True
        now = self.clock.now()
        for job in self._jobs_of(bucket):
            if job.queue_id == queue.queue_id and job.status(now).state == "Submitted":
                job.pauses.append(Pause(now))

    def resume_queue(self, bucket: Bucket, queue_id: str | None = None) -> None:
        """Resume a queue: its paused batches wait for the rest of their time, then run (assumed)."""
        queue = bucket.queues[queue_id] if queue_id else bucket.default_queue
        queue.paused = False
        for job in self._jobs_of(bucket):
            if job.queue_id == queue.queue_id:
                self.resume_job(job)

    def resume_job(self, job: Job) -> None:
        """End the pause of one batch."""
        for pause in job.pauses:
            pause.resumed_at = pause.resumed_at or self.clock.now()

    def end_job(self, job: Job, state: str, failure: Failure | None = None) -> None:
        """Let a batch end now, unless it has ended."""
        now = self.clock.now()
        if not job.status(now).has_ended:
            job.forced = Ending(now, state, failure)

    def forget_job(self, job: Job) -> None:
        """Remove a batch and its files."""
        del self._jobs[job.job_id]
        for work in job.works:
            del self._work_owners[work.work_id]

    def record(self, job: Job) -> JobRecord:
        """Return a batch as it is now."""
        return JobRecord(job, job.status(self.clock.now()))

    def files_of(self, job: Job) -> list[FileRecord]:
        """Return the executions or child jobs of a batch as they are now."""
        return list(self._files_of(job))

    def _act_on_late_requests(self) -> None:
        """Create the batches whose time has come, as of that time."""
        now = self.clock.now()
        due = sorted((late for late in self._late if late.acts_at <= now), key=lambda late: late.acts_at)
        self._late = [late for late in self._late if late.acts_at > now]
        for late in due:
            self._add_job(late.bucket, late.request, late.files, late.acts_at)

    def _files_for(self, bucket: Bucket, request: JobRequest) -> list[InputFile]:
        return select_files(bucket, request, self.behaviour_of(bucket).requests)

    def _add_job(
        self, bucket: Bucket, request: JobRequest, files: list[InputFile], now: datetime, *, listed: bool = True
    ) -> Job:
        behaviour = self.behaviour_of(bucket)
        queue = bucket.queues[request.queue_id] if request.queue_id else bucket.default_queue
        paused = queue.paused or behaviour.jobs.outcome == "pause"
        job = Job(
            job_id=new_id("b"),
            sequence=next(self._sequence),
            bucket_name=bucket.name,
            request=request,
            created_at=now,
            behaviour=behaviour,
            queue_id=queue.queue_id,
            works=plan_work(bucket, request, files, behaviour),
            listed=listed,
            missing_from_lists=behaviour.lists.list_lag_answers,
            pauses=[Pause(now)] if paused else [],
        )
        self._jobs[job.job_id] = job
        self._work_owners.update((work.work_id, (job, work)) for work in job.works)
        return job

    def _jobs_of(self, bucket: Bucket) -> Iterator[Job]:
        return (job for job in self.jobs.values() if job.bucket_name == bucket.name)

    def _shows(self, job: Job, lists: Lists) -> bool:
        """Tell whether a list shows a job yet, and count the lists that did not."""
        if self.clock.now() < job.created_at + timedelta(seconds=lists.list_lag_seconds):
            return False
        if job.missing_from_lists:
            job.missing_from_lists -= 1
            return False
        return True

    def _file_records(self, bucket: Bucket, job_type: str, job_id: str, filters: Filters) -> Iterator[FileRecord]:
        """Yield files in the order asked for, from the page asked for on; each state is worked out as it is used."""
        last = last_shown(filters, self.behaviour_of(bucket).lists)
        jobs = sorted(self._jobs_of(bucket), key=lambda job: job.sequence, reverse=not filters.ascending)
        for job in jobs:
            if job.request.type == job_type and job_id in ("", job.job_id):
                yield from self._files_of(job, _indexes(job, last, ascending=filters.ascending))

    def _files_of(self, job: Job, indexes: range | None = None) -> Iterator[FileRecord]:
        """
        Yield the files of a batch as they are now.

        Executions exist from the start of the batch on and have no word for waiting, so one whose turn has not come
        is ``Running`` (assumed; API reference, 3.1). Child jobs exist from the creation of the batch on.
        """
        now = self.clock.now()
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


def _indexes(job: Job, last: int | None, *, ascending: bool) -> range:
    """Return which files of a batch come after the entry with number ``last``, in their order."""
    first, count = job.sequence * _MAX_FILES, len(job.works)
    if ascending:
        return range(0 if last is None else max(0, last + 1 - first), count)
    return range(count - 1 if last is None else min(count, last - first) - 1, -1, -1)


def _words(query: Query, name: str) -> frozenset[str]:
    text = query.get(name, "")
    return frozenset(text.split(",")) if text else frozenset()
