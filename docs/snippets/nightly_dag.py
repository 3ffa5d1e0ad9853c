"""The DAG of README and of the first steps: operator and sensor, every night."""

# [START nightly]
from datetime import datetime, timedelta

from airflow.sdk import DAG  # on Airflow 2.11: from airflow import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

with DAG(
    dag_id="nightly_transcode",
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": InventoryJobRetryPolicy(),  # no effect before Airflow 3.3
    },
):
    submit = TriggerInventoryJobOperator(
        task_id="submit",
        workflow_ids="w00000000000000000000000000000001",
        prefix="media/",
        start_time="{{ data_interval_start }}",  # only what was uploaded since yesterday
        end_time="{{ data_interval_end }}",
    )
    InventoryJobSensor(
        task_id="wait",
        job_id=submit.output,
        timeout=timedelta(hours=12),
        deferrable=True,
        fail_on=0.1,  # a tenth of the files or more; by default, failed files do not fail the task
        on_empty="skip",  # without any file this task is skipped, with a warning
    )
# [END nightly]
