"""The DAGs of the running Airflow."""

from __future__ import annotations

__all__ = ["DAGS"]

DAGS = """
from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

SUBMIT = {
    "task_id": "submit", "workflow_ids": "w00000000000000000000000000000001", "retries": 1,
    "retry_delay": timedelta(seconds=1), "wait_for_completion": True, "poll_interval": 1,
}
START = {"schedule": None, "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc)}

for mode, deferrable in (("deferred", True), ("blocking", False)):
    with DAG(f"stop_{mode}", **START):
        TriggerInventoryJobOperator(prefix="media/", deferrable=deferrable, **SUBMIT)

    with DAG(f"time_out_{mode}", **START):
        TriggerInventoryJobOperator(
            prefix="media/", deferrable=deferrable, execution_timeout=timedelta(seconds=20), **{**SUBMIT, "retries": 0}
        )

for mode, deferrable in (("deferred", True), ("blocking", False)):
    with DAG(f"again_{mode}", **START):
        TriggerInventoryJobOperator(
            prefix="again/", deferrable=deferrable, resubmit_rounds=1, fail_on="any",
            **{**SUBMIT, "retries": 3}
        )

# For the morning after: a task that fails because of its files, and one that reads its record.
with DAG("failed_files", **START) as failed_files:
    @failed_files.task
    def publish(job):
        return job["Files"]["Failed"]

    publish(TriggerInventoryJobOperator(prefix="again/", deferrable=True, fail_on="any", **SUBMIT).output["job"])

with DAG("many", params={"tasks": 1}, **START) as many:
    @many.task
    def prefixes(params=None):
        return [f"media/{number:03}/" for number in range(params["tasks"])]

    # Airflow may take the late end of a task's first part for the end of its second, which costs a try, and no job.
    TriggerInventoryJobOperator.partial(deferrable=True, **{**SUBMIT, "poll_interval": 5, "retries": 3}).expand(
        prefix=prefixes()
    )

# A task for each way of waiting; those of sensors get their jobs from the run. The retry comes late enough to see that
# the process of the try before it was told to end meanwhile.
SENSE = {"retries": 0, "poke_interval": 1, "cancel_on_kill": True}
with DAG("all_modes", params={"jobs": {}}, **START):
    for mode, deferrable in (("deferred", True), ("blocking", False)):
        for retries in (0, 2):
            own = {"task_id": f"{mode}_{retries}", "retries": retries, "retry_delay": timedelta(seconds=15)}
            # 2.11 counts a clear of a running task as a retry, which looks for an earlier submission for so long.
            own |= {"name": "{{ run_id }}-{{ ti.task_id }}", "reconcile_timeout": 10}
            TriggerInventoryJobOperator(prefix="media/", deferrable=deferrable, **{**SUBMIT, **own})
    for task_id, mode in (("poke", {}), ("sense", {"deferrable": True}), ("start", {"start_from_trigger": True})):
        InventoryJobSensor(task_id=task_id, job_id="{{ params.jobs['%s'] }}" % task_id, **SENSE, **mode)

with DAG("out_of_touch", **START):
    for retries in (0, 2):
        TriggerInventoryJobOperator(
            prefix="media/", deferrable=True, contact_timeout=3, name="{{ run_id }}-{{ ti.task_id }}",
            **{**SUBMIT, "task_id": f"deferred_{retries}", "retries": retries},
        )

# It ends as soon as there is a job.
for seconds in (8, 60):
    with DAG(f"two_tries_{seconds}", **START):
        TriggerInventoryJobOperator(
            prefix="media/", reconcile_timeout=seconds, **{**SUBMIT, "wait_for_completion": False}
        )

CONNECTIONS = ["with_keys", "with_machine_role", "with_assume_role"]
for mode, deferrable in (("leaks", True), ("leaks_blocking", False)):
    with DAG(mode, **START):
        TriggerInventoryJobOperator.partial(prefix="media/", deferrable=deferrable, **SUBMIT).expand(
            tencent_ci_conn_id=CONNECTIONS
        )

with DAG("leaks_refused", **START):
    TriggerInventoryJobOperator.partial(prefix="media/", **{**SUBMIT, "retries": 0}).expand(
        tencent_ci_conn_id=["with_keys", "with_wrong_key"]
    )

with DAG("time_limited", **START):
    TriggerInventoryJobOperator(prefix="media/", deferrable=True, wait_timeout=20, **SUBMIT)
"""
