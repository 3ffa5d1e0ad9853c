"""Texts of the service and the user: shorten one for an error, find characters that cannot be sent."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

_SURROGATE = re.compile("[\ud800-\udfff]")


def lone_surrogate(text: str) -> str | None:
    """Return the first lone surrogate (half a character), which UTF-8 cannot encode; ``None`` if there is none."""
    found = None if text.isascii() else _SURROGATE.search(text)
    return found[0] if found else None


def not_for_header(text: str) -> str | None:
    """Return the first character that no header can contain, such as a line break; ``None`` if there is none."""
    return next((one for one in text if not (one.isascii() and one.isprintable())), None)


def text_argument(name: str, value: object) -> str:
    """
    Return an argument that is a text.

    A whole number becomes its text: a DAG with ``render_template_as_native_obj`` makes a number of ``20260101``.

    :param name: of the argument, for the error.
    :raises InvalidArgumentError: it is anything else. A fraction is refused, since ``1.10`` has become ``1.1``.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InvalidArgumentError(
        f"{name} must be a text, not {value!r}. With render_template_as_native_obj, a template that reads as a Python "
        "value becomes that value."
    )


def readable(text: str, most: int) -> str:
    """Return a text for one line of a log: shortened, with escapes for characters that cannot be seen."""
    escaped = (one if one.isprintable() else one.encode("unicode_escape").decode() for one in shortened(text, most))
    return "".join(escaped)


def without_query(place: str) -> str:
    """Return a place without user and query of a URL, which may be a signature."""
    if not place.startswith(("http://", "https://")):
        return place
    try:
        parts = urlsplit(place)
    except ValueError:  # a key that only begins like a URL
        return place
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def shortened(text: str, most: int) -> str:
    """Return at most ``most`` characters of a text; a longer one ends in an ellipsis beyond them."""
    return text if len(text) <= most else f"{text[:most]}…"
