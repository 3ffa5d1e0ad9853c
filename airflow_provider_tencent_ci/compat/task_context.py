"""A task's context on each version of Airflow: its identity, its tries, its XComs and its state store."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_provider_tencent_ci.core.submitting.submission_token import TaskIdentity

__all__ = [
    "DEFERRAL_FAILED",
    "default_deferrable",
    "delete_xcom",
    "is_deferral_timeout",
    "is_first_try",
    "own_xcom",
    "push_link_xcom",
    "push_xcoms",
    "recorded_job_id",
    "task_error",
    "task_identity",
    "task_state_store",
    "time_used_up",
    "try_started_at",
    "was_rescheduled",
]

# The method that resumes a task after Airflow, not the trigger, has ended its deferral; in all versions.
DEFERRAL_FAILED = "__fail__"


def default_deferrable() -> bool:
    """Return ``[operators] default_deferrable``."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def task_identity(context: Context) -> TaskIdentity:
    """Return which attempt series of which task instance is running."""
    # Imported late, here and below: the operator's module imports this one, and each parse of a DAG file would pay.
    from airflow_provider_tencent_ci.core.submitting.submission_token import TaskIdentity

    ti: Any = context["ti"]
    return TaskIdentity(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index,
        clear_generation=_clear_generation(context),
        deployment=conf.get("tencent_ci", "deployment", fallback="") or "",
    )


def is_first_try(context: Context) -> bool:
    """Whether no earlier try of this attempt series can have submitted anything."""
    ti: Any = context["ti"]
    return int(ti.try_number) - _clear_generation(context) <= 1


def try_started_at(context: Context) -> datetime | None:
    """Return when this try started.

    Valid in its first process: before 3.2 a later one gets the time of its own start.
    """
    return getattr(context["ti"], "start_date", None)


def was_rescheduled(context: Context) -> bool:
    """Whether an earlier process of this try has rescheduled the task. On 2.11 this asks Airflow's database."""
    if (count := context.get("task_reschedule_count")) is not None:  # from 3.0 on
        return bool(count)
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.utils.session import create_session

    ti: Any = context["ti"]
    with create_session() as session:
        found = session.scalar(TaskReschedule.stmt_for_task_instance(ti, try_number=ti.try_number).limit(1))  # type: ignore[call-arg]
        return found is not None


def time_used_up(context: Context) -> timedelta:
    """
    Return the used part of ``execution_timeout`` when this process starts.

    It is zero on Airflow 3, and in the first process of a try. 2.11, whose task instance alone has a ``next_method``,
    counts the deferral, too (models/taskinstance.py).
    """
    ti: Any = context["ti"]
    if getattr(ti, "next_method", None) and ti.start_date:
        return datetime.now(UTC) - ti.start_date  # type: ignore[no-any-return]
    return timedelta(0)


def is_deferral_timeout(next_kwargs: dict[str, Any] | None) -> bool:
    """
    Whether Airflow ended a deferral because its time was over.

    :param next_kwargs: the arguments that resume the task: a ``TriggerFailureReason``, or the text of 2.11's scheduler.
    """
    return (next_kwargs or {}).get("error") in ("Trigger timeout", "Trigger/execution timeout")


def task_error(ti: Any) -> BaseException | None:
    """
    Return the error of a failed task instance while listeners are called; ``None`` if it is not known.

    2.11 calls them while it handles the error. 3.1 and later keep the error in the context, which 3.0 makes again each
    time.
    """
    if handled := sys.exception():
        return handled
    error = ti.get_template_context().get("exception")
    return error if isinstance(error, BaseException) else None


def task_state_store(context: Context) -> Any | None:
    """Return the task state store, which survives retries; ``None`` before 3.3."""
    return context.get("task_state_store")


def recorded_job_id(ti: Any) -> str | None:
    """Return the XCom ``job_id`` of a task instance, from wherever XCom is read."""
    value = own_xcom(ti, "job_id")
    return value if isinstance(value, str) else None


def own_xcom(ti: Any, key: str) -> Any:
    """Return an XCom that a task instance itself has pushed in this try; ``None`` if there is none."""
    from airflow.providers.common.compat.sdk import TaskInstanceKey, XCom

    return XCom.get_value(ti_key=TaskInstanceKey(ti.dag_id, ti.task_id, ti.run_id, 0, ti.map_index), key=key)


def push_xcoms(ti: Any, values: dict[str, Any]) -> None:
    """
    Push XComs for a task instance as a worker does, from wherever XCom is written; blocks.

    The XComs of an ending event are no substitute: 3.3.2 stores them as JSON within JSON (models/xcom.py), so another
    task would get the JSON text.
    """
    from airflow.providers.common.compat.sdk import XCom

    where = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
    for key, value in values.items():
        XCom.set(key=key, value=value, **where)


def push_link_xcom(ti: Any, link: BaseOperatorLink, url: str) -> None:
    """
    Push the address of a link to the XCom that the UI reads, from wherever XCom is written; blocks.

    The UI does not ask a custom XCom backend, so Airflow pushes this XCom past it (``_xcom_push_to_db`` in
    sdk/execution_time/task_runner.py), and so does this function. 2.11 has no such XCom: it calls the link itself.
    """
    from airflow.providers.common.compat.sdk import XCom

    if (key := getattr(link, "xcom_key", None)) is None:
        return
    where = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
    getattr(XCom, "_set_xcom_in_db", XCom.set)(key=key, value=url, **where)


def delete_xcom(ti: Any, key: str) -> None:
    """Delete an XCom of a task instance if there is one; blocks."""
    from airflow.providers.common.compat.sdk import XCom

    XCom.delete(key=key, dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=ti.map_index)


def _clear_generation(context: Context) -> int:
    """
    Return a number that is constant over the retries of one attempt series, and different after a clear.

    A clear sets ``max_tries`` to the number of the last try plus ``retries`` (models/taskinstance.py).
    """
    ti: Any = context["ti"]
    return int(ti.max_tries) - int(context["task"].retries or 0)
