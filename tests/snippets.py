"""Compares the logs and output on pages with real ones: the same words, with other ids and times."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["SNIPPETS", "assert_says", "snippet"]

SNIPPETS = Path(__file__).parents[1] / "docs" / "snippets"

_TIME = r"\d\d:\d\d:\d\d"
# The parts that differ between runs, and their patterns.
_DIFFERS = {
    r"\bb0123…": "b[0-9a-f]{32}",
    r"\bi0123…": "i[0-9a-f]{32}",
    r"-0123…": "-[0-9a-f]{16}",
    r"\b[bi][0-9a-f]{32}": "[bi][0-9a-f]{32}",
    r"-[0-9a-f]{16}\b": "-[0-9a-f]{16}",
    rf"\d{{4}}-\d\d-\d\d[T ]{_TIME}[.\d]*": rf"\d{{4}}-\d\d-\d\d[T ]{_TIME}[.\d]*",
    r"\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\d[.\d]*": r"[\w%.-]+?",
    r"\b\d:\d\d:\d\d": r"\d:\d\d:\d\d",
    r"\d of 8 files done [^)]*\)[^(]*": r"\d of 8 files done [^)]*\)[^(]*",
}


def snippet(name: str) -> str:
    """Return the snippet of a page."""
    return (SNIPPETS / name).read_text("utf-8")


def assert_says(said: str, name: str) -> None:
    """Fail unless each line of a page's snippet is in the output."""
    for line in snippet(name).splitlines():
        assert re.search(_pattern(line), said), f"{line!r} is not in:\n{said}"


def _pattern(line: str) -> str:
    """Return a pattern for a line: its words unchanged, with patterns for ids and times."""
    found = re.compile("|".join(f"({shown})" for shown in _DIFFERS)).finditer(line)
    pattern, end = "", 0
    for differs in found:
        pattern += re.escape(line[end : differs.start()]) + list(_DIFFERS.values())[(differs.lastindex or 1) - 1]
        end = differs.end()
    return pattern + re.escape(line[end:])
