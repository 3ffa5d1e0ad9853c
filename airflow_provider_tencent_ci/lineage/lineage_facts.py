"""The known facts about a batch job, for the events of assets and for OpenLineage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_tencent_ci.links import console_url

__all__ = ["LineageFacts", "file_counts"]

# The names in extras and facet for the counts in the record's node Files.
_COUNTS = {
    "total": "Total",
    "success": "Success",
    "failed": "Failed",
    "running": "Running",
    "cancel": "Cancel",
    "first_at": "FirstAt",
    "last_at": "LastAt",
    "failure_list": "FailureList",
}


@dataclass(frozen=True)
class LineageFacts:
    """
    The known facts about a task's job for its lineage, which must not cause a request.

    :param record: the job's record, by the service's node names; incomplete before the submission.
    :param bucket: the bucket's long name.
    :param region: its region.
    :param request_id: the service's id of the request that failed the task.
    """

    record: Mapping[str, Any]
    bucket: str | None = None
    region: str | None = None
    request_id: str | None = None

    @property
    def console_url(self) -> str | None:
        """The bucket's page in the console."""
        return console_url(self.bucket, self.region) if self.bucket and self.region else None


def file_counts(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the counts of the job's files; ``None`` if they were not counted."""
    files = record.get("Files")
    return {name: files.get(node) for name, node in _COUNTS.items()} if isinstance(files, Mapping) else None
