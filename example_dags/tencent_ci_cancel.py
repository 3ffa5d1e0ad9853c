"""A batch job with a limit of four hours: if it still runs then, it is cancelled."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG  # airflow.sdk on Airflow 3, airflow on 2.11
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_tencent_ci.operators.cancel_inventory_job import CancelInventoryJobOperator
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

WORKFLOW_ID = os.environ.get("TENCENT_CI_WORKFLOW_ID", "w00000000000000000000000000000001")
PREFIX = os.environ.get("TENCENT_CI_PREFIX", "media/")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))

# [START cancel]
with DAG(
    dag_id="tencent_ci_cancel",
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
    # validate: a workflow that does not exist or is paused is an error before anything is submitted.
    submit = TriggerInventoryJobOperator(
        task_id="submit",
        workflow_ids=WORKFLOW_ID,
        prefix=PREFIX,
        start_time="{{ data_interval_start }}",
        end_time="{{ data_interval_end }}",
        validate=True,
    )
    wait = InventoryJobSensor(
        task_id="wait",
        job_id=submit.output,
        poke_interval=POLL_SECONDS,
        timeout=timedelta(hours=4),
        soft_fail=True,
        deferrable=True,
    )
    # A job that has ended is not changed, and without a job this task is skipped. So it may follow in any case.
    stop = CancelInventoryJobOperator(task_id="stop", job_id=submit.output["job_id"], trigger_rule="all_done")
    wait >> stop
# [END cancel]
