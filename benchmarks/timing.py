"""Taking turns, and how much of a processor something costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

__all__ = ["cpu_seconds", "cpu_seconds_each", "medians_of_turns"]


def medians_of_turns(ways: Mapping[str, Callable[[], float]], turns: int) -> dict[str, float]:
    """
    Measure each way ``turns`` times and return each one's median.

    They take turns, A B C A B C, so that what else the machine does meets all of them alike.

    :param ways: by name: something that does the work and returns its figure.
    """
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            figures[name].append(way())
    return {name: median(found) for name, found in figures.items()}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of this process, all of its threads; that of a server elsewhere is not in it."""
    began = time.process_time()
    work()
    return time.process_time() - began


def cpu_seconds_each(work: Callable[[int], object], times: int) -> float:
    """Do something ``times`` times, numbered from 0, and return the processor time of one."""

    def all_of_it() -> None:
        for number in range(times):
            work(number)

    return cpu_seconds(all_of_it) / times
