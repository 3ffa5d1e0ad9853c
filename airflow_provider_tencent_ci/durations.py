"""Durations that a user gives: seconds or a timedelta."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

__all__ = ["deadline_after", "progress_interval", "seconds_of"]


def seconds_of(name: str, value: float | timedelta) -> float:
    """
    Return a duration in seconds.

    :param name: the argument's name, for the error.
    :raises InvalidArgumentError: it is not a positive number of seconds, nor a positive timedelta.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise InvalidArgumentError(f"{name}={value!r} must be a positive number of seconds, or a timedelta.")
    return float(seconds)


def progress_interval(task: Any) -> float | None:
    """Return the seconds between two counts of a waiting task's files; ``None`` if it does not want any."""
    if not task.count_files or task.progress_interval is None:
        return None
    return seconds_of("progress_interval", task.progress_interval)


def deadline_after(name: str, value: float | timedelta | None, now: datetime) -> datetime | None:
    """Return the time at which a duration that starts ``now`` is over; ``None`` for no limit."""
    return None if value is None else now + timedelta(seconds=seconds_of(name, value))
