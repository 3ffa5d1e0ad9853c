"""The name that an earlier release gave to the job of a mapped task: a later try looks for its job under it, too."""

from __future__ import annotations

from airflow_provider_tencent_ci.core.api.job_name import name_with_token
from airflow_provider_tencent_ci.core.submitting.submit_attempt import Attempt


def former_readable(dag_id: str, task_id: str, *, is_mapped: bool, given_name: str | None) -> str:
    """
    Return the readable part of that name; empty if the task has the same one now.

    :param given_name: the argument ``name``; a given name is as it was.
    """
    return f"{dag_id}-{task_id}" if is_mapped and not given_name else ""


def former_names(attempt: Attempt, token: str) -> tuple[str, ...]:
    """
    Return the name under which a try of an earlier release may have submitted; none for a first try.

    :param token: of the series, as its note has it.
    """
    former = attempt.former_readable
    return (name_with_token(former, token),) if former and not attempt.is_first else ()
