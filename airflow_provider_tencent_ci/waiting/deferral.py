"""
Deferring a task for no longer than its own limits, and the state that it needs when it resumes.

Airflow 3 does not enforce ``execution_timeout`` while a task is deferred, and gives the task all of it again when it
resumes (docs/airflow.md, 2.1). 2.11 ends the deferral without telling the trigger, and then fails the task without
resuming it. So triggers get an absolute deadline, and the task is resumed on 2.11, too. All deferrals of one try share
the end of its ``execution_timeout``, which is stored with the first one.

Airflow's own limit of a deferral is the backstop for a time in which no triggerer runs. It resumes the task without
the reason of the wait. So the reason is stored, too.

The ways back into a task:

========================================  ===========================================  ============================
deferred by, until                        resumed with                                 and the event of
========================================  ===========================================  ============================
operator, sensor: the job has ended       ``execute_complete``                         ``InventoryJobTrigger``
the same, ``execution_timeout`` first     ``execute_complete_with_execution_timeout``  ``InventoryJobTrigger``
operator: ``max_active_jobs`` allows it   ``execute_with_capacity``                    ``InventoryJobCapacityTrigger``
sensor that began in the triggerer        ``execute_started``                          ``StartingInventoryJobTrigger``
Airflow's own limit, or a failed trigger  ``__fail__``: ``resume_execution``           none: the job is read, then the
                                                                                       task ends or is deferred again
========================================  ===========================================  ============================
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.compat.task_context import (
    is_deferral_timeout,
    own_xcom,
    time_used_up,
    try_started_at,
)
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, LostContactError, WaitTimeoutError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = [
    "BACKSTOP",
    "LONGEST_DEFERRAL",
    "Deferral",
    "Limit",
    "backstop",
    "broken_off",
    "counting_until_execution_timeout",
    "end_of_resumed_try",
    "ended_job",
    "execution_timeout_over",
    "first_limit",
    "is_over",
    "read_job_once",
    "reconnect",
    "restored_execution_timeout",
    "try_ends_at",
]

# Later than the trigger ends it by itself: Airflow ends the deferral without reading the job.
BACKSTOP = timedelta(minutes=1)

# For a deferral without a limit. After a day the task resumes, reads its job, and is deferred again. So a trigger that
# got lost is made again, for one start of a worker a day.
LONGEST_DEFERRAL = timedelta(days=1)

# Between two attempts to read a connection, where a worker waits for it.
_RECONNECT_SECONDS = 10.0

_KEY = "deferral"


@dataclass(frozen=True, slots=True)
class Deferral:
    """
    The last deferral of an operator, for when it resumes: its XCom ``deferral``, which belongs to one try.

    :param waits_for: ``job``, or ``capacity`` for another one.
    :param limit: the argument that ends it, ``wait_timeout`` or ``execution_timeout``; ``None`` for none.
    :param try_ends_at: when ``execution_timeout`` of the try is over (aware); ``None`` for never.
    :param round: how many submissions of the same files came before the job that is waited for or to be submitted.
    """

    waits_for: str
    limit: str | None
    try_ends_at: datetime | None
    round: int

    def push(self, context: Context) -> None:
        """Push it to XCom."""
        ends_at = self.try_ends_at.isoformat() if self.try_ends_at else None
        noted = {"waits_for": self.waits_for, "limit": self.limit, "try_ends_at": ends_at, "round": self.round}
        context["ti"].xcom_push(key=_KEY, value=noted)

    @classmethod
    def pulled(cls, context: Context) -> Deferral | None:
        """Return what :meth:`push` stored; ``None`` if nothing is there, as after an earlier release."""
        noted = own_xcom(context["ti"], _KEY)
        if not isinstance(noted, dict):
            return None
        ends_at = noted.get("try_ends_at")
        return cls(
            str(noted.get("waits_for")),
            noted.get("limit"),
            datetime.fromisoformat(ends_at) if ends_at else None,
            int(noted.get("round") or 0),
        )


def try_ends_at(execution_timeout: timedelta | None, began_at: datetime | None = None) -> datetime | None:
    """
    Return when ``execution_timeout`` of a try is over; ``None`` for never.

    :param began_at: when the try began; by default now.
    """
    return None if execution_timeout is None else (began_at or datetime.now(UTC)) + execution_timeout


def end_of_resumed_try(
    execution_timeout: timedelta | None, context: Context, deferral: Deferral | None
) -> datetime | None:
    """Return when ``execution_timeout`` of a try is over whose task resumes; ``None`` for never."""
    if deferral is not None:
        return deferral.try_ends_at
    return try_ends_at(execution_timeout, try_started_at(context))  # deferred by an earlier release


def is_over(ends_at: datetime | None) -> bool:
    """Whether a time has come."""
    return ends_at is not None and datetime.now(UTC) >= ends_at


def backstop(ends_at: datetime | None) -> timedelta:
    """
    Return Airflow's own limit of a deferral that ends by itself.

    :param ends_at: when; ``None`` if nothing ends it but the job.
    """
    if ends_at is None:
        return LONGEST_DEFERRAL
    return max(ends_at - datetime.now(UTC), timedelta(0)) + BACKSTOP


@dataclass(frozen=True, slots=True)
class Limit:
    """
    The end of a wait for a job if the job does not end before.

    :param argument: the argument that sets it, ``wait_timeout`` or ``execution_timeout``; ``None`` for no limit.
    :param at: when (aware).
    """

    argument: str | None
    at: datetime | None

    @property
    def deadline_at(self) -> str | None:
        """The same for a trigger, as ISO 8601 text."""
        return self.at.isoformat() if self.at else None

    @property
    def method_name(self) -> str:
        """The method that resumes the task. It says which argument the trigger's deadline stands for."""
        return "execute_complete_with_execution_timeout" if self.argument == "execution_timeout" else "execute_complete"


def first_limit(wait_ends_at: datetime | None, ends_at: datetime | None) -> Limit:
    """
    Return what ends a wait first.

    :param wait_ends_at: when ``wait_timeout`` (of a sensor: ``timeout``) is over; ``None`` for never.
    :param ends_at: when ``execution_timeout`` of the try is over; ``None`` for never.
    """
    if ends_at is not None and (wait_ends_at is None or ends_at < wait_ends_at):
        return Limit("execution_timeout", ends_at)
    return Limit("wait_timeout" if wait_ends_at else None, wait_ends_at)


def restored_execution_timeout(execution_timeout: timedelta | None, context: Context) -> timedelta | None:
    """
    Return ``execution_timeout`` of a task that is resumed, plus the time of its deferral that Airflow 2.11 counts.

    Without that, 2.11 fails the task before it has read its job. Call it before Airflow executes the task. On Airflow 3
    nothing changes.
    """
    return None if execution_timeout is None else execution_timeout + time_used_up(context)


def reconnect(
    hook: TencentCIHook,
    contact_timeout: float,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """
    Read the connection of a task that resumes; try again until it can be read. Otherwise the job's result is lost.

    :param contact_timeout: seconds after which it is given up.
    :raises InvalidArgumentError: the connection is wrong.
    :raises LostContactError: it could not be read.
    """
    from airflow_provider_tencent_ci.core.polling.contact_budget import ContactBudget

    contact = ContactBudget(contact_timeout)
    while True:
        try:
            _ = hook.config
        except InvalidArgumentError:
            raise
        except Exception as error:
            at = now()
            failing_seconds = contact.failed(at)
            if contact.is_lost(failing_seconds):
                raise LostContactError(_unreadable(hook.tencent_ci_conn_id, failing_seconds, error)) from error
            if not failing_seconds:
                hook.log.warning("The connection cannot be read; will keep trying. %s: %s", type(error).__name__, error)
            sleep(min(_RECONNECT_SECONDS, contact.seconds_left(at)))
        else:
            return


def read_job_once(hook: TencentCIHook, job_id: str) -> InventoryJob | None:
    """Return the job of a task whose trigger Airflow gave up; ``None`` if it cannot be read."""
    try:
        return hook.get_inventory_job(job_id)
    except Exception as error:  # also that of a secrets backend
        hook.log.warning("Could not read batch job %s: %s: %s", job_id, type(error).__name__, error)
        return None


def ended_job(
    hook: TencentCIHook, job_id: str, reason: dict[str, Any], deferral: Deferral | None
) -> InventoryJob | None:
    """
    Return the job of an operator whose deferral Airflow ended, if it has ended, too; ``None`` to wait on.

    :param reason: what Airflow resumes such a task with.
    :raises LostContactError: the trigger failed.
    :raises WaitTimeoutError: ``wait_timeout`` is over.
    :raises AirflowTaskTimeout: ``execution_timeout`` is over.
    """
    job = read_job_once(hook, job_id)
    if job is not None and job.state.is_terminal:
        return job
    if not is_deferral_timeout(reason):
        raise broken_off(hook, job_id, reason)
    if deferral is None or deferral.limit == "execution_timeout":
        raise execution_timeout_over(hook, job_id)
    if deferral.limit == "wait_timeout":
        raise WaitTimeoutError(
            f"{hook.place}wait_timeout is over while waiting for batch job {job_id}, which was not cancelled and "
            "continues."
        )
    return None


def execution_timeout_over(hook: TencentCIHook, job_id: str | None) -> AirflowTaskTimeout:
    """Return the error of a try whose time is over while it waits for its job."""
    return AirflowTaskTimeout(f"{hook.place}execution_timeout is over while waiting for batch job {job_id}.")


@contextmanager
def counting_until_execution_timeout(job: InventoryJob) -> Iterator[None]:
    """Say that the job has ended if ``execution_timeout`` is over while its files are counted or listed."""
    try:
        yield
    except AirflowTaskTimeout as error:
        raise AirflowTaskTimeout(
            f"execution_timeout is over while the files of batch job {job.job_id} were counted or listed. The job "
            f"itself had ended ({job.state.value}). A retry finds it and counts again."
        ) from error


def broken_off(hook: TencentCIHook, job_id: str, reason: dict[str, Any]) -> LostContactError:
    """Return the error of a wait whose trigger failed."""
    if trace := reason.get("traceback"):
        hook.log.error("The trigger failed:\n%s", "\n".join(trace))
    return LostContactError(
        f"{hook.place}The wait for batch job {job_id} broke off in the triggerer: {reason.get('error')}. The job "
        "was left alone; a retry of this task finds it again."
    )


def _unreadable(conn_id: str, failing_seconds: float, error: Exception) -> str:
    return (
        f"The connection {conn_id!r} could not be read for {failing_seconds:.0f} seconds. The batch job was left "
        f"alone; a retry of this task finds it again. Last error: {type(error).__name__}: {error}"
    )
