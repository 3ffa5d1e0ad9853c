"""The one event with which a wait in the triggerer resumes its task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.exceptions import UnexpectedEventError

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.core.polling.wait import WaitResult
    from airflow_provider_tencent_ci.core.submitting.max_active_jobs import CapacityResult

__all__ = [
    "EVENT_VERSION",
    "STATUSES",
    "has_succeeded",
    "is_not_started",
    "read_capacity",
    "read_counts",
    "read_event",
    "write_capacity",
    "write_event",
    "write_not_started",
    "write_wait_result",
]

EVENT_VERSION = 1

STATUSES = ("terminal", "deadline", "lost_contact")

_NOT_STARTED = "not_started"


def write_event(status: str, job_id: str, job: dict[str, Any] | None, message: str) -> dict[str, Any]:
    """
    Return the event as JSON values.

    :param status: ``terminal`` (the job has ended), ``deadline`` (the time to wait is over) or ``lost_contact``
        (no usable answer for ``contact_timeout``).
    :param job: the last record read, with the service's node names; ``None`` if there never was one.
    """
    return {"version": EVENT_VERSION, "status": status, "job_id": job_id, "job": job, "message": message}


def write_wait_result(job_id: str, result: WaitResult, counts: FileCounts | None = None) -> dict[str, Any]:
    """
    Return the event for how a wait ended.

    :param counts: of the files of a job that has ended; ``None`` if they were not counted. The version stays: an
        earlier release reads such an event, and counts again.
    """
    event = write_event(result.status.value, job_id, result.job.to_dict() if result.job else None, result.message)
    return {**event, "counts": counts.to_dict()} if counts else event


def read_counts(event: dict[str, Any]) -> FileCounts | None:
    """Return the counts of an event; ``None`` if it has none, or none that this release understands."""
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts

    try:
        counts = FileCounts.from_dict(event["counts"])
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        return None
    numbers = (counts.succeeded, counts.failed, counts.cancelled, counts.running)
    return counts if event["status"] == "terminal" and min(numbers) >= 0 else None


def write_not_started(message: str) -> dict[str, Any]:
    """
    Return the event of a wait that was to begin in the triggerer and could not; a worker has to begin it.

    It is none of :data:`STATUSES`: only a task that no worker has begun understands it.

    :param message: why.
    """
    return {"version": EVENT_VERSION, "status": _NOT_STARTED, "job_id": "", "job": None, "message": message}


def is_not_started(event: object) -> bool:
    """Whether it is the event of :func:`write_not_started`."""
    return isinstance(event, dict) and (event.get("version"), event.get("status")) == (EVENT_VERSION, _NOT_STARTED)


def write_capacity(result: CapacityResult) -> dict[str, Any]:
    """
    Return the event with which a wait for capacity resumes its task.

    Its status is ``capacity`` (there is room now), ``deadline`` (``execution_timeout`` is over) or ``lost_contact``.
    """
    return {"version": EVENT_VERSION, "status": result.status.value, "message": result.message}


def read_capacity(event: object) -> CapacityResult:
    """
    Return what :func:`write_capacity` wrote.

    :raises UnexpectedEventError: it is anything else.
    """
    # Imported late, here and below: the operator's module imports this one, and each parse of a DAG file would pay.
    from airflow_provider_tencent_ci.core.submitting.max_active_jobs import CapacityResult, CapacityStatus

    if isinstance(event, dict) and event.get("status") in list(CapacityStatus):
        result = CapacityResult(CapacityStatus(event["status"]), str(event.get("message")))
        says_why_not = bool(result.message)
        if event == write_capacity(result) and says_why_not is (result.status is not CapacityStatus.CAPACITY):
            return result
    raise UnexpectedEventError(
        f"The task was resumed with {str(event)[:200]!r}, which is no event of InventoryJobCapacityTrigger (version "
        f"{EVENT_VERSION}). Nothing was submitted by this try."
    )


def has_succeeded(event: dict[str, Any]) -> bool:
    """Whether the job of this event has ended as ``Success``."""
    return _is_ours(event) and event["status"] == "terminal" and event["job"].get("State") == "Success"


def read_event(event: object) -> dict[str, Any]:
    """
    Return an event that :func:`write_event` wrote.

    :raises UnexpectedEventError: it is anything else, such as nothing, the bare word that ``dag.test()`` makes of an
        ending event, or the event of a later release.
    """
    if isinstance(event, dict) and _is_ours(event):
        return event
    raise UnexpectedEventError(
        f"The task was resumed with {str(event)[:200]!r}, which is no event of InventoryJobTrigger (version "
        f"{EVENT_VERSION}). The batch job was not cancelled; a retry of this task finds it again."
    )


def _is_ours(event: dict[str, Any]) -> bool:
    return (
        event.get("version") == EVENT_VERSION
        and event.get("status") in STATUSES
        and isinstance(event.get("job_id"), str)
        and isinstance(event.get("job", ""), dict | None)  # "": there must be a job, if only None
        and isinstance(event.get("message"), str)
        and (event["status"] != "terminal" or _has_ended(event["job"] or {}, event["job_id"]))
    )


def _has_ended(record: dict[str, Any], job_id: str) -> bool:
    """Whether it is the record of this job, and the job has ended. No other record may count as success."""
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob

    job = InventoryJob.from_dict(record)
    return job.job_id == job_id and job.state.is_terminal
