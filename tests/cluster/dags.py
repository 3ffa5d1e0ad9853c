"""The DAG of the cluster: one batch job for each prefix of each bucket."""

from __future__ import annotations

__all__ = ["BUCKETS", "DAGS", "DAG_ID", "TASK_ID"]

DAG_ID = "fan_out"
TASK_ID = "submit"  # the one that tests.stack.runs.Run looks at
BUCKETS = tuple(f"media-{number}-1250000000" for number in range(1, 6))

DAGS = f"""
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

BUCKETS = {BUCKETS!r}

with DAG(
    "{DAG_ID}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), params={{"jobs": 5}}
) as fan_out:

    @fan_out.task
    def batches(params=None):
        return [
            {{"bucket": BUCKETS[number % len(BUCKETS)], "prefix": f"media/{{number:03}}/"}}
            for number in range(params["jobs"])
        ]

    TriggerInventoryJobOperator.partial(
        task_id="{TASK_ID}",
        workflow_ids="w00000000000000000000000000000001",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=10,
        retries=3,
        retry_delay=timedelta(seconds=1),
    ).expand_kwargs(batches())
"""
