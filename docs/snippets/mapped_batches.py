"""A batch for each of many buckets and prefixes, as on the cluster that the tests strike."""

from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy


@task
def batches():
    bucket = "examplebucket-1250000000"
    return [{"bucket": bucket, "prefix": f"media/000{number}"} for number in (1, 2)]


# [START mapped]
with DAG(
    "mapped_batches",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": InventoryJobRetryPolicy(),  # a failed job is not billed again; no effect before Airflow 3.3
    },
):
    TriggerInventoryJobOperator.partial(
        task_id="submit",
        workflow_ids="w00000000000000000000000000000001",
        wait_for_completion=True,
        deferrable=True,
    ).expand_kwargs(batches())  # a list of {"bucket": ..., "prefix": ...}
# [END mapped]
