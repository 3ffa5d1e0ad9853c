"""Measurements in turns, and the processor time of a function."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

__all__ = ["cpu_seconds", "cpu_seconds_each", "medians_of_turns"]


def medians_of_turns(ways: Mapping[str, Callable[[], float]], turns: int) -> dict[str, float]:
    """
    Measure each way ``turns`` times and return each one's median.

    They take turns, A B C A B C, so that other load of the machine affects all of them equally.

    :param ways: by name: a function that does the work and returns its figure.
    """
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            figures[name].append(way())
    return {name: median(found) for name, found in figures.items()}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of this process with all its threads, without that of a server process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def cpu_seconds_each(work: Callable[[int], object], times: int) -> float:
    """Call a function ``times`` times with the numbers from 0, and return the processor time of one call."""

    def all_of_it() -> None:
        for number in range(times):
            work(number)

    return cpu_seconds(all_of_it) / times
