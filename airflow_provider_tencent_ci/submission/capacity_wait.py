"""
The wait of a worker until few enough batch jobs of a bucket are active (``max_active_jobs``).

Airflow's pools limit the tasks of one Airflow. ``max_active_jobs`` limits the jobs of a bucket, from all submitters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.submitting.active_jobs import CapacityStatus, CapacityWait, wait_for_capacity
from airflow_provider_tencent_ci.exceptions import LostContactError

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["wait_in_process_for_capacity"]


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
