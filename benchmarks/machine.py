"""The machine, the versions and the time of a measurement."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

__all__ = ["describe"]

_ROOT = Path(__file__).parents[1]
_ALWAYS = ("apache-airflow", "aiohttp")


def describe(distributions: Iterable[str] = ()) -> dict[str, str]:
    """
    Return the facts about the environment.

    :param distributions: the distributions whose versions matter, besides Airflow and aiohttp.
    """
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in (*_ALWAYS, *distributions)),
    }


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


def _commit() -> str:
    """Return the short name of the commit, with a plus sign if files differ from it; ``?`` outside a repository."""
    command = ["git", "describe", "--always", "--abbrev=9", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"
