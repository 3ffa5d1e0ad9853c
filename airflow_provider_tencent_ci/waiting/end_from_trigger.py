"""
Ending a task in the triggerer, which saves the start of a worker.

Airflow's ``TaskSuccessEvent`` sets the state, and little else (models/trigger.py of 3.3.2). So only a success is ended
this way, with the XComs pushed before, and only where a worker would do nothing else at the end; a failure, a skip and
a retry are always a worker's. The result is the same in either case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.configuration import conf

from airflow_provider_tencent_ci.compat.triggerer_features import has_listeners, has_workerless_waits

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.compat.airflow_names import BaseOperator

__all__ = ["JOB_ID", "RECORD", "is_overridden", "success_xcoms", "why_a_worker_must_end", "xcoms_of"]

# The XComs that the trigger pushes, in its arguments.
JOB_ID, RECORD = "job_id", "record"


def success_xcoms(task: BaseOperator, returned: str, pushed: dict[str, str] | None = None) -> dict[str, str] | None:
    """
    Return which XComs the trigger pushes when it ends ``task``; ``None`` if it must not. Called on a worker.

    :param returned: what the task returns: ``JOB_ID`` or ``RECORD``.
    :param pushed: what else it pushes at the end, by key: ``JOB_ID`` or ``RECORD``.
    """
    reason = why_a_worker_must_end(task)
    if reason is None and has_listeners():
        reason = "a plugin listens to the ends of tasks"
    if reason is not None:
        task.log.info("end_from_trigger: a worker will end this task, since %s.", reason)
        return None
    return xcoms_of(task, returned, pushed)


def xcoms_of(task: BaseOperator, returned: str, pushed: dict[str, str] | None = None) -> dict[str, str]:
    """Return the same as :func:`success_xcoms`, without the check whether a worker must end the task."""
    return {**({"return_value": returned} if task.do_xcom_push else {}), **(pushed or {})}


def why_a_worker_must_end(task: BaseOperator) -> str | None:
    """Return why only a worker can end ``task`` when it succeeds; ``None`` if the triggerer can, too."""
    if not has_workerless_waits():
        return "only Airflow 3.3 and later can end a task in the triggerer"
    reasons = {
        "it has outlets": task.outlets,
        "it has a failures_path": getattr(task, "failures_path", None),
        "it has an on_success_callback": task.on_success_callback,
        "it has a post_execute": task._post_execute_hook,
        "a subclass has its own end": is_overridden(task, "post_execute", "execute_complete", "resume_execution"),
        "it has multiple_outputs": task.multiple_outputs,
        "its result is the DAG's": task.returns_dag_result,
        "a mapped task expands over its result": _is_expanded_over(task),
        "[state_store] clear_on_success is set": conf.getboolean("state_store", "clear_on_success", fallback=False),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def is_overridden(task: BaseOperator, *methods: str) -> bool:
    """Whether a subclass of this package's operators has one of ``methods`` itself, which only a worker would call."""
    known = ("airflow", __name__.partition(".")[0])
    for method in methods:
        owner = next(kind for kind in type(task).__mro__ if method in vars(kind))
        if owner.__module__.partition(".")[0] not in known:
            return True
    return False


def _is_expanded_over(task: BaseOperator) -> bool:
    return task.has_dag() and any(task.iter_mapped_dependants())  # type: ignore[no-untyped-call]
