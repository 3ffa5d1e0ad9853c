"""
The measures, in the order of the page.

Each is a module with ``missing()``, which says what it needs and does not find (``None``: it can run), and
``measure(quick)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType

__all__ = ["NAMES", "find", "selected"]

NAMES = (
    "requests_per_interval",
    "cpu_per_poll",
    "triggerer",
    "metrics_cost",
    "delay",
    "worker_starts",
    "files",
    "files_rest",
    "files_rate",
    "files_triggerer",
    "signing",
    "reading",
    "importing",
)


def selected(wanted: Sequence[str]) -> list[str]:
    """Return measures by their names, in the order of the page: ``files`` also selects ``files_rate``; none: all."""
    return [name for name in NAMES if not wanted or any(name == one or name.startswith(f"{one}_") for one in wanted)]


def find(name: str) -> ModuleType:
    """Import and return a measurement; imported late, since some need optional packages."""
    return importlib.import_module(f"{__name__}.{name}")
