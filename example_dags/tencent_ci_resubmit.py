"""Every night: process the uploads of a day, resubmit the failed files twice at most, apply a rule to the rest."""

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

# [START resubmit]
with DAG(
    dag_id="tencent_ci_resubmit",
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
        # Only the failed files are submitted again, as a job of their own; those that fail again are the next round.
        resubmit_rounds=2,
        # The service reads their names from objects in this place; PREFIX must not cover it.
        url_list_prefix=".airflow/tencent-ci/",
        # The rule for the files that still fail, as a share of the whole batch.
        fail_on=0.01,
    )
# [END resubmit]
