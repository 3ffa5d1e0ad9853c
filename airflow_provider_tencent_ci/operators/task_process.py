"""
One process of a task: its hook, its lease, its request.

A task may run in several processes: one that submits, one that resumes after a deferral, and those of further tries.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_tencent_ci.compat.run_dates import empty_interval_at
from airflow_provider_tencent_ci.exceptions import LostContactError
from airflow_provider_tencent_ci.operators.timeouts import TimeLimitedTask
from airflow_provider_tencent_ci.waiting.deferral import Deferral, backstop
from airflow_provider_tencent_ci.waiting.killed_process import start_lease

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.wire.messages import Flow

__all__ = ["TaskProcess"]

ResultT = TypeVar("ResultT")


class TaskProcess(TimeLimitedTask):
    """The state of one process; :class:`~.inventory_job.TriggerInventoryJobOperator` adds the ways into the task."""

    #: Whether this try's submission is in XCom, where a newer try removes or replaces it.
    _is_submission_pushed = False

    def _begin(self, context: Context, ends_at: datetime | None) -> None:
        """Begin this process: with ``execute``, or with one of the ways back."""
        self._ti = context["ti"]
        self._try_ends_at = ends_at
        self._lease = start_lease(self._ti)

    def _checked_specification(self, context: Context) -> InventoryJobSpecification:
        """Return the task's request, after all checks that need no answer of the service; log what is doubtful."""
        from airflow_provider_tencent_ci.operators.argument_warnings import (
            lists_in_input,
            rules_without_wait,
            start_at_empty_interval,
        )
        from airflow_provider_tencent_ci.task_state.submission_xcom import specification_of

        self._file_rules().check_path()
        specification = specification_of(self.request())
        self._round_options().check(specification)
        for warning in (
            "" if self.wait_for_completion else rules_without_wait(self._file_rules()),
            start_at_empty_interval(specification, empty_interval_at(context)),
            lists_in_input(specification, self.url_list_prefix) if self.resubmit_rounds else "",
        ):
            if warning:
                self.log.warning("%s", warning)
        return specification

    def _renewing_lease(self, flow: Flow[ResultT]) -> Flow[ResultT]:
        """Return a flow that does the same, and renews the lease in its pauses if this process waits for the job."""
        needs_lease = self.cancel_on_kill and not self.deferrable
        return self._lease.renewed_meanwhile(flow) if self._lease and needs_lease else flow

    def _wait_for_capacity(self, context: Context, round_number: int) -> None:
        """Return when there may be room for one more job, or defer until then: Airflow may end such a deferral."""
        from airflow_provider_tencent_ci.core.submitting.max_active_jobs import (
            CapacityStatus,
            CapacityWait,
            wait_for_capacity,
        )
        from airflow_provider_tencent_ci.triggers.capacity import InventoryJobCapacityTrigger

        limit = self.max_active_jobs or 0
        if not self.deferrable:
            # Without a deadline: Airflow itself ends a process whose execution_timeout is over.
            place = self._hook.config.place
            wait = CapacityWait(deadline_at=None, contact_timeout=self.contact_timeout, place=place)
            result = self._hook.run(wait_for_capacity(wait, limit, self.poll_interval))
            if result.status is CapacityStatus.LOST_CONTACT:
                raise LostContactError(result.message)
            return
        ends_at = self._try_ends_at
        trigger = InventoryJobCapacityTrigger(
            limit,
            self.tencent_ci_conn_id,
            self.bucket,
            self.region,
            self.poll_interval,
            self.contact_timeout,
            ends_at.isoformat() if ends_at else None,
        )
        Deferral("capacity", "execution_timeout" if ends_at else None, ends_at, round_number).push(context)
        self.defer(trigger=trigger, method_name="execute_with_capacity", timeout=backstop(ends_at))
