"""Type=Job, its nodes in a YAML file beside the DAG."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG  # airflow.sdk on Airflow 3, airflow on 2.11

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy

PREFIX = os.environ.get("TENCENT_CI_PREFIX", "media/")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))

# [START independent_node]
with DAG(
    dag_id="tencent_ci_independent_node",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"template_id": "t00000000000000000000000000000001", "folder": "nightly"},
    template_searchpath=str(Path(__file__).parent),
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": InventoryJobRetryPolicy(),  # a failed job is not billed again; no effect before Airflow 3.3
    },
    tags=["tencent-ci"],
):
    TriggerInventoryJobOperator(
        task_id="transcode",
        job="tencent_ci_independent_node.yaml",
        prefix=PREFIX,
        wait_for_completion=True,
        deferrable=True,
        poll_interval=POLL_SECONDS,
    )
# [END independent_node]
