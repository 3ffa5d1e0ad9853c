"""The count of an ended job that goes on from the counts of its wait."""

from __future__ import annotations

from benchmarks.file_clients import Part, run_rest
from benchmarks.file_service import FileService
from benchmarks.record import Chart, Claim, Record

__all__ = ["measure", "missing"]

_LATENCY_MS = 20
_OPEN_PART = 100
_WANTED_PART = 0.05

_WHOLE, _REST = "from the beginning", "from the counts of the wait"

_METHOD = f"""\
The wait counts all pages once, while the last 1/{_OPEN_PART} of the files still run. Then the job ends. Its files are
counted from the beginning, and again from what the wait has settled; the service answers after {_LATENCY_MS} ms.
Settled are the files that were created before the second of the first file that runs, and more than ten minutes ago.
"""


def missing() -> None:
    """It needs nothing special."""


def measure(quick: bool) -> Record:
    """Count a million files, of which 10,000 ran at the last count of the wait."""
    files = 10_000 if quick else 1_000_000
    with FileService() as service:
        whole, rest = run_rest(service.url, files, files // _OPEN_PART, _LATENCY_MS)
    if {whole.found, rest.found} != {files}:
        raise AssertionError(f"{whole.found} and {rest.found} files instead of {files}")
    return Record(
        name="files_rest",
        title="Counting the files that were open",
        method=_METHOD,
        columns=("way", "files", "requests", "counting, s"),
        rows=[_row(_WHOLE, whole), _row(_REST, rest)],
        claims=[_claim(whole, rest)],
        chart=Chart("bars", "requests to count an ended job", {_WHOLE: whole.requests, _REST: rest.requests}),
        quick=quick,
    )


def _row(name: str, part: Part) -> tuple[str | float, ...]:
    return (name, part.found, part.requests, round(part.seconds, 2))


def _claim(whole: Part, rest: Part) -> Claim:
    part = rest.requests / whole.requests
    return Claim(
        f"{whole.found:,} files, 1/{_OPEN_PART} still open: at most {_WANTED_PART:.0%} of the requests",
        f"{part:.1%} ({rest.requests:,} and {whole.requests:,})",
        part <= _WANTED_PART,
    )
