"""
Cancelling the batch job of a task whose process is killed, if a person stopped the task.

Airflow calls ``on_kill`` also where no person has done anything (``core/polling/cancel_decision.py``). So Airflow is
asked about the task first.
"""

from __future__ import annotations

import concurrent.futures
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.polling.cancel_decision import CancelDecision, StoppedTask
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.waiting.process_lease import WorkerLease

__all__ = ["cancel_if_unwanted", "cancel_or_warn", "log_why_left", "start_lease", "warn_of_unknown_job"]

# Airflow kills the process five seconds after the signal to stop.
_ASK_SECONDS = 1.5


def start_lease(ti: Any) -> WorkerLease:
    """Return the lease of this process, which executes a task, from now on."""
    # Imported late, here and below: the operator's module imports this one, and each parse of a DAG file would pay.
    from airflow_provider_tencent_ci.waiting.process_lease import WorkerLease

    return WorkerLease(ti)


def cancel_if_unwanted(
    hook: TencentCIHook, ti: Any, job_id: str, lease: WorkerLease | None, *, has_submitted: bool = False
) -> None:
    """
    Cancel the job of a task whose process gets the signal to stop, if a person ended the task; never raises.

    :param lease: the process's; ``None`` if it had not begun to execute its task.
    :param has_submitted: whether this try has noted its submission, which a newer try removes or replaces.
    """
    from airflow_provider_tencent_ci.core.polling.cancel_decision import CancelDecision, decide_cancel

    began = time.monotonic()
    task = _ask_about(ti, lease, has_submitted)
    decision = decide_cancel(task)
    if decision is CancelDecision.CANCEL:
        hook.cancel_quietly(job_id, spent_seconds=time.monotonic() - began)
    else:
        log_why_left(hook.log, job_id, task, decision)


def log_why_left(log: Any, job_id: str, task: StoppedTask, decision: CancelDecision) -> None:
    """Say that a job is left, and why."""
    from airflow_provider_tencent_ci.core.polling.cancel_decision import NOT_TOLD, CancelDecision

    if decision is CancelDecision.DOUBT:
        log.warning(
            "Batch job %s is not cancelled and continues. The task is %s, and this process cannot tell whether a "
            "person or Airflow has ended it. If the job is not needed, cancel it by hand.",
            job_id,
            task.state or "without a state",
        )
    elif task.state == NOT_TOLD:
        log.warning(
            "Batch job %s is not cancelled and continues: Airflow did not say which state the task is in.", job_id
        )
    elif task.is_deferred:
        log.info("Batch job %s is not cancelled: its task still needs it.", job_id)
    else:
        log.info("Batch job %s is left to the task's retry: no person has stopped the task.", job_id)


def cancel_or_warn(hook: TencentCIHook, job_id: str | None, name: str) -> None:
    """Cancel the job, or say that there may be one that is not known yet; never raises."""
    if job_id:
        hook.cancel_quietly(job_id)
    else:
        warn_of_unknown_job(hook.log, name)


def warn_of_unknown_job(log: Any, name: str) -> None:
    """Warn that a job may go on, when a task is stopped before it knew its job."""
    log.warning(
        "The task was stopped before its batch job was known. If a submission was on its way, or an earlier try "
        "has made one, its job goes on: search for %r in the CI console.",
        name,
    )


def _ask_about(ti: Any, lease: WorkerLease | None, has_submitted: bool) -> StoppedTask:
    """
    Ask Airflow about a task, in a thread.

    This runs in a signal handler. The interrupted code may hold the lock of the connection to Airflow's supervisor. A
    request in this thread would then never end.
    """
    from airflow_provider_tencent_ci.core.polling.cancel_decision import NOT_TOLD, StoppedTask

    executor = concurrent.futures.ThreadPoolExecutor(max_workers=1)
    try:
        return executor.submit(_stopped_task, ti, lease, has_submitted).result(_ASK_SECONDS)
    except Exception:  # also a time-out
        return StoppedTask(NOT_TOLD, is_deferred=False)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _stopped_task(ti: Any, lease: WorkerLease | None, has_submitted: bool) -> StoppedTask:
    from airflow_provider_tencent_ci.compat.supervision import task_instance_state
    from airflow_provider_tencent_ci.core.polling.cancel_decision import StoppedTask
    from airflow_provider_tencent_ci.task_state.submission_xcom import recorded_try
    from airflow_provider_tencent_ci.task_state.try_order import is_newer_try, try_key

    # Before the state: a person who deletes the run takes both away at once. A state that was read before would hide
    # this, and a newer try would seem to have removed the record.
    has_newer_try = has_submitted and is_newer_try(recorded_try(ti), try_key(ti))
    return StoppedTask(
        task_instance_state(ti),
        is_deferred=False,
        only_a_person=lease is not None and lease.is_held(),
        has_newer_try=has_newer_try,
    )
