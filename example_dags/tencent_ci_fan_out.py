"""One batch job for each prefix, by dynamic task mapping."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG  # airflow.sdk on Airflow 3, airflow on 2.11

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy

WORKFLOW_ID = os.environ.get("TENCENT_CI_WORKFLOW_ID", "w00000000000000000000000000000001")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))

# [START fan_out]
with DAG(
    dag_id="tencent_ci_fan_out",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": InventoryJobRetryPolicy(),  # a failed job is not billed again; no effect before Airflow 3.3
    },
    tags=["tencent-ci"],
):
    TriggerInventoryJobOperator.partial(
        task_id="transcode",
        workflow_ids=WORKFLOW_ID,
        wait_for_completion=True,
        deferrable=True,
        poll_interval=POLL_SECONDS,
    ).expand(prefix=["media/news/", "media/sports/", "media/film/"])
# [END fan_out]
