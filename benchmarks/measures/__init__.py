"""
The measures, in the order of the page.

Each is a module with ``missing()``, which says what it needs and does not find (``None``: it can run), and
``measure(quick)``.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["NAMES", "find"]

NAMES = (
    "requests_per_interval",
    "cpu_per_poll",
    "triggerer",
    "delay",
    "worker_starts",
    "signing",
    "reading",
    "importing",
)


def find(name: str) -> ModuleType:
    """Import and return a measurement; imported late, since some need optional packages."""
    return importlib.import_module(f"{__name__}.{name}")
