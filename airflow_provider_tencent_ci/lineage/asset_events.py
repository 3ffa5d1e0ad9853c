"""Reports about a task's batch job: the events of its outlets, and OpenLineage. They never fail a task."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tencent_ci.compat.task_context import task_error
from airflow_provider_tencent_ci.exceptions import ApiError, InvalidArgumentError
from airflow_provider_tencent_ci.lineage.lineage_facts import LineageFacts, file_counts
from airflow_provider_tencent_ci.task_state.submission_xcom import specification_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

__all__ = ["WithLineage", "event_extra", "record_outcome"]

_log = logging.getLogger(__name__)


class WithLineage:
    """The methods that OpenLineage's listener calls. Without OpenLineage they are not called."""

    _job_record: ClassVar[Mapping[str, Any] | None] = None

    def get_openlineage_facets_on_start(self) -> OperatorLineage | None:
        """Return the lineage from the arguments."""
        return _lineage_of(self, None)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage | None:
        """Return the lineage from the job's record."""
        return _lineage_of(self, None)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage | None:
        """Return the same, with the id of the refused request if a refusal was the reason."""
        return _lineage_of(self, task_instance)


def record_outcome(context: Context, record: Mapping[str, Any]) -> None:
    """
    Store the result of a job for the events of the task's outlets and for OpenLineage.

    Never raises. Call this in the process that ends the task: Airflow forgets an event's extras when a task is
    deferred.

    :param record: the job's record, with ``Files`` if they were counted.
    """
    try:
        task: Any = context["task"]
        task._job_record = record
        # Read here: OpenLineage's listener runs in another process, which cannot read connections.
        _ = task._hook.config
    except Exception as error:
        _log.warning("Could not store the job for OpenLineage: %s", error)
    try:
        _add_extras(context["outlet_events"], context["task"].outlets or (), event_extra(record))
    except Exception as error:
        _log.warning("Could not add the job to the events of the outlets: %s", error)


def event_extra(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extras of an outlet's event: ``job_id``, ``state`` and, if they were counted, ``files``."""
    extra = {"job_id": record["JobId"], "state": record["State"]}
    counts = file_counts(record)
    return {**extra, "files": counts} if counts else extra


def _add_extras(events: Any, outlets: Iterable[Any], extra: dict[str, Any]) -> None:
    """Add the extras to each asset's event; existing ones, such as those of a ``pre_execute``, are kept."""
    for outlet in outlets:
        with suppress(TypeError):  # outlets need not be assets
            present = events[outlet].extra
            present.update({**extra, **present})


def _lineage_of(task: Any, failed_instance: Any | None) -> OperatorLineage | None:
    try:
        # Imported late: it needs OpenLineage's provider, the only caller.
        from airflow_provider_tencent_ci.lineage.openlineage import lineage_of

        return lineage_of(_known(task, failed_instance), inlets=task.inlets or (), outlets=task.outlets or ())
    except Exception as error:
        _log.warning("Could not report the batch job to OpenLineage: %s", error)
        return None


def _known(task: Any, failed_instance: Any | None) -> LineageFacts:
    # Known values only: a hook that has not read its connection yet is not used.
    hook = vars(task).get("_hook")
    config = vars(hook).get("config") if hook else None
    return LineageFacts(
        record=task._job_record or _planned_record(task),
        bucket=config.bucket if config else task.bucket,
        region=config.region if config else task.region,
        request_id=_request_id(failed_instance) if failed_instance is not None else None,
    )


def _planned_record(task: Any) -> dict[str, Any]:
    """Return the part of the record that a task's arguments determine."""
    job_id = {"JobId": task.job_id} if task.job_id else {}
    if not hasattr(task, "workflow_ids"):
        return job_id  # the sensor knows the job's id only
    try:
        specification = specification_of(task.request())
    except InvalidArgumentError:
        return job_id  # the error of the task
    return {
        **job_id,
        "Type": specification.type,
        "Input": dict(specification.input),
        "Operation": dict(specification.operation),
    }


def _request_id(failed_instance: Any) -> str | None:
    """Return the service's id of the request that failed a task; ``None`` if it failed for another reason."""
    error = task_error(failed_instance)
    while error is not None:
        if isinstance(error, ApiError) and error.request_id:
            return error.request_id
        error = error.__cause__ or error.__context__
    return None
