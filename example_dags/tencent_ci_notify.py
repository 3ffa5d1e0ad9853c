"""When a job fails, a message says which job, what happened, and what to do."""

from __future__ import annotations

# [START notify]
import os
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, BaseNotifier  # airflow.sdk on Airflow 3

from airflow_provider_tencent_ci.notifications.job_failure import JOB_FAILURE, JOB_FAILURE_SUBJECT
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

WORKFLOW_ID = os.environ.get("TENCENT_CI_WORKFLOW_ID", "w00000000000000000000000000000001")
PREFIX = os.environ.get("TENCENT_CI_PREFIX", "media/")
POLL_SECONDS = float(os.environ.get("TENCENT_CI_POLL_SECONDS", "30"))
MESSAGES = os.environ.get("TENCENT_CI_MESSAGES", "/tmp/tencent-ci-messages.txt")  # noqa: S108


class FileNotifier(BaseNotifier):
    """Add a message to a file; in production use a notifier of Slack, SMTP, ..., which also render their texts."""

    template_fields = ("subject", "text")

    def __init__(self, subject: str, text: str):
        super().__init__()
        self.subject = subject
        self.text = text

    def notify(self, context):
        with Path(MESSAGES).open("a", encoding="utf-8") as messages:
            messages.write(f"{self.subject}\n\n{self.text}\n")


with DAG(
    dag_id="tencent_ci_notify",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["tencent-ci"],
):
    TriggerInventoryJobOperator(
        task_id="transcode",
        workflow_ids=WORKFLOW_ID,
        prefix=PREFIX,
        wait_for_completion=True,
        deferrable=True,
        poll_interval=POLL_SECONDS,
        fail_on="any",
        on_failure_callback=FileNotifier(subject=JOB_FAILURE_SUBJECT, text=JOB_FAILURE),
    )
# [END notify]
