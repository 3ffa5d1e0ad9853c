"""
The request of a task, kept with its submission.

The request is known for certain only in the process that submits: a file is read there, a decorated function is called
there, and a subclass may set arguments there. So that process writes it into the task's XCom ``submission``, and
whichever process resumes the task reads it there. It is not made again from the task's arguments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.task_context import own_xcom
from airflow_provider_tencent_ci.task_state.try_order import try_key

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import DuplicateSearch

__all__ = [
    "NAME_FIELDS",
    "REQUEST_FIELDS",
    "push_submission",
    "recorded_request",
    "recorded_series",
    "recorded_specification",
    "recorded_try",
    "specification_of",
]

# The arguments of InventoryJobSpecification.from_arguments; the operator and the decorator call them the same.
REQUEST_FIELDS = (
    "workflow_ids",
    "job",
    "prefix",
    "manifest",
    "url_file",
    "object_key",
    "start_time",
    "end_time",
)

# The other values of a submission: the readable name, and the place of the job.
NAME_FIELDS = ("name", "bucket", "region", "tencent_ci_conn_id")

_XCOM_KEY = "submission"


def specification_of(request: Mapping[str, Any]) -> InventoryJobSpecification:
    """
    Return the request of a task, its templates rendered; to be called before it has submitted.

    :param request: the task's arguments by name, at least :data:`REQUEST_FIELDS`.

    :raises InvalidArgumentError: an argument of the request is wrong; the message names it.
    """
    return _specification({field: request.get(field) for field in REQUEST_FIELDS})


def push_submission(ti: Any, request: Mapping[str, Any], series: DuplicateSearch) -> None:
    """
    Push a task's request, and what the search for duplicates needs, to its XCom ``submission``.

    :param request: the task's arguments by name: :data:`REQUEST_FIELDS` and :data:`NAME_FIELDS`.
    :param series: of the last submission, where failed files are submitted again.
    """
    written = {
        "request": json.loads(json.dumps(dict(request), default=str)),
        "try": try_key(ti),
        "series": {
            "name": series.name,
            "foreign_ids": list(series.foreign_ids),
            "may_have_duplicates": series.may_have_duplicates,
            "knows_all_tries": series.knows_all_tries,
        },
    }
    ti.xcom_push(key=_XCOM_KEY, value=written)


def recorded_request(ti: Any) -> dict[str, Any]:
    """Return the arguments that a task submitted with, by name; empty if they are not known."""
    recorded = _recorded(ti, "request")
    return {field: recorded[field] for field in (*REQUEST_FIELDS, *NAME_FIELDS) if field in recorded}


def recorded_specification(ti: Any) -> InventoryJobSpecification:
    """
    Return the request of a task, in any of its processes after the submission.

    :raises InvalidArgumentError: the XCom is gone or is not what :func:`push_submission` wrote.
    """
    return specification_of(_recorded(ti, "request"))


def recorded_try(ti: Any) -> str | None:
    """Return the key of the try that submitted last; ``None`` if none has, or if its XComs were removed."""
    submission = own_xcom(ti, _XCOM_KEY)
    found = submission.get("try") if isinstance(submission, Mapping) else None
    return found if isinstance(found, str) else None


def recorded_series(ti: Any) -> DuplicateSearch | None:
    """Return the series of a task's last submission; ``None`` if it is not known."""
    from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import DuplicateSearch

    series = _recorded(ti, "series")
    if not isinstance(series.get("name"), str):
        return None
    foreign_ids = tuple(series.get("foreign_ids") or ())
    return DuplicateSearch(
        series["name"],
        foreign_ids,
        may_have_duplicates=bool(series.get("may_have_duplicates")),
        knows_all_tries=bool(series.get("knows_all_tries", True)),
    )


def _specification(arguments: dict[str, Any]) -> InventoryJobSpecification:
    # Imported late: a DAG file that is parsed does not need it.
    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification

    return InventoryJobSpecification.from_arguments(**arguments)


def _recorded(ti: Any, part: str) -> Mapping[str, Any]:
    submission = own_xcom(ti, _XCOM_KEY)
    found = submission.get(part) if isinstance(submission, Mapping) else None
    return found if isinstance(found, Mapping) else {}
