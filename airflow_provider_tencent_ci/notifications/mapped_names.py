"""The names of mapped tasks in the UI: the values that distinguish them, instead of 0, 1, 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.core.wire.texts import shortened

__all__ = ["joined_name"]

# Airflow's column has room for 250.
_MOST = 200


def joined_name(values: Iterable[Any]) -> str:
    """Return values as one short text, without the empty ones."""
    try:
        return shortened(", ".join(filter(None, map(_text, values))), _MOST)
    except Exception:  # a name must not fail a task
        return ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):  # a request for Type=Job
        parameters = value.get("JobParam")
        template = parameters.get("TemplateId") if isinstance(parameters, Mapping) else None
        return ", ".join(map(str, filter(None, (value.get("Tag"), template))))
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, str | int | float):
        return str(value)
    return ", ".join(map(_text, value)) if isinstance(value, Iterable) else ""
