"""The part of the operator that submits failed files again: its arguments, and where its end becomes a round."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_tencent_ci.compat.airflow_names import BaseOperator
from airflow_provider_tencent_ci.lineage.asset_events import note_outcome

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

__all__ = ["ResubmittingOperator"]


class ResubmittingOperator(BaseOperator):
    """
    Take an ended batch job for the end of the task, or submit the files that failed once more.

    :param on_partial_failure: what to do when the job succeeded and some of its files failed: ``"report"`` (default)
        judges them by ``fail_on``. ``"resubmit_failed"`` first submits the failed files again, and only those, as a
        batch job of its own, until none fails or ``resubmit_rounds`` are over. Needs ``cos:PutObject``, since the
        service reads the files' names from an object in the bucket. See ``docs/resubmit.md``.
    :param resubmit_rounds: at most so many times; each file of a round is processed, and may be billed, again.
    :param url_list_prefix: where in the bucket these objects are put. Other batches must not take them for media, as
        one over the whole bucket does.
    """

    job_id: str | None

    def __init__(
        self,
        *,
        on_partial_failure: str = "report",
        resubmit_rounds: int = 1,
        url_list_prefix: str = ".airflow/tencent-ci/",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.on_partial_failure = on_partial_failure
        self.resubmit_rounds = resubmit_rounds
        self.url_list_prefix = url_list_prefix

    @cached_property
    def _hook(self) -> TencentCIHook:
        raise NotImplementedError

    def _submit_and_wait(self, context: Context, specification: InventoryJobSpecification) -> str:
        raise NotImplementedError

    def _finish(self, context: Context, job: InventoryJob) -> str:
        """End as the files ended, or go on with another round."""
        from airflow_provider_tencent_ci.submission.rounds import conclude

        outcome, again = conclude(cast("TriggerInventoryJobOperator", self), context, self._hook, job)
        context["ti"].xcom_push(key="job", value=outcome.record)
        if again:
            self.job_id = None  # there may be one that is not known yet, should the task be stopped
            return self._submit_and_wait(context, again)
        note_outcome(context, outcome.record)
        outcome.check()
        self.log.info("Batch job %s (%s) succeeded.", outcome.job.job_id, outcome.job.name)
        return outcome.job.job_id
