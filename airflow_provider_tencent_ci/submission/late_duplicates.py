"""The search for further jobs of a task's submission at the end of the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import cancel_duplicates
from airflow_provider_tencent_ci.exceptions import ApiError, TransportError
from airflow_provider_tencent_ci.submission.rounds import replace_last_round
from airflow_provider_tencent_ci.submission.submitter import log_duplicates
from airflow_provider_tencent_ci.task_state.submission_xcom import recorded_series

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["cancel_late_duplicates"]


def cancel_late_duplicates(hook: TencentCIHook, context: Context, job: InventoryJob) -> InventoryJob:
    """
    Cancel further live jobs of a task's submission, if there may be any; never raises.

    :param job: the job that the task has waited for.
    :return: ``job``, or another one of the submission where it ended badly, or is the younger one of two live ones.
    """
    series = recorded_series(context["ti"])
    if series is None or not series.may_have_duplicates:
        return job
    if job.name and job.name != series.name:  # written by a try that Airflow has given up
        return job
    try:
        kept, duplicates = hook.run(cancel_duplicates(series, job))
    except (ApiError, TransportError) as error:
        hook.log.warning("Whether there is a second batch job named %r is not known: %s", series.name, error)
        return job
    log_duplicates(hook, kept.job_id, duplicates)
    if kept.job_id != job.job_id:
        context["ti"].xcom_push(key="job_id", value=kept.job_id)
        replace_last_round(context, kept.job_id)
    return kept
