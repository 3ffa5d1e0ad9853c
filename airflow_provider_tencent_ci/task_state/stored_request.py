"""
What a task asked for, kept with its submission.

The request is known for certain only in the process that submits: a file is read there, a decorated function is called
there, and a subclass may set arguments there. So that process writes it into the task's XCom ``submission``, and
whichever process resumes the task reads it there. It is not made again from the task's arguments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.task_context import own_xcom

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.compat.airflow_names import BaseOperator
    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import DuplicateSearch

__all__ = [
    "NAME_FIELDS",
    "REQUEST_FIELDS",
    "push_submission",
    "recorded_series",
    "recorded_specification",
    "recorded_try",
    "restore_request",
    "specification_of",
    "try_key",
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

# What belongs to a submission besides: the readable name, and where the job is.
NAME_FIELDS = ("name", "bucket", "region", "tencent_ci_conn_id")

_XCOM_KEY = "submission"


def specification_of(task: Any) -> InventoryJobSpecification:
    """
    Return what a task asks for, its templates rendered; to be called before it has submitted.

    :raises InvalidArgumentError: an argument of the request is wrong; the message names it.
    """
    return _specification({field: getattr(task, field) for field in REQUEST_FIELDS})


def push_submission(ti: Any, task: BaseOperator, series: DuplicateSearch) -> None:
    """
    Write what a task has asked for, and what a look for duplicates has to know, into its XCom ``submission``.

    :param series: of the last submission, where failed files are submitted again.
    """
    request = {field: getattr(task, field) for field in (*REQUEST_FIELDS, *NAME_FIELDS)}
    written = {
        "request": json.loads(json.dumps(request, default=str)),
        "try": try_key(ti),
        "series": {
            "name": series.name,
            "foreign_ids": list(series.foreign_ids),
            "may_have_duplicates": series.may_have_duplicates,
        },
    }
    ti.xcom_push(key=_XCOM_KEY, value=written)


def restore_request(task: BaseOperator, ti: Any) -> None:
    """Give a resumed task the arguments that it submitted with, also for Airflow's view of its rendered templates."""
    for field, value in _recorded(ti, "request").items():
        if field in (*REQUEST_FIELDS, *NAME_FIELDS):
            setattr(task, field, value)


def recorded_specification(ti: Any) -> InventoryJobSpecification:
    """
    Return what a task has asked for, in any of its processes after the submission.

    :raises InvalidArgumentError: the XCom is gone or is not what :func:`push_submission` wrote.
    """
    request = _recorded(ti, "request")
    return _specification({field: request.get(field) for field in REQUEST_FIELDS})


def try_key(ti: Any) -> str:
    """Return what no other try has: Airflow 3 gives each an id, also in a run that is made again; 2.11 a number."""
    return str(getattr(ti, "id", None) or ti.try_number)


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
    return DuplicateSearch(
        series["name"], tuple(series.get("foreign_ids") or ()), bool(series.get("may_have_duplicates"))
    )


def _specification(arguments: dict[str, Any]) -> InventoryJobSpecification:
    # Imported late: a DAG file that is parsed does not need it.
    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification

    return InventoryJobSpecification.from_arguments(**arguments)


def _recorded(ti: Any, part: str) -> Mapping[str, Any]:
    submission = own_xcom(ti, _XCOM_KEY)
    found = submission.get(part) if isinstance(submission, Mapping) else None
    return found if isinstance(found, Mapping) else {}
