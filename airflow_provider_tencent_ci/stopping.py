"""
Whether a batch job is still wanted by anybody when its task or its trigger is stopped.

Airflow calls ``on_kill`` for more than a user's wish: when a worker is evicted, when a frozen triggerer wakes up and
its triggers have gone to another one, and after a cleared task has begun anew (Airflow conventions, 0.1 and 3.6). So
the state of the task instance decides, and what cannot be asked counts as wanted: a job that goes on can be cancelled
by hand, a cancelled one is lost.
"""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat import task_instance_state

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["cancel_of_killed_task", "cancel_or_say", "is_unwanted", "say_what_may_be_left"]

# Airflow kills the process five seconds after it was asked to stop.
_ASK_SECONDS = 1.5

_RETRYING = frozenset({"up_for_retry", "up_for_reschedule"})
_WORKING = frozenset({"deferred", "running", "restarting"})


def is_unwanted(state: str | None, recorded_job_id: str | None, job_id: str, *, deadline_passed: bool) -> bool:
    """
    Whether a deferred task's job is unwanted, now that its trigger is stopped.

    :param state: of the task instance; ``None`` if it has none, or is gone.
    :param recorded_job_id: the task's XCom ``job_id``, which a new try removes before it writes its own.
    :param job_id: the trigger's.
    :param deadline_passed: whether the wait was to end by now; then the task may have been resumed by another
        triggerer's event, which leaves the job alone.
    """
    if state in _WORKING:
        # Mine: handed to another triggerer, or resumed by its event. Not mine: cleared, and begun anew.
        return recorded_job_id != job_id
    if state in _RETRYING:
        return False
    # Scheduled: cleared, and about to begin anew. All others: marked by somebody, or the run is gone.
    return not deadline_passed


def cancel_of_killed_task(hook: TencentCIHook, ti: Any, job_id: str) -> None:
    """
    Cancel the job of a task whose process is asked to stop; never raises.

    A task that still runs in Airflow's eyes was not stopped by anybody: its worker is evicted, and the retry finds the
    job again.
    """
    state = _state_of(ti)
    if state is _UNKNOWN or state == "running":
        hook.log.info("Batch job %s is left to the task's retry: nobody has stopped the task.", job_id)
    else:
        hook.cancel_quietly(job_id)


def cancel_or_say(hook: TencentCIHook, job_id: str | None, name: str) -> None:
    """Cancel the job, or say that there may be one that is not known yet; never raises."""
    if job_id:
        hook.cancel_quietly(job_id)
    else:
        say_what_may_be_left(hook.log, name)


def say_what_may_be_left(log: Any, name: str) -> None:
    """Say what may go on when a task is stopped before it knew its job."""
    log.warning(
        "The task was stopped before its batch job was known. If a submission was on its way, or an earlier try "
        "has made one, its job goes on: look for %r in the CI console.",
        name,
    )


_UNKNOWN = object()


def _state_of(ti: Any) -> Any:
    """
    Ask Airflow for the state, in a thread.

    This runs in a signal handler. The interrupted code may be talking to the supervisor just now and hold the lock of
    that conversation, so that asking in this thread might never end.
    """
    executor = concurrent.futures.ThreadPoolExecutor(max_workers=1)
    try:
        return executor.submit(task_instance_state, ti).result(_ASK_SECONDS)
    except Exception:  # also a time-out
        return _UNKNOWN
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
