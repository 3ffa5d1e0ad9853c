"""The triggers with which the operator and the sensor wait, made of their arguments."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.waiting.durations import deadline_after, progress_interval, seconds_of
from airflow_provider_tencent_ci.waiting.trigger_end import JOB_ID, RECORD, success_xcoms

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
    from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
    from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

__all__ = ["operator_deadline_at", "operator_trigger", "sensor_trigger"]


def operator_trigger(task: TriggerInventoryJobOperator, *, is_last_word: bool = True) -> InventoryJobTrigger:
    """
    Return the trigger of a job that is still to be submitted, proven to be serialisable: later would be too late.

    :param is_last_word: whether the job's record is the task's result, so that the task may end in the triggerer.
    :raises InvalidArgumentError: an argument is wrong.
    """
    ends_here = is_last_word and task.end_from_trigger and task.deferrable and task.wait_for_completion
    trigger = _new_trigger(
        task,
        poll_interval=seconds_of("poll_interval", task.poll_interval),
        deadline_at=operator_deadline_at(task),
        cancel_on_kill=task.cancel_on_kill,
        success_xcoms=success_xcoms(task, JOB_ID, {"job": RECORD}) if ends_here else None,
    )
    json.dumps(trigger.serialize())
    return trigger


def operator_deadline_at(task: TriggerInventoryJobOperator) -> str | None:
    """Return when ``wait_timeout`` will be over, if the wait begins now."""
    deadline_at = deadline_after("wait_timeout", task.wait_timeout, datetime.now(UTC))
    return deadline_at.isoformat() if deadline_at else None


def sensor_trigger(task: InventoryJobSensor, began_at: datetime) -> InventoryJobTrigger:
    """
    Return a sensor's trigger.

    :param began_at: when ``timeout`` began.
    """
    return _new_trigger(
        task,
        job_id=task.job_id,
        poll_interval=task.poke_interval,
        deadline_at=(began_at + timedelta(seconds=task.timeout)).isoformat(),
        cancel_on_kill=task.cancel_on_kill,
        success_xcoms=success_xcoms(task, RECORD) if task.deferrable and task.end_from_trigger else None,
    )


def _new_trigger(task: TriggerInventoryJobOperator | InventoryJobSensor, **arguments: Any) -> InventoryJobTrigger:
    from airflow_provider_tencent_ci.outcome.file_outcome import counts_files
    from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

    return InventoryJobTrigger(
        tencent_ci_conn_id=task.tencent_ci_conn_id,
        bucket=task.bucket,
        region=task.region,
        contact_timeout=seconds_of("contact_timeout", task.contact_timeout),
        count_files=counts_files(task),
        may_be_empty=task.on_empty == "succeed",
        progress_interval=progress_interval(task),
        **arguments,
    )
