"""Since when a sensor in ``reschedule`` mode gets no usable answer, over its processes; on Airflow 3.3 and later."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.compat.task_context import task_state_store
from airflow_provider_tencent_ci.task_state.time_of_try import read_time_of_try, time_of_try

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["read_failing_since", "remembers_contact", "write_failing_since"]

_log = logging.getLogger(__name__)

_KEY = "tencent_ci_failing_since"


def remembers_contact(context: Context) -> bool:
    """Whether the next process of a try can know what this one has noted (Airflow 3.3 and later)."""
    return task_state_store(context) is not None


def read_failing_since(context: Context) -> datetime | None:
    """Return what this try noted last; ``None`` if its last poll had an answer, and before 3.3."""
    store = task_state_store(context)
    try:
        noted = store.get(_KEY) if store is not None else None
    except Exception as error:  # the wait is more important
        _log.warning("The task state store could not be read: %s", error)
        return None
    return read_time_of_try(context["ti"], noted)


def write_failing_since(context: Context, failing_since: datetime | None) -> None:
    """Note when the first failed poll since the last answer was (aware); ``None`` if the last poll had an answer."""
    store = task_state_store(context)
    if store is None:
        return
    try:
        store.set(_KEY, time_of_try(context["ti"], failing_since))
    except Exception as error:
        _log.warning("The task state store could not be written: %s", error)
