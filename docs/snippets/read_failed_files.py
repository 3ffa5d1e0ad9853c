"""A task that reads the failed files of a batch that a sensor waited for."""

from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

WORKFLOW_ID = "w00000000000000000000000000000001"

# [START read_failed_files]
with DAG("read_failed_files", schedule=None, start_date=datetime(2026, 1, 1)):
    submit = TriggerInventoryJobOperator(task_id="submit", workflow_ids=WORKFLOW_ID, prefix="media/")
    wait = InventoryJobSensor(
        task_id="wait", job_id=submit.output, fail_on="any", failures_path="file:///tmp/tencent-ci-reports/"
    )

    @task(trigger_rule="all_done")  # also if the sensor failed because of fail_on
    def list_failed(job):
        from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures

        return list(InventoryJobFailures.read(job["Files"]["FailureList"]))

    list_failed(wait.output["job"])
# [END read_failed_files]
