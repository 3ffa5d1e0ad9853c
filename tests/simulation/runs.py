"""Runs one history and checks it."""

from __future__ import annotations

from tests.simulation.history import History
from tests.simulation.invariants import Violation, check
from tests.simulation.world import World

__all__ = ["run", "told"]


def run(history: History, **programs: type) -> tuple[World, list[Violation]]:
    """
    Run a history; return the final world, and the broken invariants.

    :param programs: programs that replace the product; see :class:`World`.
    """
    world = World(history, **programs).run()
    return world, check(world)


def told(history: History) -> str:
    """Run a history again, and return it as a story."""
    world = World(history, tells=True).run()
    lines = [f"{_clock(at)}  {text}" for at, text in world.story]
    lines += [f"   ->   {violation.name}: {violation.text}" for violation in check(world)]
    return "\n".join(lines)


def _clock(at: float) -> str:
    minutes, seconds = divmod(at, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{f'{hours}:' if hours else ''}{minutes:02d}:{seconds:04.1f}"
