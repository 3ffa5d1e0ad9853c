"""The effect of a count in a triggerer: on its event loop, and on a wait beside it."""

from __future__ import annotations

from benchmarks.file_clients import Beside, run_beside, run_block
from benchmarks.file_service import FileService, set_up
from benchmarks.record import Chart, Claim, Record

__all__ = ["measure", "missing"]

_LATENCY_MS = 20
_WANTED_BLOCK_SECONDS = 0.05
_WANTED_DELAY = 1.1

_METHOD = f"""\
The files of an ended job are counted in an event loop, as a triggerer does it; the service answers after
{_LATENCY_MS} ms. A task beside it sleeps for 5 ms again and again, and records the delay of its wake-up: the longest of
them is the longest block of the loop, with the processor time of the loop's thread in it.

For the delay of polls, a wait polls a job every quarter of a second, first alone, then while a million files are
counted, again and again, by another task of the same endpoint, with the package's own rate limit. The delay is the time
from the wish to poll to the answer.
"""


def missing() -> None:
    """It needs nothing special."""


def measure(quick: bool) -> Record:
    """Count 100,000 files for the blocks, and a million beside 120 polls."""
    files, polls = (2_000, 6) if quick else (100_000, 120)
    with FileService() as service:
        set_up(service.url, latency_ms=_LATENCY_MS)
        blocked = run_block(service.url, files)
        set_up(service.url, latency_ms=_LATENCY_MS)
        delays = run_beside(service.url, files * 10, polls, 0.05 if quick else 0.25)
    return Record(
        name="files_triggerer",
        title="Counting in a triggerer",
        method=_METHOD,
        columns=("measured", "ms"),
        rows=[
            (f"longest block of the loop, {files:,} files", round(blocked[0] * 1e3, 1)),
            ("of it processor time", round(blocked[1] * 1e3, 1)),
            ("p95 of a poll's delay, alone", round(delays.alone_seconds * 1e3, 1)),
            (f"p95 of a poll's delay, {files * 10:,} files beside it", round(delays.beside_seconds * 1e3, 1)),
        ],
        claims=_claims(files, blocked, delays),
        chart=Chart(
            "bars",
            "p95 of a poll's delay, ms",
            {"beside a count": delays.beside_seconds * 1e3, "alone": delays.alone_seconds * 1e3},
        ),
        quick=quick,
    )


def _claims(files: int, blocked: tuple[float, float], delays: Beside) -> list[Claim]:
    wall, cpu = blocked
    ratio = delays.beside_seconds / delays.alone_seconds
    return [
        Claim(
            f"{files:,} files are counted, the loop blocked never over {_WANTED_BLOCK_SECONDS * 1e3:.0f} ms",
            f"{wall * 1e3:.0f} ms, {cpu * 1e3:.0f} ms of it processor time",
            wall <= _WANTED_BLOCK_SECONDS,
        ),
        Claim(
            "a poll beside a count takes no longer than alone: p95 within 10 %",
            f"{ratio:.2f} ({delays.beside_seconds * 1e3:.1f} and {delays.alone_seconds * 1e3:.1f} ms)",
            ratio <= _WANTED_DELAY,
        ),
    ]
