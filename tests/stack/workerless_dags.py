"""The DAGs with waits that start and end in the triggerer, for the running Airflow 3.3."""

from __future__ import annotations

__all__ = ["WORKERLESS_DAGS"]

WORKERLESS_DAGS = """
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, Asset, task_group

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

WORKFLOW = "w00000000000000000000000000000001"
START = {"schedule": None, "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc)}
START["default_args"] = {"retries": 2, "retry_delay": timedelta(0)}
WAIT = {"wait_for_completion": True, "deferrable": True, "poll_interval": 1}
HERE = {"start_from_trigger": True, "end_from_trigger": True, "poke_interval": 1}
THERE = {"deferrable": True, "poke_interval": 1}


def submit(task_id, **arguments):
    return TriggerInventoryJobOperator(task_id=task_id, workflow_ids=WORKFLOW, prefix="media/", **arguments)


with DAG("workerless", **START):
    one = submit("submit")
    InventoryJobSensor(task_id="wait", job_id=one.output, **HERE)
    InventoryJobSensor(task_id="wait_for_template", job_id="{{ ti.xcom_pull('submit') }}", **HERE).set_upstream(one)
    InventoryJobSensor(task_id="wait_on_workers", job_id=one.output, **THERE)
    InventoryJobSensor(task_id="wait_with_outlets", job_id=one.output, outlets=[Asset("done")], **HERE)
    transcode = submit("transcode", end_from_trigger=True, **WAIT)
    submit("transcode_on_workers", **WAIT)
    InventoryJobSensor(task_id="wait_again", job_id=transcode.output, **HERE)

with DAG("workerless_bad_end", **START):
    one = submit("submit")
    for suffix, way in (("", HERE), ("_on_workers", THERE)):
        InventoryJobSensor(task_id="wait" + suffix, job_id=one.output, **way)
        InventoryJobSensor(task_id="skip" + suffix, job_id=one.output, soft_fail=True, **way)

with DAG("workerless_too_long", **START):
    one = submit("submit")
    InventoryJobSensor(task_id="wait", job_id=one.output, timeout=3, **HERE)
    InventoryJobSensor(task_id="skip", job_id=one.output, timeout=3, soft_fail=True, **HERE)
    limit = {"execution_timeout": timedelta(seconds=3), "retries": 0}
    InventoryJobSensor(task_id="limited", job_id=one.output, **limit, **HERE)
    InventoryJobSensor(task_id="nothing", job_id="{{ params.get('job_id', '') }}", retries=0, **HERE)
    InventoryJobSensor(task_id="unknown", job_id="b0000000000000000000000000000000", retries=0, **HERE)

with DAG("workerless_mapped", **START):
    @task_group
    def batch(prefix):
        one = TriggerInventoryJobOperator(task_id="submit", workflow_ids=WORKFLOW, prefix=prefix)
        InventoryJobSensor(task_id="wait", job_id=one.output["job_id"], **HERE)

    batch.expand(prefix=["media/1/", "media/2/"])
    many = TriggerInventoryJobOperator.partial(task_id="submit", workflow_ids=WORKFLOW).expand(prefix=["media/3/"])
    InventoryJobSensor.partial(task_id="wait", **HERE).expand(job_id=many.output)
"""
