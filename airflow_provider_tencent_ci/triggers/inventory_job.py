"""Waiting for a batch job in the triggerer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat import BaseTrigger, TriggerEvent
from airflow_provider_tencent_ci.events import write_event

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.messages import Flow

__all__ = ["InventoryJobTrigger"]


class InventoryJobTrigger(BaseTrigger):
    """
    Wait until a batch job has ended, or the time to wait is over, and yield one event.

    It only reads: a triggerer may be restarted, or its triggers be run by another one, at any moment. The
    constructor only assigns, since an exception in it would end the whole triggerer; every argument has a default,
    since a later release may be handed the arguments of an earlier one. The event is described in
    :mod:`airflow_provider_tencent_ci.events`.

    :param job_id: the batch job.
    :param tencent_ci_conn_id: the connection; its secrets are read where they are used and never stored here.
    :param bucket: the bucket's long name; by default the connection's.
    :param region: its region; by default the connection's.
    :param poll_interval: seconds between two questions; a random part of up to half is taken off.
    :param deadline_at: when to stop waiting, as ISO 8601 text in UTC: absolute, so that a restart does not move it.
        ``None`` for never.
    :param contact_timeout: seconds without one usable answer after which the wait gives up (``lost_contact``).
    """

    def __init__(
        self,
        job_id: str = "",
        tencent_ci_conn_id: str = "tencent_ci_default",
        bucket: str | None = None,
        region: str | None = None,
        poll_interval: float = 30,
        deadline_at: str | None = None,
        contact_timeout: float = 600,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_id = job_id
        self.tencent_ci_conn_id = tencent_ci_conn_id
        self.bucket = bucket
        self.region = region
        self.poll_interval = poll_interval
        self.deadline_at = deadline_at
        self.contact_timeout = contact_timeout

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, all of them JSON values."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "job_id": self.job_id,
                "tencent_ci_conn_id": self.tencent_ci_conn_id,
                "bucket": self.bucket,
                "region": self.region,
                "poll_interval": self.poll_interval,
                "deadline_at": self.deadline_at,
                "contact_timeout": self.contact_timeout,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event. What goes wrong here says nothing about the job, so it ends as ``lost_contact``."""
        try:
            event = await self._wait()
        except Exception as error:  # a failed trigger would skip the task's own handling
            self.log.warning("Cannot wait for batch job %s: %s", self.job_id, error)
            event = write_event("lost_contact", self.job_id, None, _cannot_wait(self.job_id, error))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    def waiting(self, log: Any) -> Flow[dict[str, Any]]:
        """
        Return the wait as a flow that ends with the event; the operator runs the same one when it does not defer.

        :param log: where to say what is seen.
        """
        from airflow_provider_tencent_ci.core.waiting import wait_for_job
        from airflow_provider_tencent_ci.reporting import WaitLog

        result = yield from wait_for_job(
            self.job_id,
            poll_interval=self.poll_interval,
            deadline_at=datetime.fromisoformat(self.deadline_at) if self.deadline_at else None,
            contact_timeout=self.contact_timeout,
            observer=WaitLog(log),
        )
        job = result.job.to_dict() if result.job else None
        return write_event(result.status.value, self.job_id, job, result.message)

    async def _wait(self) -> dict[str, Any]:
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
        from airflow_provider_tencent_ci.transport.aio import AsyncTransport

        hook = TencentCIHook(self.tencent_ci_conn_id, bucket=self.bucket, region=self.region)
        async with AsyncTransport(await hook.read_config()) as transport:
            return await transport.run(self.waiting(self.log))


def _cannot_wait(job_id: str, error: Exception) -> str:
    return f"Cannot wait for batch job {job_id}, which was left alone: {type(error).__name__}: {error}"
