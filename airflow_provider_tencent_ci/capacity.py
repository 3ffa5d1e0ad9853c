"""
A task that may submit only while few batch jobs of its bucket are active.

Airflow's pools bound the tasks of one Airflow; this bounds the jobs of a bucket, whoever submits them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.capacity import CapacityWatch, wait_for_place
from airflow_provider_tencent_ci.deferring import time_left
from airflow_provider_tencent_ci.durations import seconds_of
from airflow_provider_tencent_ci.exceptions import TooManyActiveJobsError
from airflow_provider_tencent_ci.submitting import submit_for_task
from airflow_provider_tencent_ci.triggers.capacity import InventoryJobCapacityTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.submission import Submission
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

__all__ = ["submit_when_possible"]


def submit_when_possible(
    task: TriggerInventoryJobOperator,
    context: Context,
    hook: TencentCIHook,
    specification: InventoryJobSpecification,
    name: str,
) -> Submission:
    """Submit for ``task``, or find its job, as soon as ``max_active_jobs`` allows; it may be deferred until then."""
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
            )
        except TooManyActiveJobsError as error:
            hook.log.info("%s Waiting until there are fewer.", error)
            _wait(task, context, hook, task.max_active_jobs or 0)


def _wait(task: TriggerInventoryJobOperator, context: Context, hook: TencentCIHook, max_active_jobs: int) -> None:
    """
    Wait here until there may be room, or defer ``task``; ``execute_with_capacity`` resumes it then.

    There is no job yet that would have to be stopped, so Airflow may end the deferral by itself.
    """
    poll_interval = seconds_of("poll_interval", task.poll_interval)
    contact_timeout = seconds_of("contact_timeout", task.contact_timeout)
    if not task.deferrable:
        hook.run(wait_for_place(CapacityWatch(max_active_jobs, poll_interval, contact_timeout)))
        return
    trigger = InventoryJobCapacityTrigger(
        max_active_jobs, task.tencent_ci_conn_id, task.bucket, task.region, poll_interval, contact_timeout
    )
    timeout = task.execution_timeout
    if timeout is not None:
        timeout = max(time_left(timeout, context, datetime.now(UTC)), timedelta(0))
    task.defer(trigger=trigger, method_name="execute_with_capacity", timeout=timeout)
