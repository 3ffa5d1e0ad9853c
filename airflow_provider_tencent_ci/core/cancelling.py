"""Cancelling a batch job for certain, or saying that it is not."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_tencent_ci.core.flows import cancel_job, get_job, pause
from airflow_provider_tencent_ci.core.jobs import InventoryJob
from airflow_provider_tencent_ci.core.messages import Flow
from airflow_provider_tencent_ci.core.repeating import NEVER, READS
from airflow_provider_tencent_ci.exceptions import ApiError, TransportError

__all__ = ["stop_job"]

_STOP_LOOK_SECONDS = 0.5
_MOST_LOOKS = 40


def stop_job(job_id: str, *, within_seconds: float) -> Flow[InventoryJob]:
    """
    Cancel a job, and look whether it has ended.

    A cancel that was refused or not answered is no error if the job has ended: which states can be cancelled is not
    documented, and only the answer may have been lost.

    :param within_seconds: how long to cancel and to look; the last look may come after that.
    :return: the job as it was last seen, ended or not.
    """
    repetition = replace(READS, first_seconds=0.25, longest_seconds=1, budget_seconds=within_seconds * 2 / 3)
    looks = (0, within_seconds / 4, within_seconds / 4)
    failure: ApiError | TransportError | None = None
    try:
        yield from cancel_job(job_id, repetition)
    except (ApiError, TransportError) as error:
        failure = error
    try:
        job = yield from get_job(job_id, repetition if failure is None else NEVER, looks)
    except (ApiError, TransportError) as error:
        raise failure or error from None
    if failure is not None and not job.state.is_terminal:
        raise failure
    look_seconds = max(_STOP_LOOK_SECONDS, within_seconds / _MOST_LOOKS)
    for _ in range(int(within_seconds / 2 / look_seconds)):
        if job.state.is_terminal:
            break
        yield from pause(look_seconds)
        job = yield from get_job(job_id, repetition, looks)
    return job
