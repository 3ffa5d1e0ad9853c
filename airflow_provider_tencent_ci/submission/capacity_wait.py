"""
Submitting as soon as few enough batch jobs of a bucket are active (``max_active_jobs``).

Airflow's pools bound the tasks of one Airflow; this bounds the jobs of a bucket, whatever submitted them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.submitting.active_jobs import CapacityStatus, CapacityWait, wait_for_capacity
from airflow_provider_tencent_ci.exceptions import LostContactError, TooManyActiveJobsError
from airflow_provider_tencent_ci.submission.submitter import SubmitOptions, WrapFlow, submit_for_task

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["submit_when_possible", "wait_in_process_for_capacity"]


def submit_when_possible(
    context: Context,
    hook: TencentCIHook,
    specification: InventoryJobSpecification,
    options: SubmitOptions,
    *,
    check_deadline: Callable[[], None],
    wait: Callable[[], None],
    wrap_flow: WrapFlow,
) -> Submission:
    """
    Submit, or find this task's job, as soon as ``max_active_jobs`` allows.

    :param check_deadline: raises if it is too late to submit anything.
    :param wait: returns when there may be room, or defers the task.
    :param wrap_flow: returns the flow to run for the submission.
    :raises LostContactError: the number of active jobs could not be read for ``contact_timeout``.
    """
    while True:
        try:
            return submit_for_task(
                context, hook, specification, options, check_deadline=check_deadline, wrap_flow=wrap_flow
            )
        except TooManyActiveJobsError as error:
            hook.log.info("%s Waiting until there are fewer.", error)
        wait()


def wait_in_process_for_capacity(
    hook: TencentCIHook, max_active_jobs: int, *, poll_interval: float, contact_timeout: float
) -> None:
    """
    Wait until there may be room. Airflow itself ends a process whose ``execution_timeout`` is over.

    :param poll_interval: in seconds, as ``contact_timeout`` is.
    :raises LostContactError: the number of active jobs could not be read for ``contact_timeout``.
    """
    wait = CapacityWait(deadline_at=None, contact_timeout=contact_timeout)
    result = hook.run(wait_for_capacity(wait, max_active_jobs, poll_interval))
    if result.status is CapacityStatus.LOST_CONTACT:
        raise LostContactError(result.message)
