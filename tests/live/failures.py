"""How a live check ends early."""

from __future__ import annotations


class Unprepared(Exception):
    """Something that the check needs is missing; nothing was sent. The message says what."""


class OverBudget(Exception):
    """One more submission than was agreed to: a mistake in the check, which it does not let through."""
