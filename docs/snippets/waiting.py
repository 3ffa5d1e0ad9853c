"""Waits without workers: as two tasks, and as one."""

from datetime import datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

batch = {"workflow_ids": "w00000000000000000000000000000001", "prefix": "media/"}

with DAG("waiting", schedule=None, start_date=datetime(2026, 1, 1)):
    # [START waiting]
    # As two tasks; batch has the workflow and the files.
    submit = TriggerInventoryJobOperator(task_id="submit", **batch)
    InventoryJobSensor(task_id="wait", job_id=submit.output, start_from_trigger=True, end_from_trigger=True)

    # As one task.
    TriggerInventoryJobOperator(
        task_id="transcode", **batch, wait_for_completion=True, deferrable=True, end_from_trigger=True
    )
    # [END waiting]
