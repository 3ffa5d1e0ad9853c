"""
One process of a task: its hook, its lease, the time that it has left.

A task may run in several processes: one that submits, one that resumes after a deferral, and those of further tries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.exceptions import LostContactError
from airflow_provider_tencent_ci.operators.job_arguments import JobArguments
from airflow_provider_tencent_ci.waiting.deferral import Deferral, backstop, is_over
from airflow_provider_tencent_ci.waiting.stopped_task import cancel_or_warn, start_lease

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.wire.messages import Flow

__all__ = ["TaskProcess"]

ResultT = TypeVar("ResultT")


class TaskProcess(JobArguments):
    """The state of one process; :class:`~.inventory_job.TriggerInventoryJobOperator` adds the ways into the task."""

    job_id: str | None = None
    _has_timed_out = False
    #: Whether a cancel could stop nothing.
    _has_job_ended = False
    #: Whether this try's submission is in XCom, where a newer try removes or replaces it.
    _is_submission_pushed = False
    _try_ends_at: datetime | None = None

    def _begin(self, context: Context, ends_at: datetime | None) -> None:
        """Begin this process: with ``execute``, or with one of the ways back."""
        self._ti = context["ti"]
        self._try_ends_at = ends_at
        self._lease = start_lease(self._ti)

    def _checked_specification(self) -> InventoryJobSpecification:
        """Return the task's request, after all checks that need no answer of the service."""
        from airflow_provider_tencent_ci.task_state.submission_xcom import specification_of

        self._file_rules().check_path()
        specification = specification_of(self.request())
        self._round_options().check(specification)
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

    def _out_of_time(self) -> AirflowTaskTimeout:
        """Return the error of a try whose time is over before a submission: there is no job that would have to stop."""
        self._has_timed_out = True
        return AirflowTaskTimeout("execution_timeout is over. Nothing more was submitted.")

    def _check_time_left(self) -> None:
        """Raise if the time is over while submitting: a request may have been sent before."""
        if is_over(self._try_ends_at):
            raise AirflowTaskTimeout("execution_timeout is over. Nothing more was submitted.")

    def _check_time(self) -> None:
        if is_over(self._try_ends_at):
            raise self._out_of_time()

    @contextmanager
    def _stopped_by_execution_timeout(self) -> Iterator[None]:
        """Cancel the job when ``execution_timeout`` is over: the time is the task's, as against ``wait_timeout``."""
        try:
            yield
        except AirflowTaskTimeout:
            has_nothing_to_stop = self._has_timed_out or self._has_job_ended
            self._has_timed_out = True  # Airflow calls on_kill next
            if self.cancel_on_kill and not has_nothing_to_stop:
                cancel_or_warn(self._hook, self.job_id, self._readable_name)
            raise
