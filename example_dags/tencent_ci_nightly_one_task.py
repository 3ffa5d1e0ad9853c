"""The nightly job as one task, which submits and then waits without holding a worker."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG  # airflow.sdk on Airflow 3, airflow on 2.11
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy

WORKFLOW_ID = os.environ.get("TENCENT_CI_WORKFLOW_ID", "w00000000000000000000000000000001")
PREFIX = os.environ.get("TENCENT_CI_PREFIX", "media/")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))

# [START one_task]
with DAG(
    dag_id="tencent_ci_nightly_one_task",
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8))),
    catchup=False,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": InventoryJobRetryPolicy(),  # a failed job is not billed again; no effect before Airflow 3.3
    },
    tags=["tencent-ci"],
):
    TriggerInventoryJobOperator(
        task_id="transcode",
        workflow_ids=WORKFLOW_ID,
        prefix=PREFIX,
        start_time="{{ data_interval_start }}",
        end_time="{{ data_interval_end }}",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=POLL_SECONDS,
        wait_timeout=timedelta(hours=12),
        fail_on=0.1,  # a tenth of the files or more; by default, failed files do not fail the task
    )
# [END one_task]
