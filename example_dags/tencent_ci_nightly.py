"""Every night: process what was uploaded the day before, then wait for it. Two tasks, operator and sensor."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG  # airflow.sdk on Airflow 3, airflow on 2.11
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

WORKFLOW_ID = os.environ.get("TENCENT_CI_WORKFLOW_ID", "w00000000000000000000000000000001")
PREFIX = os.environ.get("TENCENT_CI_PREFIX", "media/")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))

# [START nightly]
with DAG(
    dag_id="tencent_ci_nightly",
    # From 02:00 to 02:00, Beijing time.
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
    submit = TriggerInventoryJobOperator(
        task_id="submit",
        workflow_ids=WORKFLOW_ID,
        prefix=PREFIX,
        # Only objects that were uploaded in the run's data interval.
        start_time="{{ data_interval_start }}",
        end_time="{{ data_interval_end }}",
    )
    wait = InventoryJobSensor(
        task_id="wait",
        job_id=submit.output,
        poke_interval=POLL_SECONDS,
        timeout=timedelta(hours=12),
        deferrable=True,
        fail_on=0.1,  # a tenth of the files or more; by default, failed files do not fail the task
    )
# [END nightly]
