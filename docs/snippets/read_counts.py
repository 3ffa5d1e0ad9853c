"""A task that reads the counts of mapped batches."""

from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

# [START read_counts]
with DAG("read_counts", schedule=None, start_date=datetime(2026, 1, 1)):
    transcode = TriggerInventoryJobOperator.partial(
        task_id="transcode", workflow_ids="w00000000000000000000000000000001", wait_for_completion=True
    ).expand(prefix=["media/0001", "media/0002"])

    @task(trigger_rule="all_done")  # also after failed batches
    def report(jobs):
        # Of mapped tasks a lazy sequence: each record is read when it is used. Without mapping, jobs is one record.
        return {job["Input"]["Prefix"]: f"{job['Files']['Failed']} of {job['Files']['Total']} failed" for job in jobs}

    report(transcode.output["job"])
# [END read_counts]
