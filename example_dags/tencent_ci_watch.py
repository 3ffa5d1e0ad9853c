"""When a nightly job of any origin has succeeded, run a DAG. Airflow 3.0 and later."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_tencent_ci.triggers.inventory_job_event import InventoryJobEventTrigger

NAME = os.environ.get("TENCENT_CI_WATCH_NAME", "*nightly*")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "60"))

# [START watch]
nightly_done = Asset(
    "tencent_ci_nightly_done",
    watchers=[
        AssetWatcher(
            name="nightly_batches",
            trigger=InventoryJobEventTrigger(name=NAME, states=["Success"], poll_interval=POLL_SECONDS),
        )
    ],
)

with DAG(
    dag_id="tencent_ci_watch",
    schedule=[nightly_done],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["tencent-ci"],
):

    @task
    def publish(triggering_asset_events=None):
        # An event has all jobs that ended since the last poll, and after a restart also jobs that were reported before.
        events = triggering_asset_events[nightly_done] if triggering_asset_events else []
        jobs = {job["JobId"]: job for event in events for job in event.extra["payload"]["jobs"]}
        for job in jobs.values():
            print(f"Batch {job['Name']} of {job['Input']} has ended at {job['EndTime']}.")
        return list(jobs)

    publish()
# [END watch]
