"""
Readers for the fields of a connection's extra.

A connection may be a URI. Then its fields are texts where Airflow reads it from the environment, and what JSON makes of
these texts where Airflow has stored it. So a number may be a text, and a text of digits a number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from airflow_provider_tencent_ci.core.wire.texts import not_for_header
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_BOOLEANS = {"true": True, "false": False, "": True}


def text_field(extra: Mapping[str, Any], field: str) -> str | None:
    """
    Return a text without the blanks around it; ``None`` if there is none.

    :raises InvalidArgumentError: it is something else.
    """
    value = extra.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise InvalidArgumentError(f"{field} in extra must be a text.")
    return value.strip() or None if value else None


def number_field(extra: Mapping[str, Any], field: str, default: float, most: float) -> float:
    """
    Return a number.

    :param most: the largest one that is allowed; it must be more than 0.
    :raises InvalidArgumentError: it is something else.
    """
    value = extra.get(field)
    if value is None:  # a form writes null for a field that is empty
        value = default
    if isinstance(value, str):
        text = value.strip()
        value = float(text) if _NUMBER.fullmatch(text) else None if text else default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise InvalidArgumentError(f"{field} in extra must be a number, more than 0, at most {most}.")
    return float(value)


def optional_number_field(extra: Mapping[str, Any], field: str, most: float) -> float | None:
    """
    Return a number; ``None`` if there is none.

    :param most: the largest one that is allowed; it must be more than 0.
    :raises InvalidArgumentError: it is something else.
    """
    value = extra.get(field)
    return (
        None if value is None or (isinstance(value, str) and not value.strip()) else number_field(extra, field, 0, most)
    )


def whole_number_field(extra: Mapping[str, Any], field: str, default: int, most: int, unit: str = "") -> int:
    """
    Return a whole number, from 1.

    :param most: the largest one that is allowed.
    :param unit: what is counted, for the error.
    :raises InvalidArgumentError: it is something else.
    """
    number = number_field(extra, field, default, most)
    if number != int(number):
        raise InvalidArgumentError(f"{field} in extra must be a whole number{unit and f' of {unit}'}.")
    return int(number)


def header_text(field: str, value: str) -> str:
    """
    Return a text that is sent in a header, without the blanks around it.

    :param field: its name, for the error.
    :raises InvalidArgumentError: it has a character that no header can contain, usually one that was pasted and cannot
        be seen; the message shows no other part of the text.
    """
    text = value.strip()
    if (found := not_for_header(text)) is not None:
        name = unicodedata.name(found, "a control character")
        raise InvalidArgumentError(
            f"{field} contains {found!a} ({name.lower()}) at position {text.index(found) + 1}, which cannot be sent: "
            "enter it again without that character."
        )
    return text


def verify_field(extra: Mapping[str, Any]) -> bool | str:
    """
    Return ``verify``, by default ``True``.

    :raises InvalidArgumentError: it is neither true nor false nor a path.
    """
    value = extra.get("verify", True)
    if isinstance(value, str):
        value = _BOOLEANS.get(value.strip().lower(), value)
    if isinstance(value, bool) or (isinstance(value, str) and value):
        return value
    raise InvalidArgumentError("verify in extra must be true, false or the path of a CA bundle.")
