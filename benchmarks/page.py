"""The page ``docs/benchmarks.md``, made from the records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.record import Figure, Record

__all__ = ["page", "table"]

_HEAD = """\
<!-- Made by `make bench` of the records in docs/benchmarks/; change benchmarks/, not this page. -->
# Benchmarks: the cost of waiting

Each benchmark runs this package and an alternative in turn, on one machine, against the same service: the package's
emulator, over HTTP, in a process of its own whose time is not counted. Ratios are more portable to other machines than
absolute figures. `make bench` runs all benchmarks again, `make bench MEASURES='signing delay'` some of them; the code
is in [benchmarks/](../benchmarks), one module for each benchmark.
"""


def page(records: Sequence[Record]) -> str:
    """Return the complete page: targets and results, then each measurement with its table and picture."""
    return "\n".join([_HEAD, _summary(records), *(_section(record) for record in records)])


def table(columns: Sequence[str], rows: Iterable[Sequence[Figure]]) -> str:
    """Return a Markdown table; all columns but the first are figures."""
    alignment = ("---", *("---:" for _ in columns[1:]))
    return "\n".join(_line(cells) for cells in (columns, alignment, *rows)) + "\n"


def _summary(records: Sequence[Record]) -> str:
    lines = [
        (f"[{record.title}](#{_anchor(record.title)})", claim.wanted, claim.found, "yes" if claim.holds else "**no**")
        for record in records
        for claim in record.claims
    ]
    cells = [("measure", "wanted", "found", "reached"), ("---",) * 4, *lines]
    return "\n".join(_line(row) for row in cells) + "\n"


def _section(record: Record) -> str:
    machine = record.machine
    where = f"{machine['processor']}; {machine['system']}; {machine['versions']}"
    return "\n".join(
        [
            f"## {record.title}\n",
            table(record.columns, record.rows),
            f"![{record.chart.y_label}](benchmarks/{record.name}.svg)\n",
            record.method,
            f"*Measured on {machine['date']} at {machine['commit']}: {where}.*\n",
        ]
    )


def _anchor(title: str) -> str:
    """Return the anchor of a heading of plain words on GitHub and on the site."""
    return title.lower().replace(" ", "-")


def _line(cells: Sequence[Figure]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(value: Figure) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value.replace("|", "\\|")
    return f"{value:,}"
