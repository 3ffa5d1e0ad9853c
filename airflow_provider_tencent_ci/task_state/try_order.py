"""The order of two tries of a task: which is the newer one."""

from __future__ import annotations

from typing import Any

__all__ = ["is_newer_try", "try_key"]


def try_key(ti: Any) -> str:
    """Return what no other try has: Airflow 3 gives each an id, also in a run that is made again; 2.11 a number."""
    return str(getattr(ti, "id", None) or ti.try_number)


def is_newer_try(recorded: str | None, own: str) -> bool:
    """
    Whether the try that recorded its submission began after the try of this process.

    A process that Airflow gave up may record its submission after its next try has. Airflow 3 makes the ids in the
    order of time (``uuid7`` in models/taskinstance.py).

    :param recorded: see :func:`.submission_xcom.recorded_try`; ``None`` if a newer try has removed the record.
    :param own: see :func:`try_key`.
    """
    if recorded is None:
        return True
    if recorded.isdigit() and own.isdigit():
        return int(recorded) > int(own)
    return recorded > own
