"""How durations, shares, estimates and counts of files are written for people: in logs, tables and messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts

__all__ = ["about", "counts_text", "duration_text", "share_text"]


def duration_text(duration: timedelta) -> str:
    """Write a duration to the second: ``1:02:03``."""
    return str(timedelta(seconds=round(duration.total_seconds())))


def share_text(part: int, whole: int) -> str:
    """Write a share: ``12.5%``; empty if there is no whole."""
    return f"{part / whole:.1%}" if whole else ""


def about(number: int) -> str:
    """Write an estimated number: an estimate has no more than two digits that mean something."""
    return f"{int(float(f'{number:.2g}')):,}"


def counts_text(counts: FileCounts, write: Callable[[int], str] = "{:,}".format) -> str:
    """
    Write counts in one line.

    :param write: writes a number; by default exactly.
    """
    parts = (
        (counts.succeeded, "succeeded"),
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
        (counts.running, "not done"),
    )
    said = ", ".join(f"{write(number)} {word}" for number, word in parts if number)
    return f"{write(counts.total)}: {said}" if said else "0"
