"""Signals as an exception that is raised at a safe moment."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from showcase.failures import Interrupted

__all__ = ["held", "listen"]

_received: int | None = None
_holds = 0


def listen() -> None:
    """Raise :class:`Interrupted` on Ctrl-C, when the terminal is closed, and on SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _handle)


@contextmanager
def held() -> Iterator[None]:
    """Delay signals: a process that is being started must be recorded, one that is being stopped must be stopped."""
    global _holds
    _holds += 1
    try:
        yield
    finally:
        _holds -= 1
        if not _holds:
            _raise_received()


def _handle(number: int, frame: FrameType | None) -> None:
    global _received
    _received = number
    if not _holds:
        _raise_received()


def _raise_received() -> None:
    global _received
    number, _received = _received, None
    if number is not None:
        raise Interrupted(number)
