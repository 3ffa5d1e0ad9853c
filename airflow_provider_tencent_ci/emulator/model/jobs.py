"""
Batches and their files, with states that are functions of time.

There is no timer. A job records the time of its creation, the switches that held then, and later events (pauses, a
cancellation, an end by force). Its state at any moment follows from these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_tencent_ci.emulator.model.create_request import JobRequest
from airflow_provider_tencent_ci.emulator.model.failing_files import Failure
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour
from airflow_provider_tencent_ci.emulator.model.work_on_files import Work, Works

__all__ = ["ENDED_STATES", "Ending", "Failure", "Job", "Pause", "Status", "Timeline", "Turn"]

ENDED_STATES = frozenset({"Success", "Failed", "Cancel"})


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
class Timeline:
    """When a job starts, if that is known, and when and how it ends."""

    started_at: datetime | None
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class Turn:
    """
    When the work on a file begins and ends; ``None``: never, or not known.

    :param is_cancelled: the batch ends before it begins.
    """

    begins_at: datetime | None
    ends_at: datetime | None
    is_cancelled: bool = False


@dataclass(slots=True)
class Job:
    """
    One batch.

    :param job_id: ``b`` and 32 hex digits.
    :param sequence: its number, which orders jobs of the same time.
    :param behaviour: the switches that held when it was created.
    :param queue_id: the queue it waits in.
    :param works: its work on each of its files.
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
    works: Works
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
        turn = self.turn_of(work.index, timeline)
        if turn.ends_at is not None and turn.ends_at <= now:
            if turn.is_cancelled:
                return Status("Cancel", turn.begins_at, turn.ends_at)
            return Status("Failed" if work.failure else "Success", turn.begins_at, turn.ends_at, work.failure)
        if turn.begins_at is not None and turn.begins_at <= now:
            return Status("Running", turn.begins_at)
        return self._waiting(now)

    def shown_status(self, work: Work, timeline: Timeline, now: datetime) -> Status:
        """
        Return the state of one file at ``now`` as lists show it.

        The states of executions have no word for waiting, so one whose turn has not come is ``Running`` (assumed;
        docs/service.md, 3.1).
        """
        status = self.work_status(work, timeline, now)
        waits = status.state in ("Submitted", "Pause")
        return Status("Running") if waits and self.request.type == "Workflow" else status

    def work_created_at(self, index: int, timeline: Timeline) -> datetime | None:
        """
        Return when the execution or child job of a file is created; ``None``: never, or not known.

        Executions exist from the start of the batch on, child jobs from its creation on (assumed; docs/service.md,
        3.1), or each when its turn comes.
        """
        if self.behaviour.jobs.files_created == "at_turn":
            return self.turn_of(index, timeline).begins_at
        return timeline.started_at if self.request.type == "Workflow" else self.created_at

    def turn_of(self, index: int, timeline: Timeline) -> Turn:
        """Return when the work on a file begins and ends."""
        stop = timeline.ending
        if timeline.started_at is None:
            return Turn(None, stop.ends_at if stop else None, is_cancelled=True)
        begins_at, ends_at = (timeline.started_at + timedelta(seconds=after) for after in self.works.seconds_of(index))
        if stop and stop.state == "Success":  # a batch that a test finishes early has processed all its files
            return Turn(min(begins_at, stop.ends_at), min(ends_at, stop.ends_at))
        if stop and stop.ends_at <= begins_at:
            return Turn(None, stop.ends_at, is_cancelled=True)
        return Turn(begins_at, ends_at)

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
        return self.works.seconds_of(len(self.works) - 1)[1] if self.works else 0.0  # the last file ends last

    def _cancelled_by_script(self, started_at: datetime, duration: timedelta) -> Ending | None:
        return Ending(started_at + duration / 2, "Cancel") if self.behaviour.jobs.outcome == "cancel" else None

    def _natural_end(self, at: datetime) -> Ending:
        run = self.behaviour.jobs
        if run.outcome == "fail":
            return Ending(at, "Failed", Failure(run.failure_code, run.failure_message))
        if not self.works and run.no_objects == "fail":
            return Ending(at, "Failed", Failure("ResourceNotFound", "No object matches the input."))
        if run.failed_files == "fail" and self.works.failing:
            return Ending(at, "Failed", Failure(run.failure_code, "Some files failed."))
        return Ending(at, "Success")
