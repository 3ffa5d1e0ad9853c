"""
A task that may submit only while few batch jobs of its bucket are active.

Airflow's pools bound the tasks of one Airflow; this bounds the jobs of a bucket, whoever submits them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.core.submitting.active_jobs import (
    CapacityStatus,
    CapacityWait,
    wait_for_capacity,
)
from airflow_provider_tencent_ci.exceptions import LostContactError, TooManyActiveJobsError
from airflow_provider_tencent_ci.submission.submitter import submit_for_task
from airflow_provider_tencent_ci.triggers.capacity import InventoryJobCapacityTrigger
from airflow_provider_tencent_ci.waiting.deferral import Deferral, backstop, is_over
from airflow_provider_tencent_ci.waiting.durations import seconds_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

__all__ = ["submit_when_possible"]


def submit_when_possible(
    task: TriggerInventoryJobOperator,
    context: Context,
    hook: TencentCIHook,
    specification: InventoryJobSpecification,
    name: str,
    try_ends_at: datetime | None,
) -> Submission:
    """
    Submit for ``task``, or find its job, as soon as ``max_active_jobs`` allows; it may be deferred until then.

    :param try_ends_at: when ``execution_timeout`` is over.
    :raises LostContactError: how many jobs are active could not be found out for ``contact_timeout``.
    :raises AirflowTaskTimeout: ``execution_timeout`` is over; nothing more was submitted.
    """

    def check_deadline() -> None:
        if is_over(try_ends_at):
            raise AirflowTaskTimeout("execution_timeout is over. Nothing more was submitted.")

    while True:
        try:
            return submit_for_task(
                context,
                hook,
                specification,
                name=name,
                on_existing=task.on_existing,
                max_active_jobs=task.max_active_jobs,
                reconcile_timeout=seconds_of("reconcile_timeout", task.reconcile_timeout),
                validate=task.validate,
                check_deadline=check_deadline,
            )
        except TooManyActiveJobsError as error:
            hook.log.info("%s Waiting until there are fewer.", error)
        if task.deferrable:
            _defer(task, context, specification.round, try_ends_at)
        _wait_here(task, hook)


def _wait_here(task: TriggerInventoryJobOperator, hook: TencentCIHook) -> None:
    """Wait until there may be room. Airflow itself ends a process whose ``execution_timeout`` is over."""
    wait = CapacityWait(deadline_at=None, contact_timeout=seconds_of("contact_timeout", task.contact_timeout))
    poll_interval = seconds_of("poll_interval", task.poll_interval)
    result = hook.run(wait_for_capacity(wait, task.max_active_jobs or 0, poll_interval))
    if result.status is CapacityStatus.LOST_CONTACT:
        raise LostContactError(result.message)


def _defer(
    task: TriggerInventoryJobOperator, context: Context, round_number: int, try_ends_at: datetime | None
) -> None:
    """
    Defer ``task`` until there may be room; ``execute_with_capacity`` resumes it then.

    There is no job yet that would have to be stopped, so Airflow may end the deferral by itself.
    """
    trigger = InventoryJobCapacityTrigger(
        task.max_active_jobs or 0,
        task.tencent_ci_conn_id,
        task.bucket,
        task.region,
        seconds_of("poll_interval", task.poll_interval),
        seconds_of("contact_timeout", task.contact_timeout),
        try_ends_at.isoformat() if try_ends_at else None,
    )
    Deferral("capacity", "execution_timeout" if try_ends_at else None, try_ends_at, round_number).note(context)
    task.defer(trigger=trigger, method_name="execute_with_capacity", timeout=backstop(try_ends_at))
