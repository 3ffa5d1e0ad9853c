"""The first DAG of a new user: one batch, run by hand."""

# [START first]
from datetime import datetime

from airflow.sdk import DAG  # on Airflow 2.11: from airflow import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

with DAG("first_batch", schedule=None, start_date=datetime(2026, 1, 1)):
    TriggerInventoryJobOperator(
        task_id="transcode",
        workflow_ids="w00000000000000000000000000000001",  # the emulator has this workflow
        prefix="media/",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        fail_on="any",  # one failed file fails the task
    )
# [END first]
