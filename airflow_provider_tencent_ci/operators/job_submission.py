"""The first half of the operator: what a process of the task has to know, and its submission."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.operators.job_arguments import JobArguments
from airflow_provider_tencent_ci.waiting.cancellation import start_lease
from airflow_provider_tencent_ci.waiting.deferral import Deferral, backstop, is_over, reconnect

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
    from airflow_provider_tencent_ci.core.wire.messages import Flow
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.waiting.process_lease import WorkerLease

__all__ = ["JobSubmission"]

ResultT = TypeVar("ResultT")


class JobSubmission(JobArguments):
    """A task that can submit; :class:`~.inventory_job.TriggerInventoryJobOperator` adds the wait and the ways back."""

    job_id: str | None = None
    _ti: Any = None
    _lease: WorkerLease | None = None
    _has_timed_out = False
    #: Whether this try's submission is in XCom, where a newer try removes or replaces it.
    _is_submission_pushed = False
    _try_ends_at: datetime | None = None

    def _begin(self, context: Context, ends_at: datetime | None) -> None:
        """Note what this process of the task has to know, whichever way it came into it."""
        self._ti = context["ti"]
        self._try_ends_at = ends_at
        self._lease = start_lease(self._ti)

    def _checked_specification(self) -> InventoryJobSpecification:
        """Return what the task asks for, once all arguments are checked that can be before anything is sent."""
        from airflow_provider_tencent_ci.task_state.stored_request import specification_of

        self._file_rules().check_path()
        specification = specification_of(self.request())
        self._round_options().check(specification)
        return specification

    def _submit(self, context: Context, specification: InventoryJobSpecification) -> Submission:
        from airflow_provider_tencent_ci.submission.capacity_wait import submit_when_possible
        from airflow_provider_tencent_ci.submission.rounds import push_round
        from airflow_provider_tencent_ci.submission.submitter import log_submission
        from airflow_provider_tencent_ci.task_state.stored_request import push_submission

        self._check_time()
        submission = submit_when_possible(
            context,
            self._hook,
            specification,
            self._submit_options(),
            check_deadline=self._check_time_left,
            wait=lambda: self._wait_for_capacity(context, specification.round),
            wrap_flow=self._renewing_lease,
        )
        job = submission.job
        self.job_id = job.job_id
        context["ti"].xcom_push(key="job_id", value=job.job_id)
        context["ti"].xcom_push(key="job_name", value=job.name)
        push_submission(context["ti"], self.request(), submission.series)
        self._is_submission_pushed = True
        push_round(self._round_options(), context, specification.round, job.job_id)
        log_submission(self._hook, context, submission)
        return submission

    def _renewing_lease(self, flow: Flow[ResultT]) -> Flow[ResultT]:
        """Return a flow that does the same, and renews the lease in its pauses if this process waits for the job."""
        needs_lease = self.cancel_on_kill and not self.deferrable
        return self._lease.renewed_meanwhile(flow) if self._lease and needs_lease else flow

    def _wait_for_capacity(self, context: Context, round_number: int) -> None:
        """Return when there may be room for one more job, or defer until then: Airflow may end such a deferral."""
        from airflow_provider_tencent_ci.submission.capacity_wait import wait_in_process_for_capacity
        from airflow_provider_tencent_ci.triggers.capacity import InventoryJobCapacityTrigger

        limit = self.max_active_jobs or 0
        if not self.deferrable:
            wait_in_process_for_capacity(
                self._hook, limit, poll_interval=self.poll_interval, contact_timeout=self.contact_timeout
            )
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

    def _reconnect(self) -> None:
        reconnect(self._hook, self.contact_timeout)

    @cached_property
    def _hook(self) -> TencentCIHook:
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

        return TencentCIHook(self.tencent_ci_conn_id, bucket=self.bucket, region=self.region)
