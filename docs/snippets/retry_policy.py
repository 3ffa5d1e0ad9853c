"""Airflow's own retries, only where they help (Airflow 3.3 and later)."""

from datetime import datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

batch = {"workflow_ids": "w00000000000000000000000000000001", "prefix": "media/"}

with DAG("retry_policy", schedule=None, start_date=datetime(2026, 1, 1)):
    # [START policy]
    from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy

    TriggerInventoryJobOperator(task_id="transcode", **batch, retries=5, retry_policy=InventoryJobRetryPolicy())
    # [END policy]
