"""Texts of the service and the user: shorten one for an error, find what cannot be sent."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def lone_surrogate(text: str) -> str | None:
    """Return the first lone surrogate (half a character), which UTF-8 cannot encode; ``None`` if there is none."""
    found = _SURROGATE.search(text)
    return found[0] if found else None


def shortened(text: str, most: int) -> str:
    """Return at most ``most`` characters of a text; a longer one ends in an ellipsis beyond them."""
    return text if len(text) <= most else f"{text[:most]}…"
