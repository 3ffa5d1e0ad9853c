"""
OpenLineage's data about a task: datasets in COS, and a facet about the batch job.

Needs ``apache-airflow-providers-openlineage`` (the extra ``openlineage``), so it is imported late: by OpenLineage's own
listener, through the methods of :class:`~airflow_provider_tencent_ci.lineage.asset_events.WithLineage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attr
from airflow.providers.common.compat.openlineage.utils.utils import translate_airflow_asset
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import RunFacet, output_statistics_output_dataset

from airflow_provider_tencent_ci.lineage.cos_places import CosPlace, input_places, output_places
from airflow_provider_tencent_ci.lineage.lineage_facts import LineageFacts, file_counts

__all__ = ["FACET", "TencentCIBatchJobRunFacet", "dataset_of", "lineage_of"]

FACET = "tencentCiBatchJob"


@attr.define
class TencentCIBatchJobRunFacet(RunFacet):  # type: ignore[misc]
    """
    The batch job of a run. Unknown values are ``None``.

    :param jobId: the service's id of the job.
    :param jobName: its name.
    :param jobType: ``Workflow`` or ``Job``.
    :param state: its last state that the task saw, by the service's words.
    :param code: the service's code for its failure.
    :param message: the service's message for it.
    :param creationTime: when the service accepted it; ISO 8601, as the next two.
    :param startTime: when it began.
    :param endTime: when it ended.
    :param workflowIds: its workflow, or several with commas between them.
    :param files: the counts of its files; see ``docs/lineage.md``.
    :param requestId: the service's id of the refused request, if the refusal failed the task.
    :param consoleUrl: the bucket's page in the console.
    """

    jobId: str | None = attr.field(default=None)  # noqa: N815  (the names of facets are JSON's)
    jobName: str | None = attr.field(default=None)  # noqa: N815
    jobType: str | None = attr.field(default=None)  # noqa: N815
    state: str | None = attr.field(default=None)
    code: str | None = attr.field(default=None)
    message: str | None = attr.field(default=None)
    creationTime: str | None = attr.field(default=None)  # noqa: N815
    startTime: str | None = attr.field(default=None)  # noqa: N815
    endTime: str | None = attr.field(default=None)  # noqa: N815
    workflowIds: str | None = attr.field(default=None)  # noqa: N815
    files: dict[str, Any] | None = attr.field(default=None)
    requestId: str | None = attr.field(default=None)  # noqa: N815
    consoleUrl: str | None = attr.field(default=None)  # noqa: N815


def lineage_of(known: LineageFacts, *, inlets: Iterable[Any], outlets: Iterable[Any]) -> OperatorLineage:
    """
    Return the lineage of a task.

    :param known: the task's facts about its job.
    :param inlets: the inlets of the DAG's author, which OpenLineage would ignore for a task with facets.
    :param outlets: the task's outlets. A workflow's outputs are known from here only.
    """
    counts = file_counts(known.record)
    inputs = [_input_of(place, known.record, counts) for place in input_places(known.record, known.bucket)]
    outputs = [_output_of(place, known.record, counts) for place in output_places(known.record)]
    return OperatorLineage(
        inputs=_with_declared(inputs, inlets),
        outputs=_with_declared(outputs, outlets),
        run_facets={FACET: _facet_of(known, counts)},
    )


def dataset_of(place: CosPlace) -> Dataset:
    """Return the dataset of a place, without facets."""
    return Dataset(**_identity(place))


def _identity(place: CosPlace) -> dict[str, str]:
    return {"namespace": f"cos://{place.bucket}", "name": place.name or "/"}


def _input_of(place: CosPlace, record: Mapping[str, Any], counts: Mapping[str, Any] | None) -> InputDataset:
    # A manifest or a list of URLs is one file, independent of its content.
    is_listed = not {"Prefix", "Object"} & set(record["Input"])
    return InputDataset(**_identity(place), inputFacets={} if is_listed or not counts else _statistics(counts["total"]))


def _statistics(file_count: int) -> dict[str, Any]:
    try:
        # Imported late: older clients of OpenLineage do not have it.
        from openlineage.client.facet_v2 import input_statistics_input_dataset
    except ImportError:  # older clients do not have it
        return {}
    return {"inputStatistics": input_statistics_input_dataset.InputStatisticsInputDatasetFacet(fileCount=file_count)}


def _output_of(place: CosPlace, record: Mapping[str, Any], counts: Mapping[str, Any] | None) -> OutputDataset:
    if not counts or not _has_one_file_for_each(record):
        return OutputDataset(**_identity(place))
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(fileCount=counts["success"])
    return OutputDataset(**_identity(place), outputFacets={"outputStatistics": statistics})


def _has_one_file_for_each(record: Mapping[str, Any]) -> bool:
    """Whether the job writes one file for each input file, so that succeeded and written files are equally many."""
    output = record["Operation"]["Output"]
    names = {"Object", "AuObject", "SpriteObject", "StreamExtract"} & set(output)
    return names == {"Object"} and "${number}" not in str(output["Object"]).lower()


def _with_declared(found: list[Any], declared: Iterable[Any]) -> list[Any]:
    there = {(dataset.namespace, dataset.name) for dataset in found}
    for asset in declared:
        dataset = translate_airflow_asset(asset, None) if getattr(asset, "uri", None) else None
        if dataset is not None and (dataset.namespace, dataset.name) not in there:
            there.add((dataset.namespace, dataset.name))
            found.append(dataset)
    return found


def _facet_of(known: LineageFacts, counts: Mapping[str, Any] | None) -> TencentCIBatchJobRunFacet:
    record = known.record
    has_failed = record.get("State") == "Failed"  # otherwise the code has no meaning
    return TencentCIBatchJobRunFacet(
        jobId=record.get("JobId") or None,
        jobName=record.get("Name") or None,
        jobType=record.get("Type") or None,
        state=record.get("State") or None,
        code=record["Code"] if has_failed else None,
        message=record["Message"] if has_failed else None,
        creationTime=record.get("CreationTime"),
        startTime=record.get("StartTime"),
        endTime=record.get("EndTime"),
        workflowIds=record.get("Operation", {}).get("WorkflowIds"),
        files=dict(counts) if counts else None,
        requestId=known.request_id,
        consoleUrl=known.console_url,
    )
