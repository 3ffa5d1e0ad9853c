"""``python -m benchmarks``: runs the measurements, and makes the page and the pictures from the results."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import measures
from benchmarks.machine import describe
from benchmarks.page import page, table
from benchmarks.record import Record, read_records, write_record

__all__ = ["main"]

_DOCS = Path(__file__).parents[1] / "docs"


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run measurements, print the results, and write them to files unless they were quick.

    :return: 0; 1 if one could not run.
    """
    options = _parser().parse_args(arguments)
    # A regular exit, so that the servers and components of a measurement end, too.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    names = measures.selected(options.measures)
    skipped = 0
    for name in [] if options.page_only else names:
        if lacking := measures.find(name).missing():
            print(f"{name}: skipped, it needs {lacking}", flush=True)
            skipped += 1
        else:
            _run(name, options.quick)
    if not options.quick:
        _make_page()
    return int(skipped > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the cost of waiting.")
    parser.add_argument("measures", nargs="*", choices=[*measures.NAMES, []], help="default: all", metavar="MEASURE")
    parser.add_argument("--quick", action="store_true", help="with few jobs, to see that it works; writes nothing")
    parser.add_argument("--page-only", action="store_true", help="measure nothing, make page and pictures again")
    return parser


def _run(name: str, quick: bool) -> None:
    began = time.monotonic()
    record: Record = measures.find(name).measure(quick)
    print(f"\n{record.title} ({time.monotonic() - began:.0f} s)\n\n{table(record.columns, record.rows)}", flush=True)
    for claim in record.claims:
        print(f"{'reached' if claim.holds else 'MISSED '}  {claim.wanted}: {claim.found}", flush=True)
    if not quick:
        distributions = getattr(measures.find(name), "DISTRIBUTIONS", ())
        write_record(replace(record, machine=describe(distributions)), _DOCS / "benchmarks")


def _make_page() -> None:
    from benchmarks.picture import draw

    records = read_records(_DOCS / "benchmarks", measures.NAMES)
    for record in records:
        draw(record, _DOCS / "benchmarks" / f"{record.name}.svg")
    (_DOCS / "benchmarks.md").write_text(page(records), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
