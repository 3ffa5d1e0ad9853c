"""Checks of arguments that are no templates, so that a slip is an import error of the DAG and not a failed night."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

__all__ = [
    "check_choice",
    "check_count",
    "check_fail_on",
    "check_rounds",
    "check_text",
    "deadline_after",
    "optional_seconds_of",
    "optional_text",
    "path_text",
    "seconds_of",
]


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """
    Return an argument that is one of a few words.

    :raises InvalidArgumentError: it is none of them.
    """
    if value not in choices:
        raise InvalidArgumentError(f"{name}={value!r} must be one of {', '.join(map(repr, choices))}.")
    return value


def check_count(name: str, value: int, *, at_least: int) -> int:
    """
    Return an argument that is a whole number.

    :raises InvalidArgumentError: it is no whole number, or less than ``at_least``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise InvalidArgumentError(f"{name}={value!r} must be a whole number, at least {at_least}.")
    return value


def check_fail_on(value: str | float) -> str | float:
    """
    Return ``fail_on``: a word, a share of the files, or a number of files.

    :raises InvalidArgumentError: it is none of these.
    """
    if value in ("job", "any"):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not (0 < value < 1 or (value >= 1 and isinstance(value, int))):  # type: ignore[operator]
        raise InvalidArgumentError(
            f'fail_on={value!r} must be "job", "any", a share of the files such as 0.05, or a number of files such '
            "as 10."
        )
    return value


def check_rounds(*, wait_for_completion: bool, count_files: bool, on_existing: str) -> None:
    """
    Check the arguments that ``resubmit_rounds`` needs.

    :raises InvalidArgumentError: one of them has another value.
    """
    needs = {
        "wait_for_completion=True": wait_for_completion,
        "count_files=True": count_files,
        'on_existing="adopt", or each retry would submit the failed files again': on_existing == "adopt",
    }
    if missing := [need for need, is_met in needs.items() if not is_met]:
        raise InvalidArgumentError(f"resubmit_rounds needs {missing[0]}.")


def check_text(name: str, value: str) -> str:
    """
    Return an argument that is a text.

    :raises InvalidArgumentError: it is no text, or an empty one.
    """
    if not isinstance(value, str) or not value:
        raise InvalidArgumentError(f"{name}={value!r} must be a text that is not empty.")
    return value


def optional_text(name: str, value: str | None) -> str | None:
    """
    Return an argument that is a text; ``None`` if it is not given, or empty.

    :raises InvalidArgumentError: it is anything else.
    """
    return None if value is None or value == "" else check_text(name, value)


def path_text(path: Any) -> Any:
    """Return an ``ObjectStoragePath`` or ``Path`` as a text, which Airflow can render; anything else as it is."""
    return str(path) if hasattr(path, "parts") else path


def seconds_of(name: str, value: float | timedelta) -> float:
    """
    Return a duration in seconds.

    :param name: the argument's name, for the error.
    :raises InvalidArgumentError: it is not a positive number of seconds, nor a positive timedelta.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise InvalidArgumentError(f"{name}={value!r} must be a positive number of seconds, or a timedelta.")
    return float(seconds)


def optional_seconds_of(name: str, value: float | timedelta | None) -> float | None:
    """
    Return a duration in seconds; ``None`` for no limit, or never.

    :raises InvalidArgumentError: see :func:`seconds_of`.
    """
    return None if value is None else seconds_of(name, value)


def deadline_after(seconds: float | None, now: datetime) -> datetime | None:
    """Return the time at which a duration that starts ``now`` is over; ``None`` for no limit, or after year 9999."""
    try:
        return None if seconds is None else now + timedelta(seconds=seconds)
    except OverflowError:
        return None
