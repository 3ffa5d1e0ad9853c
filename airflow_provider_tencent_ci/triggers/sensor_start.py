"""Waiting for the batch job of a sensor that no worker has begun."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from airflow_provider_tencent_ci.compat.airflow_names import TriggerEvent
from airflow_provider_tencent_ci.compat.task_context import push_link_xcom, push_xcoms
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.polling.first_poll import ends_at_once
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.links import JOB_URL_KEY, InventoryJobLink, console_url
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from airflow_provider_tencent_ci.waiting.resume_event import write_not_started, write_wait_result
from airflow_provider_tencent_ci.waiting.wait_log import WaitLog

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitResult

__all__ = ["StartingInventoryJobTrigger"]

# The first request of a triggerer to Airflow takes some seconds, all others almost none.
_RENDER_SECONDS = 60.0


class StartingInventoryJobTrigger(InventoryJobTrigger):
    """
    Start a sensor as a worker would, then wait like any other trigger.

    Airflow's scheduler makes it (``start_from_trigger``). If the start fails here, an event leaves it to a worker
    (``waiting/resume_event.py``): the error is the same one, in the same place, as without ``start_from_trigger``.

    :param seconds_before_limit: how long before Airflow's own limit of the deferral the time to wait is over. That
        limit is an absolute time in Airflow's database; a triggerer restart does not move it.

    All others are those of :class:`InventoryJobTrigger`; those that the sensor has as fields may be templates.
    """

    def __init__(self, *arguments: Any, seconds_before_limit: float = 0, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.seconds_before_limit = seconds_before_limit
        self._context: Context | None = None
        self._first_poll: _FirstPollLog | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        path, arguments = super().serialize()
        return path, {**arguments, "seconds_before_limit": self.seconds_before_limit}

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Keep the context. Airflow calls this where nothing ends it, should it never return."""
        self._context = context

    async def _wait(self) -> dict[str, Any]:
        await self._render_arguments()
        self.deadline_at = self._limit().isoformat()
        wait = self._new_wait()
        config = await self._connect(wait)
        if not isinstance(config, ServiceConfig):
            raise LookupError(config.message)
        await self._leave_link(config)
        result = await self._wait_with(config, wait)
        return write_wait_result(self.job_id, result, await self._counts(result))

    async def _connect(self, wait: Wait) -> ServiceConfig | WaitResult:
        config = await super()._connect(wait)
        if self._first_poll is not None:
            self._first_poll.is_over = False  # whatever failed: no request was sent to the service yet
        return config

    async def _render_arguments(self) -> None:
        """Render the templates, which may need an answer of Airflow that the triggerer never gets."""
        if self._context is None:
            raise LookupError("Airflow gave the triggerer nothing to render templates with")
        ti = _TaskInstance(self._context["ti"])
        context: Any = {**self._context, "ti": ti, "task_instance": ti}
        try:
            # Airflow makes the blocking calls of templates awaits of this task (greenback). So they can be cancelled.
            async with asyncio.timeout(_RENDER_SECONDS):  # noqa: ASYNC100
                super().render_template_fields(context)
        except TimeoutError:
            raise TimeoutError("a template needs an answer that Airflow does not give to the triggerer") from None

    def _limit(self) -> datetime:
        limit_at: datetime | None = getattr(self, "timeout_after", None)
        if limit_at is None:
            raise LookupError("Airflow gave the triggerer no limit of the time to wait")
        return limit_at - timedelta(seconds=self.seconds_before_limit)

    async def _leave_link(self, config: ServiceConfig) -> None:
        url = console_url(config.bucket, config.region)
        try:
            await sync_to_async(push_xcoms, thread_sensitive=False)(self.task_instance, {JOB_URL_KEY: url})
            await sync_to_async(push_link_xcom, thread_sensitive=False)(self.task_instance, InventoryJobLink(), url)
        except Exception as error:  # a link must not fail a task
            self.log.warning("Could not leave the link to the console: %s", error)

    async def _success_event(self, event: dict[str, Any]) -> TriggerEvent | None:
        ti: Any = self.task_instance
        if ti is not None and ti.try_number > 1:
            # Airflow 3.3.2 leaves the end of an earlier try as that of this one, unless a worker has a hand in it
            # (models/taskinstance.py: set_state).
            self.success_xcoms = None
        return await super()._success_event(event)

    def _observer(self) -> WaitLog:
        self._first_poll = _FirstPollLog(self.log)
        return self._first_poll

    def _could_not_wait(self, error: Exception) -> dict[str, Any]:
        if self._first_poll is not None and self._first_poll.is_over:
            return super()._could_not_wait(error)
        self.log.warning("A worker has to begin this wait: %s: %s", type(error).__name__, error)
        return write_not_started(f"{type(error).__name__}: {error}")


class _TaskInstance:
    """
    The task instance as templates see it, which pulls XComs as the triggerer can.

    Without a map index, Airflow requests the XComs of all indexes, with a message that the triggerer does not know and
    never answers (3.3.2, jobs/triggerer_job_runner.py: ``ToTriggerSupervisor``).
    """

    def __init__(self, ti: Any) -> None:
        self._ti = ti

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ti, name)

    def xcom_pull(self, *arguments: Any, **named: Any) -> Any:
        """Pull as the task instance does; by default what a task pushed that is not mapped."""
        return self._ti.xcom_pull(*arguments, **{"map_indexes": -1, **named})


class _FirstPollLog(WaitLog):
    """Logs a wait, and ends it at once if its first poll shows that the arguments are wrong, as on a worker."""

    is_over = False

    def job_polled(self, job: InventoryJob) -> None:
        self.is_over = True
        super().job_polled(job)

    def poll_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        if ends_at_once(error, is_first_poll=not self.is_over):
            raise error
        self.is_over = True
        super().poll_failed(error, failing_seconds)
