"""The query parameters of a request, checked and written as the service reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    """
    Return words joined by commas; a text is one word, or several with commas.

    :raises InvalidArgumentError: they are no texts.
    """
    if words is None or isinstance(words, str):
        return words
    if not isinstance(words, Iterable) or not all(isinstance(word, str) for word in words):
        raise InvalidArgumentError(f"{argument}={words!r} must be texts.")
    return ",".join(words)


def check_states(states: Sequence[str] | str | None, of: str) -> None:
    """
    Check a filter by states: an empty one would list all.

    :param of: what is listed, for the error.
    :raises InvalidArgumentError: it names no state, or something that is no text.
    """
    if states is not None and "" in (joined(states) or "").split(","):
        raise InvalidArgumentError(f"states={states!r} names no state: leave it out for {of} in all states.")


def time_parameter(argument: str, value: datetime | str | None) -> str | None:
    """Return a time as the service reads it; ``None`` if there is none."""
    moment = time_argument(argument, value)
    return format_time(moment) if moment else None
