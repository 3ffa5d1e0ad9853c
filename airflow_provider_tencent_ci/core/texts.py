"""How much of somebody else's text goes into an error."""

from __future__ import annotations

__all__ = ["shortened"]


def shortened(text: str, most: int) -> str:
    """Return at most ``most`` characters of a text; a longer one ends in an ellipsis beyond them."""
    return text if len(text) <= most else f"{text[:most]}…"
