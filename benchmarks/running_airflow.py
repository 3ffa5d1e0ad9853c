"""What a measure needs to run the Airflow of the demonstration and of the tests."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ROOT", "environment_put_back", "find_scripts"]

ROOT = Path(__file__).parents[1]


def find_scripts() -> None:
    """Make the helpers of ``scripts/`` importable, as pytest does for the tests."""
    scripts = str(ROOT / "scripts")
    if scripts not in sys.path:
        sys.path.insert(0, scripts)


@contextlib.contextmanager
def environment_put_back(**variables: str) -> Iterator[None]:
    """
    Set variables for the processes to come, and put the environment back at the end.

    A stack writes its settings into this process's environment.
    """
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
