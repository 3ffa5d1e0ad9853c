"""A function returns the request for each of several channels; Airflow submits it and waits."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task  # airflow.sdk on Airflow 3

from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy

WORKFLOW_ID = os.environ.get("TENCENT_CI_WORKFLOW_ID", "w00000000000000000000000000000001")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))

# [START decorator]
with DAG(
    dag_id="tencent_ci_decorator",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": InventoryJobRetryPolicy(),  # a failed job is not billed again; no effect before Airflow 3.3
    },
    tags=["tencent-ci"],
):

    @task.tencent_ci_inventory_job(wait_for_completion=True, deferrable=True, poll_interval=POLL_SECONDS)
    def transcode(channel: str, data_interval_end=None):
        # The same run must give the same request, or a retry does not find its own job.
        return {
            "workflow_ids": WORKFLOW_ID,
            "prefix": f"media/{channel}/",
            "end_time": data_interval_end,
            "name": f"{channel}-{{{{ ds | default('manual') }}}}",  # templates are rendered
        }

    transcode.expand(channel=["news", "sports"])
# [END decorator]
