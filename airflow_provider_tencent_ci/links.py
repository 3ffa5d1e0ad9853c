"""The button that leads from a task to the console of Cloud Infinite."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from airflow_provider_tencent_ci.compat.airflow_names import BaseOperatorLink
from airflow_provider_tencent_ci.compat.task_context import push_link_xcom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

__all__ = ["JOB_URL_KEY", "InventoryJobLink", "console_url", "place_of_console_url", "push_link"]

_log = logging.getLogger(__name__)

JOB_URL_KEY = "job_url"


class InventoryJobLink(BaseOperatorLink):
    """
    Open the bucket's page of the CI console.

    There is no documented address of a single batch job (docs/service.md, 8). From the bucket's page it is *Job and
    Workflow*, *Batch Data Processing*.
    """

    name = "Tencent CI Console"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address that the task left in XCom; empty if it did not get that far."""
        # Imported late: the operator's module imports this one, and each parse of a DAG file would pay.
        from airflow_provider_tencent_ci.compat.airflow_names import XCom

        return str(XCom.get_value(ti_key=ti_key, key=JOB_URL_KEY) or "")


def console_url(bucket: str, region: str) -> str:
    """Return the address of a bucket's page: observed in public code, not documented (docs/service.md, 8)."""
    return f"https://console.cloud.tencent.com/ci/bucket?{urlencode({'bucket': bucket, 'region': region})}"


def place_of_console_url(url: str) -> tuple[str, str] | None:
    """Return bucket and region of an address that :func:`console_url` made; ``None`` for any other."""
    known = dict(parse_qsl(url.partition("?")[2]))
    bucket, region = known.get("bucket", ""), known.get("region", "")
    return (bucket, region) if url == console_url(bucket, region) else None


def push_link(context: Context, config: ServiceConfig) -> None:
    """
    Push the link to the bucket to the XCom that the UI reads; never raises.

    Airflow does so itself only after a task's process has ended; the link should be there while it runs, too.
    """
    ti: Any = context["ti"]
    url = console_url(config.bucket, config.region)
    try:
        ti.xcom_push(key=JOB_URL_KEY, value=url)
        push_link_xcom(ti, InventoryJobLink(), url)
    except Exception as error:  # a link must not fail a task
        _log.warning("Could not leave the link to the console: %s", error)
