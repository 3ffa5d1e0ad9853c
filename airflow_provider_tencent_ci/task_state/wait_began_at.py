"""When the wait of a sensor began, over all deferrals of one try. Before 3.2 Airflow itself has no such time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.compat.task_context import own_xcom
from airflow_provider_tencent_ci.task_state.time_of_try import read_time_of_try, time_of_try

__all__ = ["push_began_at", "pushed_began_at"]

_KEY = "wait_began_at"


def push_began_at(ti: Any, began_at: datetime | None) -> None:
    """Push the time (aware) to XCom, for the next process of this try."""
    if began_at is not None:
        ti.xcom_push(key=_KEY, value=time_of_try(ti, began_at))


def pushed_began_at(ti: Any) -> datetime | None:
    """Return the time that a process of this try has pushed; ``None`` if none has."""
    return read_time_of_try(ti, own_xcom(ti, _KEY))
