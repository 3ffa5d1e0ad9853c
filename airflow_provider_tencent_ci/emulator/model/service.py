"""
The emulated service without HTTP: its operations on buckets, batches and files.

A method takes the parameters of a request and returns records, or raises :class:`ServiceError`. Time comes from the
clock; there are no threads and no timers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, Queue, Workflow
from airflow_provider_tencent_ci.emulator.model.clock import Clock
from airflow_provider_tencent_ci.emulator.model.create_request import JobRequest, read_create_request
from airflow_provider_tencent_ci.emulator.model.failing_files import Failure
from airflow_provider_tencent_ci.emulator.model.input_files import InputFiles, select_files
from airflow_provider_tencent_ci.emulator.model.job_store import FileRecord, JobRecord, JobStore
from airflow_provider_tencent_ci.emulator.model.jobs import Ending, Job, Pause
from airflow_provider_tencent_ci.emulator.model.list_pages import (
    Filters,
    Page,
    Query,
    cut,
    matches_name,
    one_of,
    paged,
)
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour
from airflow_provider_tencent_ci.emulator.model.switches import Lists
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError, invalid_argument

__all__ = ["Service"]

# Tags of picture jobs. /pic_jobs lists them, and /jobs lists all others (docs/service.md, 3.3).
PICTURE_TAGS = frozenset({"PicProcess", "ImageInspect"})


class Service:
    """
    All buckets of one emulator, and the operations on them.

    :param clock: the time that batches and objects go by.
    :param behaviour: the switches of buckets without switches of their own.
    """

    def __init__(self, clock: Clock, behaviour: Behaviour | None = None) -> None:
        self.clock = clock
        self.behaviour = behaviour or Behaviour()
        self.buckets: dict[str, Bucket] = {}
        self._store = JobStore(clock, self.behaviour_of)

    def clear(self, behaviour: Behaviour) -> None:
        """Forget all buckets and batches, and set other switches."""
        self.behaviour = behaviour
        self.buckets.clear()
        self._store.clear()

    @property
    def jobs(self) -> Mapping[str, Job]:
        """All batches by their ids."""
        return self._store.jobs

    def behaviour_of(self, bucket: Bucket) -> Behaviour:
        """Return the switches of a bucket: its own ones or the server's."""
        return bucket.behaviour or self.behaviour

    def time(self, bucket: Bucket) -> datetime:
        """Return the time by the service's clock, as a bucket stores it."""
        return self.clock.now() + self.behaviour_of(bucket).clock.offset

    def read_create(self, bucket: Bucket, body: bytes) -> JobRequest:
        """Read and check the body of a create request."""
        rules = self.behaviour_of(bucket).requests
        request = read_create_request(body, bucket, rules)
        if rules.same_name == "refuse" and any(job.request.name == request.name for job in self._listed(bucket)):
            raise invalid_argument(f"Request.Name {request.name!r} is the name of another batch.")
        return request

    def create_job(self, bucket: Bucket, request: JobRequest) -> JobRecord:
        """Create a batch. Names need not be unique, and the request is not idempotent (docs/service.md, 10)."""
        return self.record(self._store.add(bucket, request, self._files_for(bucket, request)))

    def create_job_late(self, bucket: Bucket, request: JobRequest, seconds: float) -> None:
        """Create a batch ``seconds`` from now; until then it does not exist and has no id."""
        self._store.add_late(bucket, request, self._files_for(bucket, request), seconds)

    def get_job(self, bucket: Bucket, job_id: str) -> JobRecord | None:
        """Return a batch, or ``None`` if the bucket has none with this id."""
        job = self.jobs.get(job_id)
        found = job is not None and job.listed and job.bucket_name == bucket.name
        return self.record(job) if job and found else None

    def read_job(self, bucket: Bucket, job_id: str) -> JobRecord | None:
        """Return a batch as a request by its id shows it; ``None``: the bucket has none, or it is not shown yet."""
        lists = self.behaviour_of(bucket).lists
        record = self.get_job(bucket, job_id)
        shown = lists.job_by_id == "at_once" or (record is not None and self._is_listed(record.job, lists))
        return record if shown else None

    def list_jobs(self, bucket: Bucket, query: Query) -> Page[JobRecord]:
        """Return a page of the bucket's batches."""
        lists = self.behaviour_of(bucket).lists
        filters = Filters.read(query)
        job_type = one_of(query, "type", ("", "Workflow", "Job"))
        wanted = (
            job
            for job in self._listed(bucket)
            if job_type in ("", job.request.type)
            and (lists.job_id_filter == "ignored" or query.get("jobId", "") in ("", job.job_id))
            and (not query.get("workflowId") or query["workflowId"] in job.request.workflow_ids)
            and matches_name(query.get("name", ""), job.request.name, lists)
        )
        found = (record for record in map(self.record, wanted) if filters.admit(record.created_at, record.status.state))
        return paged([record for record in found if self._shows(record.job, lists)], filters, lists)

    def cancel_job(self, bucket: Bucket, job_id: str) -> None:
        """
        Cancel a batch in any state that is not final (assumed; docs/service.md, 2.8).

        :raises ServiceError: there is no such batch; or it has ended and ``cancel_of_ended`` is ``refuse``.
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
        """Return a page of workflow executions; ``jobId`` is the batch's (docs/service.md, 3.1)."""
        lists = self.behaviour_of(bucket).lists
        filters, name, workflow_id = Filters.read(query), query.get("name", ""), query.get("workflowId", "")
        found = self._store.file_records(
            bucket,
            filters,
            lambda job: (
                job.request.type == "Workflow"
                and query.get("jobId", "") in ("", job.job_id)
                and (not workflow_id or workflow_id in job.request.workflow_ids)
            ),
            workflow_id=workflow_id,
            key=name if lists.name_filter == "exact" else "",
        )
        return cut((record for record in found if matches_name(name, record.work.key, lists)), filters, lists)

    def get_execution(self, bucket: Bucket, run_id: str) -> FileRecord:
        """
        Return one workflow execution.

        :raises ServiceError: the bucket has no execution with this id (docs/service.md, 3.2).
        """
        record = self._store.file_record(run_id)
        if record is None or not record.work.workflow_id or record.job.bucket_name != bucket.name:
            raise ServiceError(404, "WorkflowExecutionNotFound", f"There is no workflow execution {run_id!r}.")
        return record

    def list_child_jobs(self, bucket: Bucket, query: Query, *, pictures: bool) -> Page[FileRecord]:
        """
        Return a page of child jobs; ``inventoryTriggerJobId`` is the batch's (docs/service.md, 3.3).

        :param pictures: ``True`` for ``/pic_jobs``, ``False`` for ``/jobs``.
        """
        if not query.get("tag"):
            raise invalid_argument("tag is required.")
        filters = Filters.read(query)
        found = self._store.file_records(
            bucket,
            filters,
            lambda job: (
                job.request.type == "Job"
                and query.get("inventoryTriggerJobId", "") in ("", job.job_id)
                and query["tag"] == job.request.tag
                and (job.request.tag in PICTURE_TAGS) is pictures
                and query.get("queueId", "") in ("", job.queue_id)
            ),
            key=query.get("inputObject", ""),
        )
        return cut(found, filters, self.behaviour_of(bucket).lists)

    def list_queues(self, bucket: Bucket, query: Query) -> list[Queue]:
        """Return the queues that ``queueIds`` and ``state`` select."""
        wanted = _words(query, "queueIds")
        state = one_of(query, "state", ("All", "Active", "Paused"))
        return [
            queue
            for queue in bucket.queues.values()
            if (not wanted or queue.queue_id in wanted) and state in ("All", queue.state)
        ]

    def list_workflows(self, bucket: Bucket, query: Query) -> list[Workflow]:
        """Return the workflows that ``ids`` and ``name`` select."""
        wanted = _words(query, "ids")
        return [
            workflow
            for workflow in bucket.workflows.values()
            if (not wanted or workflow.workflow_id in wanted) and query.get("name", "") in ("", workflow.name)
        ]

    def trigger_workflow(self, bucket: Bucket, query: Query) -> str:
        """Run a workflow on one object and return the id of the execution (docs/service.md, 3.4)."""
        workflow_id, key = query.get("workflowId", ""), query.get("object", "")
        if workflow_id not in bucket.workflows:
            raise invalid_argument(f"workflowId: there is no workflow {workflow_id!r}.")
        if bucket.find(key) is None:
            raise ServiceError(400, "ResourceNotFound", f"object: there is no object {key!r}.")
        nothing = Element("Input")
        request = JobRequest(query.get("name", ""), "Workflow", {"Object": key}, nothing, nothing, (workflow_id,))
        files = InputFiles([bucket.key_of(key)])
        return self._store.add(bucket, request, files, listed=False).works[0].work_id

    def pause_queue(self, bucket: Bucket, queue_id: str | None = None) -> None:
        """Pause a queue: its waiting batches become ``Pause``, running ones continue (docs/service.md, 4)."""
        queue = bucket.queues[queue_id] if queue_id else bucket.default_queue
        queue.paused = True
        now = self.clock.now()
        for job in self._store.in_bucket(bucket):
            if job.queue_id == queue.queue_id and job.status(now).state == "Submitted":
                job.pauses.append(Pause(now))

    def resume_queue(self, bucket: Bucket, queue_id: str | None = None) -> None:
        """Resume a queue: its paused batches wait for the rest of their waiting time, then run (assumed)."""
        queue = bucket.queues[queue_id] if queue_id else bucket.default_queue
        queue.paused = False
        for job in self._store.in_bucket(bucket):
            if job.queue_id == queue.queue_id:
                self.resume_job(job)

    def resume_job(self, job: Job) -> None:
        """End the pause of one batch."""
        for pause in job.pauses:
            pause.resumed_at = pause.resumed_at or self.clock.now()

    def end_job(self, job: Job, state: str, failure: Failure | None = None) -> None:
        """End a batch now, unless it has ended already."""
        now = self.clock.now()
        if not job.status(now).has_ended:
            job.forced = Ending(now, state, failure)

    def forget_job(self, job: Job) -> None:
        """Remove a batch and its files."""
        self._store.remove(job)

    def record(self, job: Job) -> JobRecord:
        """Return a batch as it is now."""
        return self._store.record(job)

    def files_of(self, job: Job) -> list[FileRecord]:
        """Return the executions or child jobs of a batch as they are now."""
        return list(self._store.files_of(job))

    def count_files(self, job: Job) -> dict[str, int]:
        """Return how many executions or child jobs of a batch are in which state now."""
        return self._store.count_files(job)

    def _files_for(self, bucket: Bucket, request: JobRequest) -> InputFiles:
        return select_files(bucket, request, self.behaviour_of(bucket).requests)

    def _listed(self, bucket: Bucket) -> Iterator[Job]:
        return (job for job in self._store.in_bucket(bucket) if job.listed)

    def _shows(self, job: Job, lists: Lists) -> bool:
        """Return whether a list shows a batch already; counts a list that does not."""
        shown = self._is_listed(job, lists)
        if not shown and self._is_old_enough(job, lists):
            job.missing_from_lists -= 1
        return shown

    def _is_listed(self, job: Job, lists: Lists) -> bool:
        return not job.missing_from_lists and self._is_old_enough(job, lists)

    def _is_old_enough(self, job: Job, lists: Lists) -> bool:
        return self.clock.now() >= job.created_at + timedelta(seconds=lists.list_lag_seconds)


def _words(query: Query, name: str) -> frozenset[str]:
    text = query.get(name, "")
    return frozenset(text.split(",")) if text else frozenset()
