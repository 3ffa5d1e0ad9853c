"""The first DAG, which submits failed files again before it fails."""

from datetime import datetime

from airflow.sdk import DAG  # on Airflow 2.11: from airflow import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

with DAG("first_batch", schedule=None, start_date=datetime(2026, 1, 1)):
    # [START repaired]
    TriggerInventoryJobOperator(
        task_id="transcode",
        workflow_ids="w00000000000000000000000000000001",
        prefix="media/",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        fail_on="any",
        resubmit_rounds=1,  # submit the failed files once more
    )
    # [END repaired]
