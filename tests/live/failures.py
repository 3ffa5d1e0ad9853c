"""How a live check ends early."""

from __future__ import annotations


class Unprepared(Exception):
    """Something that the check needs is missing; nothing was sent. The message names it."""
