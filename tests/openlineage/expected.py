"""The DAGs of these tests, and their common expected events."""

from __future__ import annotations

HEADER = """
from datetime import datetime, timezone
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tencent_ci.assets.cos import create_asset
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

WORKFLOW = "w00000000000000000000000000000001"
OUTLETS = [create_asset(bucket="examplebucket-1250000000", key="夜 film/")]
OUTPUT = {"Region": "ap-beijing", "Bucket": "out-1250000000", "Object": "transcoded/${InputName}.mp4"}
JOB = {"Tag": "Transcode", "JobParam": {"TemplateId": "t1"}, "Output": OUTPUT}
SNAPSHOTS = {**JOB, "Tag": "Snapshot", "Output": {**OUTPUT, "Object": "shots/${InputName}-${Number}.jpg"}}
dag = DAG("DAG_UNDER_TEST", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=timezone.utc))
"""
SUBMIT = """
    TriggerInventoryJobOperator(task_id='submit', workflow_ids=WORKFLOW, prefix='media/', outlets=OUTLETS, {})
"""
TRANSCODE = """
    TriggerInventoryJobOperator(task_id='transcode', job=JOB, prefix='media/', outlets=OUTLETS, {})
"""
SENSE = "    InventoryJobSensor(task_id='wait', job_id='{}', outlets=OUTLETS, {})\n"

BUCKET = "cos://examplebucket-1250000000"
CONSOLE_URL = "https://console.cloud.tencent.com/ci/bucket?bucket=examplebucket-1250000000&region=ap-beijing"

# The outlet, as a dataset.
DECLARED = {(BUCKET, "夜 film")}
