"""Arguments that a user gives and that are no templates: durations, in seconds or as a timedelta, and choices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

__all__ = ["check_choice", "deadline_after", "progress_interval", "seconds_of"]


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """
    Return an argument that is one of a few words.

    :raises InvalidArgumentError: it is none of them.
    """
    if value not in choices:
        raise InvalidArgumentError(f"{name}={value!r} must be one of {', '.join(map(repr, choices))}.")
    return value


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
