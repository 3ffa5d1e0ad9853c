"""A time that belongs to one try of a task, as it is stored for the later processes of that try."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.task_state.try_order import try_key

__all__ = ["read_time_of_try", "time_of_try"]


def time_of_try(ti: Any, at: datetime | None) -> dict[str, str | None]:
    """Return the value to store for a time (aware), or for none."""
    return {"try": try_key(ti), "at": at.isoformat() if at else None}


def read_time_of_try(ti: Any, stored: Any) -> datetime | None:
    """Return the time; ``None`` if there is none, or if another try stored it."""
    if not isinstance(stored, dict) or stored.get("try") != try_key(ti) or not stored.get("at"):
        return None
    return datetime.fromisoformat(stored["at"])
