"""A batch job updates an asset in COS; another DAG runs after each update, and reads the job's result in the event."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task  # airflow.sdk on Airflow 3, airflow on 2.11

from airflow_provider_tencent_ci.assets.cos import create_asset
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy

TEMPLATE_ID = os.environ.get("TENCENT_CI_TEMPLATE_ID", "t0123456789abcdef0123456789abcdef0")
BUCKET = os.environ.get("TENCENT_CI_BUCKET", "examplebucket-1250000000")
REGION = os.environ.get("TENCENT_CI_REGION", "ap-beijing")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))

# [START assets]
TRANSCODED = create_asset(bucket=BUCKET, key="transcoded/")  # cos://examplebucket-1250000000/transcoded

with DAG(
    dag_id="tencent_ci_assets",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": InventoryJobRetryPolicy(),  # a failed job is not billed again; no effect before Airflow 3.3
    },
    tags=["tencent-ci"],
):
    TriggerInventoryJobOperator(
        task_id="transcode",
        prefix="media/film/",
        job={
            "Tag": "Transcode",
            "JobParam": {"TemplateId": TEMPLATE_ID},
            "Output": {"Region": REGION, "Bucket": BUCKET, "Object": "transcoded/${InputName}.mp4"},
        },
        wait_for_completion=True,
        deferrable=True,
        poll_interval=POLL_SECONDS,
        outlets=[TRANSCODED],
    )

with DAG(
    dag_id="tencent_ci_assets_report",
    schedule=[TRANSCODED],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["tencent-ci"],
):

    @task(inlets=[TRANSCODED])
    def report(*, inlet_events):
        """Return the result of the job that last updated the asset."""
        extra = inlet_events[TRANSCODED][-1].extra
        files = extra.get("files") or {}  # if they were counted
        return f"{extra['job_id']}: {extra['state']}, {files.get('failed', 'unknown')} files failed"

    report()
# [END assets]
