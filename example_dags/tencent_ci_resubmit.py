"""Every night: process what is there, submit the files that failed again, twice at most, and judge what is left."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG  # airflow.sdk on Airflow 3, airflow on 2.11

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

WORKFLOW_ID = os.environ.get("TENCENT_CI_WORKFLOW_ID", "w00000000000000000000000000000001")
PREFIX = os.environ.get("TENCENT_CI_PREFIX", "media/")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))

# [START resubmit]
with DAG(
    dag_id="tencent_ci_resubmit",
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8))),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["tencent-ci"],
):
    TriggerInventoryJobOperator(
        task_id="transcode",
        workflow_ids=WORKFLOW_ID,
        prefix=PREFIX,
        wait_for_completion=True,
        deferrable=True,
        poll_interval=POLL_SECONDS,
        # The failed files, and only those, are a batch of their own; those that fail there are the next one.
        resubmit_rounds=2,
        # The service reads their names from objects that are put here; PREFIX must not cover it.
        url_list_prefix=".airflow/tencent-ci/",
        # What still fails after that is judged as a share of the whole batch.
        fail_on=0.01,
    )
# [END resubmit]
