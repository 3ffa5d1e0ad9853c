"""Memory, processor time and speed of a cluster: the figures of docs/deployment.md."""

from __future__ import annotations

import statistics
from contextlib import suppress
from dataclasses import dataclass

import psutil

__all__ = ["Growth", "Usage", "rate", "usage_of"]

_MB = 1024 * 1024
_FIRST_WAITS = 30


@dataclass(frozen=True, slots=True)
class Usage:
    """
    The resources that a component has used.

    :param memory_mb: of all its processes, with shared pages counted in proportion.
    :param cpu_seconds: since its start, including its ended child processes.
    """

    memory_mb: float
    cpu_seconds: float


def usage_of(component):
    memory, cpu = 0.0, 0.0
    for pid in component.pids():
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            memory += process.memory_full_info().pss / _MB
            cpu += sum(process.cpu_times()[:4])  # its own time and its children's, each in user and system mode
    return Usage(memory, cpu)


class Growth:
    """
    How the memory of a triggerer grows with the waits in it.

    The first waits also load the modules, so the growth is measured after them.
    """

    def __init__(self):
        self._largest = {}  # by number of waits

    def add(self, waits, memory_mb):
        """Take a sample. Ignore it if it has fewer waits than before: freed memory is not returned."""
        if waits >= max(self._largest, default=0):
            self._largest[waits] = memory_mb

    @property
    def most(self):
        """The largest number of waits, and the memory with them."""
        return max(self._largest.items(), default=(0, 0.0))

    @property
    def kb_per_wait(self):
        """The slope of the line through the samples; ``None`` if there are too few."""
        waits = [number for number in self._largest if number >= _FIRST_WAITS]
        if len(waits) < 2:
            return None
        slope, _ = statistics.linear_regression(waits, [self._largest[number] for number in waits])
        return 1024 * slope


def rate(moments, until):
    """Return the number per second, from the first one to the last one before ``until``."""
    counted = [moment for moment in moments if moment < until]
    return (len(counted) - 1) / (counted[-1] - counted[0]).total_seconds()
