"""Texts of others: how much of one goes into an error, and what of it cannot be sent."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def lone_surrogate(text: str) -> str | None:
    """Return the first half of a character (a lone surrogate), which UTF-8 cannot write; ``None`` if there is none."""
    found = _SURROGATE.search(text)
    return found[0] if found else None


def shortened(text: str, most: int) -> str:
    """Return at most ``most`` characters of a text; a longer one ends in an ellipsis beyond them."""
    return text if len(text) <= most else f"{text[:most]}…"
