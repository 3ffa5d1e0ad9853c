"""Helpers of a measurement to run the Airflow of the demonstration and of the tests."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["ROOT", "find_scripts"]

ROOT = Path(__file__).parents[1]


def find_scripts() -> None:
    """Make the helpers of ``scripts/`` importable, as pytest does for the tests."""
    scripts = str(ROOT / "scripts")
    if scripts not in sys.path:
        sys.path.insert(0, scripts)
