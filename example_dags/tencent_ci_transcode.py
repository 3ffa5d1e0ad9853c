"""A batch of independent transcoding jobs (Type=Job) with a template instead of a workflow."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG  # airflow.sdk on Airflow 3, airflow on 2.11

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

TEMPLATE_ID = os.environ.get("TENCENT_CI_TEMPLATE_ID", "t0123456789abcdef0123456789abcdef0")
BUCKET = os.environ.get("TENCENT_CI_BUCKET", "examplebucket-1250000000")
REGION = os.environ.get("TENCENT_CI_REGION", "ap-beijing")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))

# [START transcode]
with DAG(
    dag_id="tencent_ci_transcode",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"prefix": "media/film/"},
    tags=["tencent-ci"],
):
    TriggerInventoryJobOperator(
        task_id="transcode",
        name="transcode {{ params.prefix }}",
        prefix="{{ params.prefix }}",
        job={
            "Tag": "Transcode",
            "JobParam": {"TemplateId": TEMPLATE_ID},
            "Output": {
                "Region": REGION,
                "Bucket": BUCKET,
                # Each file needs a name of its own, or the files overwrite each other.
                "Object": "transcoded/{{ ds_nodash | default('manual') }}/${InputName}.mp4",
            },
            "UserData": "{{ run_id }}",
        },
        wait_for_completion=True,
        deferrable=True,
        poll_interval=POLL_SECONDS,
    )
# [END transcode]
