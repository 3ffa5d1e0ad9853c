"""
Tasks that the release before has deferred: what it did not store is made here. The next release removes this module.

That release stored the XComs ``job_id``, ``job_name`` and ``rounds``. It had neither the XCom ``submission`` nor
``deferral``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_tencent_ci.compat.task_context import own_xcom
from airflow_provider_tencent_ci.task_state.submission_xcom import push_submission
from airflow_provider_tencent_ci.waiting.deferral import Deferral

__all__ = ["former_capacity_wait", "push_former_submission"]


def former_capacity_wait(ti: Any) -> Deferral | None:
    """
    Return which submission a task has waited for capacity for; ``None`` for the first one.

    Without that, a task that was about to submit its failed files would begin with its first request again.
    """
    rounds = own_xcom(ti, "rounds")
    return Deferral("capacity", None, None, len(rounds)) if isinstance(rounds, list) and rounds else None


def push_former_submission(ti: Any, request: Mapping[str, Any]) -> None:
    """
    Push the XCom ``submission`` of a task that has its job.

    :param request: the task's arguments by name, its templates rendered.
    """
    from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import DuplicateSearch

    push_submission(ti, request, DuplicateSearch(str(own_xcom(ti, "job_name") or "")))
