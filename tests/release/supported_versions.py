"""The table of ``constraints/versions.txt``."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def minor(version: str) -> str:
    """``3.3.2`` is a version of the line ``3.3``."""
    return version.rpartition(".")[0]


def _read() -> dict[str, list[str]]:
    lines = (ROOT / "constraints" / "versions.txt").read_text("utf-8").splitlines()
    return {airflow: pythons for airflow, *pythons in map(str.split, lines) if airflow != "#"}


PYTHONS_OF = _read()
AIRFLOWS = list(PYTHONS_OF)
DEFAULT_AIRFLOW = AIRFLOWS[-1]
PYTHONS = sorted({python for pythons in PYTHONS_OF.values() for python in pythons}, key=numbers)
OLDEST_PYTHON, NEWEST_PYTHON = PYTHONS[0], PYTHONS[-1]
