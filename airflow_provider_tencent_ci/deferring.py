"""
Deferring until a batch job has ended, but no longer than the task's own ``execution_timeout``.

Airflow 3 does not enforce ``execution_timeout`` while a task is deferred, and begins it anew when the task resumes
(Airflow conventions, 0.8); 2.11 ends the deferral, without a word to the trigger, and then fails the task without
resuming it. So the trigger gets an absolute deadline, and the task is resumed on 2.11, too. Airflow's own limit of a
deferral is only the backstop for a time in which no triggerer runs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat import time_used_up, try_started_at
from airflow_provider_tencent_ci.exceptions import LostContactError, TencentCIError

if TYPE_CHECKING:
    from typing import NoReturn

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.compat import BaseOperator
    from airflow_provider_tencent_ci.core.jobs import InventoryJob
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

__all__ = ["BACKSTOP", "begin_time_anew", "broken_off", "defer_in_time", "look_once", "time_left"]

# Later than the trigger would end it by itself, since Airflow's way asks nobody what became of the job.
BACKSTOP = timedelta(minutes=1)


def defer_in_time(task: BaseOperator, context: Context, trigger: InventoryJobTrigger) -> NoReturn:
    """
    Defer ``task``, which is resumed by the one of two methods that says what the deadline stands for.

    ``execute_complete`` takes a deadline for the end of the time to wait, ``execute_complete_in_time`` for the end of
    ``execution_timeout``.

    :param trigger: its deadline is moved forward if ``execution_timeout`` is over before it.
    """
    if task.execution_timeout is None:
        task.defer(trigger=trigger, method_name="execute_complete")
    now = datetime.now(UTC)
    ends_at = now + time_left(task.execution_timeout, context, now)
    comes_first = not trigger.deadline_at or ends_at < datetime.fromisoformat(trigger.deadline_at)
    if comes_first:
        trigger.deadline_at = ends_at.isoformat()
    task.defer(
        trigger=trigger,
        method_name="execute_complete_in_time" if comes_first else "execute_complete",
        timeout=max(ends_at - now, timedelta(0)) + BACKSTOP,
    )


def time_left(execution_timeout: timedelta, context: Context, now: datetime) -> timedelta:
    """Return how much of ``execution_timeout`` this try has left; below zero if it is over."""
    return (try_started_at(context) or now) + execution_timeout - now


def begin_time_anew(task: BaseOperator, context: Context) -> None:
    """
    Give a task that is resumed all of its ``execution_timeout``, lest Airflow fail it before it has seen to its job.

    To be called before Airflow executes the task. Where Airflow does this by itself, nothing changes.
    """
    if task.execution_timeout is not None:
        task.execution_timeout += time_used_up(context)


def look_once(hook: TencentCIHook, job_id: str) -> InventoryJob | None:
    """Return the job of a task whose trigger Airflow gave up; ``None`` if it cannot be asked about."""
    try:
        return hook.get_inventory_job(job_id)
    except TencentCIError as error:
        hook.log.warning("Could not ask about batch job %s: %s", job_id, error)
        return None


def broken_off(hook: TencentCIHook, job_id: str, reason: dict[str, Any]) -> LostContactError:
    """
    Return the error of a wait whose trigger failed.

    :param reason: what Airflow resumes such a task with.
    """
    if trace := reason.get("traceback"):
        hook.log.error("The trigger failed:\n%s", "\n".join(trace))
    return LostContactError(
        f"The wait for batch job {job_id} broke off in the triggerer: {reason.get('error')}. The job was left "
        "alone; a retry of this task finds it again."
    )
