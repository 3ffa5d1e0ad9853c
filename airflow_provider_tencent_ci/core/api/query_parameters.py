"""The query parameters of a request, checked and written as the service reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airflow_provider_tencent_ci.core.wire.service_times import format_time, time_argument
from airflow_provider_tencent_ci.core.wire.texts import lone_surrogate
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError


def given(*pairs: tuple[str, str | None]) -> tuple[tuple[str, str | None], ...]:
    """Return the parameters that have a value."""
    return tuple((key, _sendable(key, value)) for key, value in pairs if value)


def _sendable(key: str, value: str) -> str:
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{key}={value!r} must be a text.")
    if found := lone_surrogate(value):
        raise InvalidArgumentError(f"{key}={value!r} contains {found!r}, a lone surrogate, which cannot be sent.")
    return value


def joined(words: Sequence[str] | str | None) -> str | None:
    """Return words joined by commas."""
    return words if words is None or isinstance(words, str) else ",".join(_sendable("states", word) for word in words)


def time_parameter(argument: str, value: datetime | str | None) -> str | None:
    """Return a time as the service reads it; ``None`` if there is none."""
    moment = time_argument(argument, value)
    return format_time(moment) if moment else None
