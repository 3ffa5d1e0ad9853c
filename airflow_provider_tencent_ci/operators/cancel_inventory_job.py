"""Cancelling a batch job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.airflow_names import AirflowSkipException, BaseOperator
from airflow_provider_tencent_ci.compat.untemplated_texts import UntemplatedTexts
from airflow_provider_tencent_ci.exceptions import WaitTimeoutError
from airflow_provider_tencent_ci.links import InventoryJobLink, push_link
from airflow_provider_tencent_ci.notifications.map_index_name import MapIndexName
from airflow_provider_tencent_ci.waiting.constructor_checks import seconds_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context
    from airflow.sdk import XComArg

__all__ = ["CancelInventoryJobOperator"]


class CancelInventoryJobOperator(MapIndexName, UntemplatedTexts, BaseOperator):
    """
    Cancel a batch job (inventory trigger job) of Cloud Infinite, and wait until it has stopped.

    A job that has already ended is not changed, and the task succeeds. Without a job the task is skipped. So the task
    can be retried, and can clean up after a task in any state (``trigger_rule="all_done"``). Files that were processed
    by then stay, and are billed.

    XCom ``return_value``: the job's last record, with the service's node names.

    :param job_id: the job's id; templated. Use ``submit.output["job_id"]``: that XCom exists as soon as the job does.
        ``submit.output`` exists only if the task succeeded. ``None``, an empty text, the text ``None`` that a template
        makes of it, and an XCom that does not exist mean that there is no job.
    :param bucket: the bucket's long name, ``<name>-<APPID>``; by default the connection's.
    :param region: its region; by default the connection's.
    :param tencent_ci_conn_id: a connection of type ``tencent_ci``.
    :param stop_timeout: seconds (or a timedelta) in which the job has to stop. How long that takes is not documented;
        the default, 60, is a guess. Files that are being worked on may be finished first.
    """

    template_fields: Sequence[str] = ("job_id", "bucket", "region", "tencent_ci_conn_id")
    operator_extra_links: Sequence[BaseOperatorLink] = (InventoryJobLink(),)
    map_index_fields = ("job_id", "bucket", "region", "tencent_ci_conn_id")
    ui_color = "#ffe4d6"

    def __init__(
        self,
        *,
        job_id: str | XComArg | None,
        bucket: str | XComArg | None = None,
        region: str | XComArg | None = None,
        tencent_ci_conn_id: str | XComArg = "tencent_ci_default",
        stop_timeout: float | timedelta = 60,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Any: a template, or the result of another task, until Airflow renders it.
        self.job_id: Any = job_id
        self.bucket: Any = bucket
        self.region: Any = region
        self.tencent_ci_conn_id: Any = tencent_ci_conn_id
        self.stop_timeout = stop_timeout

    def render_template(self, content: Any, context: Context, *arguments: Any, **named: Any) -> Any:
        """Render a field as Airflow does; ``job_id`` becomes ``None`` if it is an XCom that was not pushed."""
        from airflow_provider_tencent_ci.compat.airflow_names import XComNotFound

        try:
            return super().render_template(content, context, *arguments, **named)
        except XComNotFound:
            if content is not self.job_id:
                raise
            return None

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Cancel the job, and wait until it has stopped.

        :return: the job's last record.
        :raises AirflowSkipException: there is no job.
        :raises InvalidArgumentError: this can be no job's id; nothing was sent.
        :raises InvalidRequestError: the service knows no such job (or ``NotFoundError``: which is not documented).
        :raises WaitTimeoutError: it has not stopped within ``stop_timeout``; it may still. A retry cancels it again.
        """
        from airflow_provider_tencent_ci.core.polling.cancel_job import cancel_and_confirm, describe_cancel
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

        within_seconds = seconds_of("stop_timeout", self.stop_timeout)
        if str(self.job_id or "").strip() in ("", "None"):
            raise AirflowSkipException("There is no batch job to cancel: job_id is empty. Nothing was sent.")
        with TencentCIHook(self.tencent_ci_conn_id, bucket=self.bucket, region=self.region) as hook:
            push_link(context, hook.config)
            job = hook.run(cancel_and_confirm(self.job_id, within_seconds=within_seconds))
        if not job.state.is_terminal:
            raise WaitTimeoutError(
                f"{hook.place}{describe_cancel(job)} stop_timeout is over; a retry cancels it again."
            )
        self.log.info("%s", describe_cancel(job))
        return job.to_dict()
