"""The forms in which the service writes and reads times."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from airflow_provider_tencent_ci.emulator.protocol.error_answers import invalid_argument

__all__ = ["NOT_YET", "read_time", "to_the_second", "with_colon", "without_colon"]

NOT_YET = "-"

_BEIJING = timezone(timedelta(hours=8))
_FORMAT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[+-]\d\d:?\d\d|[Zz])")


def read_time(name: str, text: str) -> datetime:
    """
    Read a time of a request: ``2022-02-01T12:00:00+0800``; also ``+08:00`` or ``Z``, which the Go SDK sends.

    :param name: the node or parameter, for the error.
    :raises ServiceError: it has another form.
    """
    try:
        if _FORMAT.fullmatch(text):
            return datetime.strptime(text.upper(), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        pass
    raise invalid_argument(f"{name} {text!r} does not have the format %Y-%m-%dT%H:%M:%S%z.")


def without_colon(moment: datetime | None) -> str:
    """Write a time of a batch or a child job, ``+0800``; ``-``: not known yet."""
    return moment.astimezone(_BEIJING).strftime("%Y-%m-%dT%H:%M:%S%z") if moment else NOT_YET


def with_colon(moment: datetime | None) -> str:
    """Write a time of a workflow execution, ``+08:00``; ``-``: not known yet."""
    return moment.astimezone(_BEIJING).isoformat(timespec="seconds") if moment else NOT_YET


def to_the_second(moment: datetime) -> datetime:
    """Drop the fraction of a second: filters compare the times that answers show."""
    return moment.replace(microsecond=0)
