"""
Run many histories: ``python -m tests.simulation --histories 100000 --seed 1``.

Prints what failed, each kind of failure once, as a short story with the value to paste into a test.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections import Counter

from tests.simulation.drawing import draw
from tests.simulation.history import History
from tests.simulation.runs import run, told
from tests.simulation.shrinking import shrunk

_CHUNK = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first history; each further one has the next")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--beyond", action="store_true", help="leave the windows that promises have")
    parser.add_argument("--stories", type=int, default=1, help="of each invariant that does not hold")
    given = parser.parse_args()
    logging.disable()
    chunks = [
        (first, min(_CHUNK, given.seed + given.histories - first), given.beyond)
        for first in range(given.seed, given.seed + given.histories, _CHUNK)
    ]
    began_at = time.monotonic()
    failures: dict[str, list[int]] = {}
    totals: Counter[str] = Counter()
    with multiprocessing.Pool(given.processes) as pool:
        for found, counts in pool.imap_unordered(_run_chunk, chunks):
            totals.update(counts)
            for name, seed in found:
                failures.setdefault(name, []).append(seed)
    seconds = time.monotonic() - began_at
    print(
        f"{given.histories:,} histories from seed {given.seed} in {seconds:.0f} s: "
        + ", ".join(f"{number:,} {what}" for what, number in sorted(totals.items()))
    )
    for name, seeds in failures.items():
        print(f"\n{name!r} did not hold in {len(seeds):,} histories, such as {sorted(seeds)[:8]}")
        for seed in sorted(seeds)[: given.stories]:
            _tell(seed, draw(seed, beyond=given.beyond), name)
    return 1 if failures else 0


def _run_chunk(chunk: tuple[int, int, bool]) -> tuple[list[tuple[str, int]], Counter[str]]:
    first, number, beyond = chunk
    found, counts = [], Counter[str]()
    for seed in range(first, first + number):
        world, violations = run(draw(seed, beyond=beyond))
        counts["jobs"] += len(world.service.jobs) - world.history.strangers
        counts["requests"] += sum(process.requests for process in world.processes)
        counts["processes"] += len(world.processes)
        found += [(name, seed) for name in dict.fromkeys(violation.name for violation in violations)]
    return found, counts


def _tell(seed: int, history: History, name: str) -> None:
    small = shrunk(history, lambda smaller: any(violation.name == name for violation in run(smaller)[1]))
    print(f"\n  seed {seed}: {small}")
    print("    " + told(small).replace("\n", "\n    "))


if __name__ == "__main__":
    sys.exit(main())
