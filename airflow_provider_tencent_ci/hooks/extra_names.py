"""The names of the fields in a connection's extra: which ones there are, what other tools make of them, and slips."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_tencent_ci.core.wire.texts import shortened

_log = logging.getLogger(__name__)

FIELDS = (
    "region",
    "bucket",
    "token",
    "endpoint_url",
    "verify",
    "proxy",
    "request_timeout",
    "requests_per_second",
    "max_connections",
    "credentials",
    "role_name",
    "metadata_url",
    "role_arn",
    "assume_role_with",
    "role_session_name",
    "role_external_id",
    "role_duration",
    "sts_url",
    "sts_region",
)

# Forms of Airflow before 2.3, and tools made for them, write a field's name so.
_FORM_PREFIX = "extra__tencent_ci__"

# Airflow writes an extra that is no flat text so into a URI. A tool that splits the URI by itself leaves it.
_NESTED = "__extra__"

# Keys have fields of the connection for them, which Airflow masks.
_NOT_IN_EXTRA = {"secretid": "login", "secretkey": "password"}

_MAX_NAME_LENGTH = 80

# Connections and unknown names that this process has warned about.
_warned: set[tuple[str, str]] = set()


def plain_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return an extra with the names of :data:`FIELDS`; a field with its own name has precedence over other forms."""
    found = _nested(extra.get(_NESTED))
    for name, value in extra.items():
        plain = name.removeprefix(_FORM_PREFIX)
        if plain != name and plain in FIELDS and not _is_empty(value):
            found[plain] = value
    return {**found, **{name: value for name, value in extra.items() if not (name in found and _is_empty(value))}}


def describe_unknown_fields(extra: Mapping[str, Any]) -> str:
    """
    Return a sentence for each field that is not known and so has no effect; empty if there is none.

    :param extra: as :func:`plain_extra` returns it. The values, which may be secrets, are not shown.
    """
    return " ".join(
        f"The field {shortened(name, _MAX_NAME_LENGTH)!r} in extra has no effect{_hint(name)}"
        for name in _unknown(extra)
    )


def warn_of_unknown_fields(conn_id: str, extra: Mapping[str, Any]) -> None:
    """Log what :func:`describe_unknown_fields` says, once for a connection and process."""
    warning = describe_unknown_fields(extra)
    if warning and (conn_id, warning) not in _warned:
        _warned.add((conn_id, warning))
        _log.warning("Connection %r: %s", conn_id, warning)


def _nested(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return {name: each for name, each in value.items() if name in FIELDS} if isinstance(value, dict) else {}


def _unknown(extra: Mapping[str, Any]) -> Iterator[str]:
    known = {*FIELDS, *(_FORM_PREFIX + field for field in FIELDS), _NESTED}
    return (name for name, value in extra.items() if name not in known and not _is_empty(value))


def _hint(name: str) -> str:
    word = name.removeprefix(_FORM_PREFIX).lower().replace("-", "_")
    if field := _NOT_IN_EXTRA.get(word.replace("_", "")):
        return f": the key belongs into {field}."
    nearest = difflib.get_close_matches(word, FIELDS, n=1)
    return f": did you mean {nearest[0]}?" if nearest else "."


def _is_empty(value: Any) -> bool:
    return value is None or value == ""
