"""The output of a command, separate from other text on stdout, such as Airflow's log lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

__all__ = ["output", "output_apart", "say"]

_STDOUT, _STDERR = 1, 2

_apart: TextIO | None = None


def output() -> TextIO:
    """Return the stream of the output."""
    return _apart or sys.stdout


def say(text: str) -> None:
    """Print a message for the user that is not output."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def output_apart() -> Iterator[None]:
    """
    Keep stdout for :func:`output`, and redirect all other text to stderr.

    The file descriptor is redirected, too: a log handler may hold ``sys.stdout`` already, or look it up each time.
    """
    global _apart
    if _apart is not None:
        yield
        return
    before = sys.stdout
    before.flush()
    kept = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    sys.stdout = sys.stderr
    _apart = open(kept, "w", encoding=before.encoding, errors="backslashreplace", buffering=1)  # noqa: SIM115 - closed below
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            _apart.flush()
        before.flush()
        sys.stdout = before
        os.dup2(kept, _STDOUT)
        with suppress(BrokenPipeError):
            _apart.close()
        _apart = None
