"""Going on with a round of failed files that waited for room in its bucket: nothing is counted again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.compat import own_xcom
from airflow_provider_tencent_ci.core.counting import FileCounts
from airflow_provider_tencent_ci.core.jobs import InventoryJob
from airflow_provider_tencent_ci.rounds import _Batch, _next_round, _rounds

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.resubmission import Resubmission
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

__all__ = ["pending_round"]


def pending_round(
    task: TriggerInventoryJobOperator, context: Context, hook: TencentCIHook, round_number: int
) -> Resubmission | None:
    """
    Return the round that a task was about to submit; ``None`` if it has to find out anew.

    :param round_number: which one.
    :raises FilesUnknownError: the failed files could not be listed.
    """
    rounds, record = _rounds(context), own_xcom(context["ti"], "job")
    if len(rounds) != round_number or not isinstance(record, dict) or "Files" not in record:
        return None
    batch = _Batch(InventoryJob.from_dict(record), FileCounts.from_dict(record["Files"]))
    return _next_round(task, hook, batch, hook.get_inventory_job(rounds[-1]), round_number)
