"""The query parameters of a request, checked and written as the service reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airflow_provider_tencent_ci.core.wire.service_times import format_time, time_argument
from airflow_provider_tencent_ci.core.wire.texts import lone_surrogate, text_argument
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError


def given(*pairs: tuple[str, str | None]) -> tuple[tuple[str, str | None], ...]:
    """Return the parameters that have a value."""
    return tuple((key, _sendable(key, value)) for key, value in pairs if value)


def _sendable(key: str, value: str) -> str:
    value = text_argument(key, value)
    if found := lone_surrogate(value):
        raise InvalidArgumentError(f"{key}={value!r} contains {found!r}, a lone surrogate, which cannot be sent.")
    return value


def joined(words: Sequence[str] | str | None, argument: str = "states") -> str | None:
    """Return words joined by commas; a text is one word, or several with commas."""
    if words is None or isinstance(words, str):
        return words
    if not all(isinstance(word, str) for word in words):
        raise InvalidArgumentError(f"{argument}={words!r} must be texts.")
    return ",".join(words)


def time_parameter(argument: str, value: datetime | str | None) -> str | None:
    """Return a time as the service reads it; ``None`` if there is none."""
    moment = time_argument(argument, value)
    return format_time(moment) if moment else None
