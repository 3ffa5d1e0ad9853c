"""Your own tasks submit failed files again."""

# [START again_by_hand]
from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

WORKFLOW_ID = "w00000000000000000000000000000001"


@task
def upload_failed(job_id: str) -> str:
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures

    with TencentCIHook() as hook:
        failures = InventoryJobFailures.of_job(hook, hook.get_inventory_job(job_id))
        return failures.upload(hook, f"lists/{job_id}.txt")


with DAG("again_by_hand", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    first = TriggerInventoryJobOperator(
        task_id="first", workflow_ids=WORKFLOW_ID, prefix="media/", wait_for_completion=True
    )
    TriggerInventoryJobOperator(
        task_id="again",
        workflow_ids=WORKFLOW_ID,
        url_file=upload_failed(first.output),
        wait_for_completion=True,
    )
# [END again_by_hand]
