"""How a demonstration ends early."""

from __future__ import annotations

__all__ = ["DemoFailed", "Interrupted"]


class DemoFailed(Exception):
    """A step failed; the message explains it to a reader who does not know this code."""


class Interrupted(BaseException):
    """
    A signal asked to stop.

    :param number: which one.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
