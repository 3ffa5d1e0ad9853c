"""
Whether a batch job is cancelled when its task is stopped.

Airflow stops processes and triggers for many reasons: a person marks a task, a worker is evicted, a heartbeat is late,
a triggerer takes over from another one. Only after a person's action is the job unwanted. After all other events the
task continues, in another process or with its next try, and a cancelled job would be submitted, and billed, again. So
the job is not cancelled in any state before a next try, nor if the reason is unknown: a running job can still be
cancelled by hand, a cancelled one is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# Stand for a state: Airflow gave no answer; there is no such task instance (any more).
NOT_TOLD, REMOVED = "not told", "removed"

# A clear of a running task; its process ends, and a new attempt series begins.
_RESTARTING = "restarting"

# A worker's process finds these states only after a person's action, or if the whole run is over.
_ENDED_BY_PERSON = frozenset({REMOVED, _RESTARTING})

# A worker's process finds these states after a person's action, and also after the end of a newer try, if Airflow gave
# this one up: a sensor with ``soft_fail`` is skipped. XCom does not always show the newer try: a process that was
# frozen may have replaced its record.
_ENDED_BY_PERSON_OR_TRY = frozenset({"success", "failed", "skipped", "upstream_failed"})

# In these a worker may have this trigger's task, or a new try of it.
_AT_WORK = frozenset({"running", _RESTARTING})

# A trigger finds these states after a person's mark or clear, and after another triggerer's event that resumed the
# task.
_DOUBTFUL = frozenset({None, "scheduled", "queued", "skipped", "upstream_failed"}) | _AT_WORK


class CancelDecision(Enum):
    """The decision about the job."""

    CANCEL = "a person ended the task"
    LEAVE = "the task goes on"
    DOUBT = "a person or Airflow ended the task"  # the job is not cancelled, and this is logged


@dataclass(frozen=True, slots=True)
class StoppedTask:
    """
    The known facts about a task when its process, or its trigger, is stopped.

    :param state: of the task instance in Airflow's database now. ``None`` if it has none, ``REMOVED`` if it does not
        exist, ``NOT_TOLD`` if Airflow did not answer.
    :param is_deferred: whether its trigger is stopped, not its process on a worker.
    :param only_a_person: whether it is certain that Airflow has not given this process or trigger up by itself, so that
        only a person can have changed the state.
    :param job_id: the job that the process or the trigger waits for.
    :param recorded_job_id: the task's XCom ``job_id``; ``None`` if there is none. A new try removes it, about a second
        after it has become ``running``, and writes its own. It matters only for a trigger.
    :param has_newer_try: whether another try of the task has started since, so that the state belongs to that one. For
        a trigger: whether another try has recorded the job as its own, such as a try of a recreated run.
    """

    state: str | None
    is_deferred: bool
    only_a_person: bool = False
    job_id: str = ""
    recorded_job_id: str | None = None
    has_newer_try: bool = False


def decide_cancel(task: StoppedTask) -> CancelDecision:
    """Decide whether the job of a stopped task is cancelled."""
    if task.state == NOT_TOLD:
        return CancelDecision.LEAVE
    if task.is_deferred and task.recorded_job_id not in (None, task.job_id):
        return CancelDecision.CANCEL  # cleared, and a new try has its own job
    if task.has_newer_try and task.state != REMOVED:
        return CancelDecision.LEAVE
    if task.state == "failed" or (task.state in _ENDED_BY_PERSON_OR_TRY and not task.is_deferred):
        return CancelDecision.CANCEL if task.only_a_person else CancelDecision.DOUBT
    return _of_trigger(task) if task.is_deferred else _of_process(task)


def _of_process(task: StoppedTask) -> CancelDecision:
    return CancelDecision.CANCEL if task.state in _ENDED_BY_PERSON else CancelDecision.LEAVE


def _of_trigger(task: StoppedTask) -> CancelDecision:
    """Decide for a trigger, whose task may have been resumed since by another triggerer's event."""
    if task.state in (REMOVED, "success"):
        return CancelDecision.CANCEL
    if task.state not in _DOUBTFUL:
        return CancelDecision.LEAVE
    if task.only_a_person:
        return CancelDecision.CANCEL
    # A task with the same job has been resumed, or a new try may find the job again.
    return CancelDecision.LEAVE if task.state in _AT_WORK and task.recorded_job_id else CancelDecision.DOUBT
