"""
Batches and their files, with states that are functions of time.

There is no timer. A job records the time of its creation, the switches that held then, and later events (pauses, a
cancellation, an end by force). Its state at any moment follows from these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, new_id
from airflow_provider_tencent_ci.emulator.model.create_request import JobRequest
from airflow_provider_tencent_ci.emulator.model.input_files import InputFile
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour
from airflow_provider_tencent_ci.emulator.model.switches import FileFailures, JobRun

__all__ = ["ENDED_STATES", "Ending", "Failure", "Job", "Pause", "Status", "Timeline", "Work", "plan_work"]

ENDED_STATES = frozenset({"Success", "Failed", "Cancel"})


@dataclass(frozen=True, slots=True)
class Failure:
    """``Code`` and ``Message`` of a batch or a file that failed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Status:
    """A state with its times; ``None``: not yet."""

    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failure: Failure | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ENDED_STATES


@dataclass(frozen=True, slots=True)
class Ending:
    """When and how something ends or would end."""

    ends_at: datetime
    state: str
    failure: Failure | None = None


@dataclass(slots=True)
class Pause:
    """A time in which a waiting job stays in its queue; open until the job is resumed."""

    paused_at: datetime
    resumed_at: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        """Return whether the job is paused at ``moment``."""
        return self.paused_at <= moment and (self.resumed_at is None or moment < self.resumed_at)


@dataclass(frozen=True, slots=True)
class Work:
    """
    The work of a batch on one file: a workflow execution, or a child job.

    :param work_id: the execution's ``RunId`` or the child job's ``JobId``.
    :param task_ids: the jobs of the nodes of an execution's workflow.
    :param key: the file's object key.
    :param workflow_id: the workflow; empty for a child job.
    :param begins_after_seconds: when it begins, from the start of the batch.
    :param ends_after_seconds: when it ends, from the start of the batch.
    :param failure: the reason of its failure; ``None``: it succeeds.
    """

    work_id: str
    task_ids: tuple[str, ...]
    key: str
    workflow_id: str
    begins_after_seconds: float
    ends_after_seconds: float
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """When a job starts, if that is known, and when and how it ends."""

    started_at: datetime | None
    ending: Ending | None


@dataclass(slots=True)
class Job:
    """
    One batch.

    :param job_id: ``b`` and 32 hex digits.
    :param sequence: its number, which orders jobs of the same time.
    :param behaviour: the switches that held when it was created.
    :param queue_id: the queue it waits in.
    :param listed: ``False`` for the single execution of ``POST /triggerworkflow``, which is not a batch.
    :param missing_from_lists: how many more list answers leave it out.
    """

    job_id: str
    sequence: int
    bucket_name: str
    request: JobRequest
    created_at: datetime
    behaviour: Behaviour
    queue_id: str
    works: Sequence[Work] = ()
    listed: bool = True
    missing_from_lists: int = 0
    pauses: list[Pause] = field(default_factory=list)
    cancelled_at: datetime | None = None
    forced: Ending | None = None

    def timeline(self) -> Timeline:
        """Compute start and end from the recorded events; the earliest of all possible ends counts."""
        started_at = self._started_at()
        duration = timedelta(seconds=self._run_seconds())
        endings = [self.forced, Ending(self.cancelled_at, "Cancel") if self.cancelled_at else None]
        if started_at is not None:
            endings += [self._cancelled_by_script(started_at, duration), self._natural_end(started_at + duration)]
        known = [ending for ending in endings if ending]
        return Timeline(started_at, min(known, key=lambda ending: ending.ends_at) if known else None)

    def status(self, now: datetime) -> Status:
        """Return the state of the batch at ``now``."""
        timeline = self.timeline()
        started_at = timeline.started_at if timeline.started_at and timeline.started_at <= now else None
        if timeline.ending and timeline.ending.ends_at <= now:
            ending = timeline.ending
            started_at = started_at if started_at and started_at <= ending.ends_at else None
            return Status(ending.state, started_at, ending.ends_at, ending.failure)
        return Status("Running", started_at) if started_at else self._waiting(now)

    def work_status(self, work: Work, timeline: Timeline, now: datetime) -> Status:
        """
        Return the state of one file at ``now``.

        When a batch is stopped, a file that has begun is finished, and a file that has not begun is cancelled (assumed;
        docs/service.md, 2.8).

        :param timeline: the one of this job; computed once for all files.
        """
        begins_at, ending = _turn_of(work, timeline)
        if ending is not None and ending.ends_at <= now:
            return Status(ending.state, begins_at, ending.ends_at, ending.failure)
        if begins_at is not None and begins_at <= now:
            return Status("Running", begins_at)
        return self._waiting(now)

    def _waiting(self, now: datetime) -> Status:
        return Status("Pause" if any(pause.covers(now) for pause in self.pauses) else "Submitted")

    def _started_at(self) -> datetime | None:
        """Return when the job leaves its queue; ``None`` while a pause of it is open."""
        to_wait = timedelta(seconds=self.behaviour.jobs.submitted_seconds if self.listed else 0)
        since = self.created_at
        for pause in sorted(self.pauses, key=lambda pause: pause.paused_at):
            if pause.resumed_at is not None and pause.resumed_at <= since:
                continue
            waited = max(pause.paused_at - since, timedelta())
            if to_wait < waited or (to_wait == waited and waited):
                break
            if pause.resumed_at is None:
                return None
            to_wait -= waited
            since = pause.resumed_at
        return since + to_wait

    def _run_seconds(self) -> float:
        if self.behaviour.jobs.run_seconds is not None:
            return self.behaviour.jobs.run_seconds
        return self.works[-1].ends_after_seconds if self.works else 0.0  # the last file ends last

    def _cancelled_by_script(self, started_at: datetime, duration: timedelta) -> Ending | None:
        return Ending(started_at + duration / 2, "Cancel") if self.behaviour.jobs.outcome == "cancel" else None

    def _natural_end(self, at: datetime) -> Ending:
        run = self.behaviour.jobs
        if run.outcome == "fail":
            return Ending(at, "Failed", Failure(run.failure_code, run.failure_message))
        if not self.works and run.no_objects == "fail":
            return Ending(at, "Failed", Failure("ResourceNotFound", "No object matches the input."))
        if run.failed_files == "fail" and any(work.failure for work in self.works):
            return Ending(at, "Failed", Failure(run.failure_code, "Some files failed."))
        return Ending(at, "Success")


def plan_work(
    bucket: Bucket, request: JobRequest, files: Sequence[InputFile], behaviour: Behaviour
) -> tuple[Work, ...]:
    """Return the work of a batch on each of its files, with its times and failures."""
    turns = [(file, workflow_id) for file in files for workflow_id in (request.workflow_ids or ("",))]
    return tuple(
        Work(
            work_id=new_id("i" if workflow_id else "j"),
            task_ids=tuple(new_id("j") for _ in bucket.workflows[workflow_id].nodes) if workflow_id else (),
            key=file.key,
            workflow_id=workflow_id,
            begins_after_seconds=begin,
            ends_after_seconds=end,
            failure=_failure_of(bucket, file, index, behaviour.files),
        )
        for index, ((file, workflow_id), (begin, end)) in enumerate(
            zip(turns, _turn_seconds(len(turns), behaviour.jobs), strict=True)
        )
    )


def _turn_seconds(count: int, run: JobRun) -> Iterator[tuple[float, float]]:
    """Yield begin and end of each of ``count`` files, from the start of the batch."""
    for index in range(count):
        if run.run_seconds is not None:
            yield run.run_seconds * index / count, run.run_seconds * (index + 1) / count
        else:
            begin = index // run.concurrency * run.file_seconds
            yield begin, begin + run.file_seconds


def _failure_of(bucket: Bucket, file: InputFile, index: int, failures: FileFailures) -> Failure | None:
    if not file.exists:
        return Failure("ResourceNotFound", "The object does not exist.")
    chosen = failures.failing_every and (index + 1) % failures.failing_every == 0
    if not chosen and not any(fnmatchcase(file.key, pattern) for pattern in failures.failing_keys):
        return None
    bucket.failed[file.key] += 1
    if not failures.failing_times or bucket.failed[file.key] <= failures.failing_times:
        return Failure(failures.file_failure_code, failures.file_failure_message)
    return None


def _turn_of(work: Work, timeline: Timeline) -> tuple[datetime | None, Ending | None]:
    """Return when a file begins (``None``: never, or not known) and how it ends."""
    stop = timeline.ending
    if timeline.started_at is None:
        return None, stop and Ending(stop.ends_at, "Cancel")
    begins_at = timeline.started_at + timedelta(seconds=work.begins_after_seconds)
    done_at = timeline.started_at + timedelta(seconds=work.ends_after_seconds)
    if stop and stop.state == "Success":  # a batch that a test finishes early has processed all its files
        begins_at, done_at = min(begins_at, stop.ends_at), min(done_at, stop.ends_at)
    elif stop and stop.ends_at <= begins_at:
        return None, Ending(stop.ends_at, "Cancel")
    return begins_at, Ending(done_at, "Failed" if work.failure else "Success", work.failure)
