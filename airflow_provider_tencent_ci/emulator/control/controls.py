"""
The controls of an emulator, behind the Python API and the control API.

A lock makes each method safe to call while the server runs in another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from threading import RLock
from typing import Any

from airflow_provider_tencent_ci.emulator.auth.key_services import KEY_OPERATIONS
from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey
from airflow_provider_tencent_ci.emulator.auth.roles import Role
from airflow_provider_tencent_ci.emulator.control.summaries import FileSummary, JobSummary, bucket_state, job_state
from airflow_provider_tencent_ci.emulator.faults.fault_catalogue import ANY_OPERATION, ActiveFault, Fault
from airflow_provider_tencent_ci.emulator.http.gateway import Exchange, Gateway
from airflow_provider_tencent_ci.emulator.http.object_operations import OBJECT_OPERATIONS
from airflow_provider_tencent_ci.emulator.http.operations import OPERATION_NAMES
from airflow_provider_tencent_ci.emulator.http.request_log import RecordedRequest
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, StoredObject, Workflow
from airflow_provider_tencent_ci.emulator.model.clock import Clock
from airflow_provider_tencent_ci.emulator.model.failing_files import Failure
from airflow_provider_tencent_ci.emulator.model.jobs import Job
from airflow_provider_tencent_ci.emulator.model.object_store import NumberedKeys, ObjectSeries
from airflow_provider_tencent_ci.emulator.model.service import Service
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Reply, WireRequest

__all__ = ["Controls"]


class Controls:
    """
    An emulator without its server.

    :param bucket: the first bucket, which also gets the requests with a ``Host`` that names no bucket.
    :param region: its region.
    :param objects: how many media objects it holds at the start.
    :param now: where the time comes from (returns an aware datetime), for jobs and for the windows of signatures;
        default: this machine's clock.
    :param behaviour: the switches at the start, and after each reset.
    """

    def __init__(
        self,
        *,
        bucket: str = defaults.BUCKET,
        region: str = defaults.REGION,
        objects: int = defaults.OBJECT_COUNT,
        now: Callable[[], datetime] | None = None,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.default_bucket = bucket
        self.default_region = region
        self._object_count = objects
        self._initial_behaviour = behaviour or Behaviour()
        self._lock = RLock()
        self._clock = Clock(now)
        self._service = Service(self._clock)
        self._gateway = Gateway(self._service, bucket)
        self.reset()

    def reset(self) -> None:
        """Return to the state at the start: no jobs, faults or records; first bucket, key and role; the real time."""
        with self._lock:
            self._clock.reset()
            self._service.clear(self._initial_behaviour)
            self._gateway.reset()
            self.add_bucket(self.default_bucket, self.default_region)
            bucket = self._service.buckets[self.default_bucket]
            media = defaults.media_objects(self._object_count, self._service.time(bucket))
            bucket.objects.add_series(media)
            self.add_key(defaults.SECRET_ID, defaults.SECRET_KEY)
            self.add_role(defaults.ROLE_NAME)
            self.bind_role(defaults.ROLE_NAME)

    # --- the state that a test sets up

    def add_bucket(
        self, name: str, region: str = defaults.REGION, *, bound: bool = True, has_role: bool = True
    ) -> None:
        """Add an empty bucket with the default workflow and queue, or replace the one of this name."""
        with self._lock:
            bucket = defaults.new_bucket(name, region, self._clock.now() + self._service.behaviour.clock.offset)
            bucket.bound, bucket.has_role = bound, has_role
            self._service.buckets[name] = bucket

    def bucket(self, name: str | None = None) -> Bucket:
        """
        Return a bucket; change it only while no request is being answered.

        :param name: default: the first bucket.
        :raises ValueError: there is no bucket of this name.
        """
        found = self._service.buckets.get(name or self.default_bucket)
        if found is None:
            raise ValueError(f"There is no bucket {name!r}.")
        return found

    def add_objects(
        self,
        *keys: str,
        count: int = 0,
        prefix: str = defaults.MEDIA_PREFIX,
        bucket: str | None = None,
        size: int = 1024,
        last_modified_at: datetime | None = None,
        content: bytes | str = b"",
    ) -> None:
        """
        Add objects, or replace those of the same keys.

        :param count: how many numbered objects to add besides ``keys``: ``media/0001.mp4`` and so on. All numbers have
            as many digits as the last one, four at least. They are made when they are used: a million cost no memory.
        :param prefix: what the keys of the numbered ones start with.
        :param size: in bytes, for objects without ``content``.
        :param last_modified_at: aware, by the service's clock; default: now.
        :param content: their bytes; needed for URL files and manifests only.
        """
        data = content.encode() if isinstance(content, str) else content
        with self._lock:
            there = self.bucket(bucket)
            uploaded_at = last_modified_at or self._service.time(there)
            for key in keys:
                there.objects[key] = StoredObject(key, len(data) or size, uploaded_at, data)
            if count:
                sample = StoredObject("", len(data) or size, uploaded_at, data)
                there.objects.add_series(ObjectSeries(NumberedKeys(prefix, count), sample))

    def add_workflow(
        self, workflow_id: str, *, bucket: str | None = None, nodes: Iterable[str] = ("Transcode",), active: bool = True
    ) -> None:
        """Add a workflow that is a chain of nodes."""
        with self._lock:
            there = self.bucket(bucket)
            flow = Workflow(workflow_id, workflow_id, self._service.time(there), active, tuple(nodes))
            there.workflows[workflow_id] = flow

    def add_key(
        self,
        secret_id: str,
        secret_key: str,
        *,
        token: str | None = None,
        actions: Iterable[str] | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        """
        Add a key pair, or replace the one of this id.

        :param token: the session token of temporary keys.
        :param actions: the CAM actions it may use, such as ``ci:DescribeInventoryTriggerJobs``; default: all.
        :param expires_at: when it expires (aware), by the service's clock; default: never.
        """
        allowed = None if actions is None else frozenset(actions)
        with self._lock:
            self._gateway.keys[secret_id] = AccessKey(secret_id, secret_key, token, allowed, expires_at)

    def add_role(self, name: str, *, actions: Iterable[str] | None = None, external_id: str | None = None) -> Role:
        """
        Add a role, or replace the one of this name. Any key that may use ``sts:AssumeRole`` may assume it.

        :param actions: the CAM actions that its keys may use; default: all.
        :param external_id: the ``ExternalId`` that a request must have to assume it; default: none.
        """
        role = Role(name, None if actions is None else frozenset(actions), external_id)
        with self._lock:
            self._gateway.key_services.roles[name] = role
        return role

    def bind_role(self, name: str | None) -> None:
        """Set the machine's role; the metadata service hands out its keys. ``None``: the machine has no role."""
        with self._lock:
            self._gateway.key_services.bound_role = name

    @property
    def temporary_keys(self) -> list[AccessKey]:
        """The keys that the metadata service and STS have handed out, expired ones included, oldest first."""
        with self._lock:
            return list(self._gateway.key_services.handed_out)

    def configure(self, /, *, bucket: str | None = None, **switches: Any) -> Behaviour:
        """
        Change switches of :class:`Behaviour` by name, and return all of them.

        :param bucket: the bucket that gets switches of its own; default: the switches of the server change.
        :raises ValueError: there is no such bucket, switch or value.
        """
        with self._lock:
            if bucket is None:
                self._service.behaviour = self._service.behaviour.changed(**switches)
                return self._service.behaviour
            own = self.bucket(bucket)
            own.behaviour = self._service.behaviour_of(own).changed(**switches)
            return own.behaviour

    # --- the events that a test causes

    def now(self) -> datetime:
        """Return the time that the service uses, without ``clock_offset_seconds`` (aware, UTC)."""
        return self._clock.now()

    def advance(self, seconds: float) -> None:
        """
        Put the service's clock forward.

        Signatures of a client that signs by its own clock stay valid.
        """
        with self._lock:
            self._clock.advance(seconds)

    def inject(self, /, fault: Fault | str, **options: Any) -> ActiveFault:
        """
        Inject a fault; the value returned counts the requests that it hits.

        :param fault: a :class:`Fault`, or the value of a :class:`FaultKind` with the options of a fault by name.
        :raises ValueError: there is no such kind, option or operation.
        """
        fault = fault if isinstance(fault, Fault) else Fault.of(fault, **options)
        names = (*OPERATION_NAMES, *OBJECT_OPERATIONS, *KEY_OPERATIONS)
        if fault.operation not in (ANY_OPERATION, *names):
            raise ValueError(f"There is no operation {fault.operation!r}. There are: {', '.join(names)}.")
        with self._lock:
            return self._gateway.faults.inject(fault)

    @property
    def faults(self) -> list[ActiveFault]:
        """The faults that were injected and not cleared, spent ones included."""
        with self._lock:
            return list(self._gateway.faults)

    def clear_faults(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._gateway.faults.clear()

    def pause_queue(self, queue_id: str | None = None, *, bucket: str | None = None) -> None:
        """Pause a queue, default the first one: waiting batches become ``Pause``."""
        with self._lock:
            self._service.pause_queue(self.bucket(bucket), queue_id)

    def resume_queue(self, queue_id: str | None = None, *, bucket: str | None = None) -> None:
        """Resume a queue, default the first one, with all batches that are paused in it."""
        with self._lock:
            self._service.resume_queue(self.bucket(bucket), queue_id)

    def fail_job(self, job_id: str, code: str = "InternalError", message: str = "Made to fail.") -> None:
        """End a batch as ``Failed`` now."""
        with self._lock:
            self._service.end_job(self._job(job_id), "Failed", Failure(code, message))

    def finish_job(self, job_id: str) -> None:
        """End a batch as ``Success`` now, with all its files processed."""
        with self._lock:
            self._service.end_job(self._job(job_id), "Success")

    def cancel_job(self, job_id: str) -> None:
        """End a batch as ``Cancel`` now, like a cancellation in the console."""
        with self._lock:
            self._service.end_job(self._job(job_id), "Cancel")

    def forget_job(self, job_id: str) -> None:
        """Remove a batch, as the service may remove old ones."""
        with self._lock:
            self._service.forget_job(self._job(job_id))

    # --- the state that a test reads

    @property
    def jobs(self) -> list[JobSummary]:
        """All batches as they are now, in the order of their creation."""
        with self._lock:
            return [JobSummary.of(self._service.record(job)) for job in self._service.jobs.values() if job.listed]

    def job(self, job_id: str) -> JobSummary:
        """
        Return one batch as it is now.

        :raises ValueError: there is no batch with this id.
        """
        with self._lock:
            return JobSummary.of(self._service.record(self._job(job_id)))

    def files(self, job_id: str) -> list[FileSummary]:
        """Return the files of a batch as they are now; those of a workflow exist after the batch has started."""
        with self._lock:
            return [FileSummary.of(record) for record in self._service.files_of(self._job(job_id))]

    @property
    def requests(self) -> list[RecordedRequest]:
        """
        The newest requests in the order of their arrival, refused and failed ones included.

        At most 10,000 of them, with at most 64 MiB of bodies in all; older ones are dropped. The newest always stays.
        """
        with self._lock:
            return list(self._gateway.log)

    def count(self, operation: str | None = None) -> int:
        """Return how many requests of an operation have come in, refused and failed ones included."""
        with self._lock:
            counts = self._gateway.log.counts
            return counts.total() if operation is None else counts[operation]

    def counts(self) -> dict[str, int]:
        """Return how many requests of each operation have come in, refused and failed ones included."""
        with self._lock:
            return dict(self._gateway.log.counts)

    def state(self) -> dict[str, Any]:
        """Return buckets, batches, counts, faults and switches as values for JSON."""
        with self._lock:
            return {
                "now": self._clock.now().isoformat(),
                "ahead_seconds": self._clock.ahead_seconds,
                "buckets": [bucket_state(bucket) for bucket in self._service.buckets.values()],
                "jobs": [job_state(job, self._service.count_files(self._job(job.job_id))) for job in self.jobs],
                "requests": self.counts(),
                "faults": [asdict(fault) for fault in self._gateway.faults],
                "behaviour": self._service.behaviour.flat(),
            }

    # --- the requests that the server passes on

    def receive(self, request: WireRequest) -> Exchange:
        """Record a request that came in."""
        with self._lock:
            return self._gateway.receive(request)

    def answer(self, exchange: Exchange) -> Reply:
        """Answer a request."""
        with self._lock:
            return self._gateway.answer(exchange)

    def check(self) -> None:
        """
        Raise the first mistake inside the emulator since the last check.

        :raises Exception: the mistake, with further ones as notes.
        """
        with self._lock:
            failures, self._gateway.failures = self._gateway.failures, []
        if failures:
            for other in failures[1:]:
                failures[0].add_note(f"Also: {other!r}")
            raise failures[0]

    def _job(self, job_id: str) -> Job:
        job = self._service.jobs.get(job_id)
        if job is None:
            raise ValueError(f"There is no batch {job_id!r}.")
        return job
