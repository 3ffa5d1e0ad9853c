"""
Run many histories: ``python -m tests.simulation --histories 100000 --seed 1``.

Prints the counted events and the broken invariants: each one with the first seeds, and a short story with the value to
paste into a test.
"""

from __future__ import annotations

import argparse
import gc
import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.drawing import draw
from tests.simulation.history import History
from tests.simulation.remembered import remember_answers
from tests.simulation.runs import run, told
from tests.simulation.shrinking import shrunk

_CHUNK = 500

# A longer story does not help to find the failure.
_MOST_LINES = 60


@dataclass(slots=True)
class _Found:
    """The results of some histories."""

    failures: dict[str, list[int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: _Found) -> None:
        self.counts.update(other.counts)
        for name, seeds in other.failures.items():
            self.failures.setdefault(name, []).extend(seeds)


def main() -> int:
    """Run the histories of the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first history; each further one has the next")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--beyond", action="store_true", help="leave the windows of the promises, and count")
    parser.add_argument("--stories", type=int, default=1, help="of each invariant that does not hold")
    parser.add_argument("--counts", action="store_true", help="print how often each event happened")
    given = parser.parse_args()
    logging.disable()
    chunks = [
        (first, min(_CHUNK, given.seed + given.histories - first), given.beyond)
        for first in range(given.seed, given.seed + given.histories, _CHUNK)
    ]
    began_at, found = time.monotonic(), _Found()
    # A forked process has what is imported here. Others do not find the functions of a package's __main__ module.
    with multiprocessing.get_context("fork").Pool(given.processes, _prepare) as pool:
        for one in pool.imap_unordered(_run_chunk, chunks):
            found.add(one)
    seconds = time.monotonic() - began_at
    totals = ", ".join(f"{found.counts[what]:,} {what}" for what in ("processes", "requests", "jobs"))
    print(f"{given.histories:,} histories from seed {given.seed} in {seconds:.0f} s: {totals}")
    if given.counts or given.beyond:
        for what, number in sorted(found.counts.items()):
            print(f"{number:12,}  {what}")
    if given.beyond:
        return 0
    for name, seeds in found.failures.items():
        seeds.sort()
        print(f"\n{name!r} did not hold in {len(seeds):,} histories, such as {seeds[:8]}")
        for seed in seeds[: given.stories]:
            _tell(seed, draw(seed), name)
    return 1 if found.failures else 0


def _prepare() -> None:
    """Prepare a process for many histories. The garbage collector leaves out what was imported, and runs less often."""
    remember_answers()
    gc.freeze()
    gc.set_threshold(20_000)


def _run_chunk(chunk: tuple[int, int, bool]) -> _Found:
    first, number, beyond = chunk
    found = _Found()
    for seed in range(first, first + number):
        history = draw(seed, beyond=beyond)
        try:
            world, violations = run(history)
        except Exception as error:  # a mistake of the model, or an exception that the product does not expect
            found.failures.setdefault(f"no exception: {error!r}", []).append(seed)
            continue
        found.counts.update(world.ledger.counts)
        found.counts["jobs"] += len(world.service.jobs) - history.strangers
        found.counts["processes"] += len(world.processes)
        found.counts["requests"] += sum(process.requests for process in world.processes)
        names = dict.fromkeys(violation.name for violation in violations)
        for name in names:
            found.failures.setdefault(name, []).append(seed)
        if beyond:
            found.counts[f"beyond, {history.beyond}: histories"] += 1
            found.counts.update(f"beyond, {history.beyond}: not {name}" for name in names)
    return found


def _tell(seed: int, history: History, name: str) -> None:
    if name.startswith("no exception"):
        print(f"\n  seed {seed}: {history}")
        return
    small = shrunk(history, lambda smaller: any(violation.name == name for violation in run(smaller)[1]))
    lines = told(small).splitlines()
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES // 2 : -_MOST_LINES // 2] = ["…"]
    print(f"\n  seed {seed}: {small}\n", *lines, sep="\n    ")


if __name__ == "__main__":
    sys.exit(main())
