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
from airflow_provider_tencent_ci.triggers.capacity import InventoryJobCapacityTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

__all__ = ["wait_for_capacity"]


def wait_for_capacity(
    task: TriggerInventoryJobOperator, context: Context, hook: TencentCIHook, max_active_jobs: int
) -> None:
    """
    Wait here until ``task`` may submit, or defer it; it is resumed by ``execute_with_capacity`` then.

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
