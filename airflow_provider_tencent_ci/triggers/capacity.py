"""Waiting in the triggerer until a bucket has room for one more batch job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.airflow_names import BaseTrigger, TriggerEvent
from airflow_provider_tencent_ci.triggerer.preload import preload_client
from airflow_provider_tencent_ci.waiting.resume_event import write_capacity

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.submitting.max_active_jobs import CapacityResult
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

__all__ = ["InventoryJobCapacityTrigger"]


class InventoryJobCapacityTrigger(BaseTrigger):
    """
    Wait until fewer than ``max_active_jobs`` batch jobs of a bucket are active, and yield one event.

    It only reads, and there is no job yet that a stop would have to cancel. As few are let go as there are places
    (:mod:`airflow_provider_tencent_ci.triggerer.capacity_gate`). The event is that of
    :func:`airflow_provider_tencent_ci.waiting.resume_event.write_capacity`.

    :param max_active_jobs: how many.
    :param tencent_ci_conn_id: the connection.
    :param bucket: the bucket's long name; by default the connection's.
    :param region: its region; by default the connection's.
    :param poll_interval: seconds between two polls, less a random part of up to half of them.
    :param contact_timeout: seconds without one usable answer after which the wait gives up.
    :param deadline_at: when ``execution_timeout`` is over, as ISO 8601 text in UTC: absolute, so that neither a restart
        nor another deferral moves it. ``None`` for never.
    """

    def __init__(
        self,
        max_active_jobs: int = 1,
        tencent_ci_conn_id: str = "tencent_ci_default",
        bucket: str | None = None,
        region: str | None = None,
        poll_interval: float = 30,
        contact_timeout: float = 600,
        deadline_at: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.max_active_jobs = max_active_jobs
        self.tencent_ci_conn_id = tencent_ci_conn_id
        self.bucket = bucket
        self.region = region
        self.poll_interval = poll_interval
        self.contact_timeout = contact_timeout
        self.deadline_at = deadline_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, all of them JSON values."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "max_active_jobs": self.max_active_jobs,
                "tencent_ci_conn_id": self.tencent_ci_conn_id,
                "bucket": self.bucket,
                "region": self.region,
                "poll_interval": self.poll_interval,
                "contact_timeout": self.contact_timeout,
                "deadline_at": self.deadline_at,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        await preload_client()
        from airflow_provider_tencent_ci.core.submitting.max_active_jobs import CapacityResult, CapacityStatus

        try:
            result = await self._wait()
        except Exception as error:  # a failed trigger would skip the task's own handling
            self.log.warning("Cannot find out how many batch jobs are active: %s", error)
            message = (
                f"Nothing was submitted: how many batch jobs are active is not known. {type(error).__name__}: {error}"
            )
            result = CapacityResult(CapacityStatus.LOST_CONTACT, message)
        yield TriggerEvent(write_capacity(result))  # type: ignore[no-untyped-call]

    async def _wait(self) -> CapacityResult:
        from airflow_provider_tencent_ci.core.submitting.max_active_jobs import CapacityResult, CapacityWait
        from airflow_provider_tencent_ci.hooks.connection_config import place_of
        from airflow_provider_tencent_ci.triggerer.capacity_gate import wait_at_capacity_gate
        from airflow_provider_tencent_ci.triggerer.connection_retry import retry_until_wait_ends

        deadline_at = datetime.fromisoformat(self.deadline_at) if self.deadline_at else None
        place = place_of(self.tencent_ci_conn_id, self.bucket)
        wait = CapacityWait(deadline_at=deadline_at, contact_timeout=self.contact_timeout, place=place)
        config = await retry_until_wait_ends(self._read_config, wait, self.poll_interval)
        if isinstance(config, CapacityResult):
            return config
        wait.place = config.place
        return await wait_at_capacity_gate(config, wait, self.max_active_jobs, self.poll_interval)

    async def _read_config(self) -> ServiceConfig:
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

        return await TencentCIHook(self.tencent_ci_conn_id, bucket=self.bucket, region=self.region).read_config()
