"""The rate at which files are counted when the service answers only so many requests in a second."""

from __future__ import annotations

from benchmarks.file_clients import IN_ORDER, OURS, Part, run
from benchmarks.file_service import FileService, set_up
from benchmarks.record import Chart, Claim, Record

__all__ = ["measure", "missing"]

_LIMIT = 50
_FIXED_RATE = 10
_LATENCY_MS = 5
_WANTED_RATE, _WANTED_REFUSED = 40, 0.02

_ADAPTING, _FIXED = "this package", f"fixed, {_FIXED_RATE} a second"

_METHOD = f"""\
The service answers at most {_LIMIT} requests within any second, after {_LATENCY_MS} ms, and status 429 to those beyond.
The files of an ended job are counted. The rate is that of the answered requests, from the first to the last; the first
part of it is the time in which the limit is found. The alternative reads one page after the other, at a fixed rate that
nobody has to find.
"""


def missing() -> None:
    """It needs nothing special."""


def measure(quick: bool) -> Record:
    """Count 300,000 files, which is a minute at the limit; the alternative a tenth of them."""
    files = 1_500 if quick else 300_000
    with FileService() as service:
        parts = {
            _ADAPTING: _count(service.url, OURS, files, 0),
            _FIXED: _count(service.url, IN_ORDER, files // 10, 1 / _FIXED_RATE),
        }
    return Record(
        name="files_rate",
        title="Counting at a service with a limit",
        method=_METHOD,
        columns=("way", "files", "requests", "answered a second", "refused, %", "counting, s"),
        rows=[_row(name, part) for name, part in parts.items()],
        claims=_claims(parts[_ADAPTING], parts[_FIXED]),
        chart=Chart(
            "bars", f"answered requests a second, of {_LIMIT}", {name: _rate(part) for name, part in parts.items()}
        ),
        quick=quick,
    )


def _count(url: str, way: str, files: int, interval_seconds: float) -> Part:
    set_up(url, latency_ms=_LATENCY_MS, limit=_LIMIT)
    return run(way, url, files, lists=False, interval_seconds=interval_seconds).counting


def _rate(part: Part) -> float:
    return (part.requests - part.refused) / part.seconds


def _refused(part: Part) -> float:
    return part.refused / part.requests


def _row(name: str, part: Part) -> tuple[str | float, ...]:
    shares = (round(_rate(part), 1), round(_refused(part) * 100, 2))
    return (name, part.found, part.requests, *shares, round(part.seconds, 1))


def _claims(ours: Part, fixed: Part) -> list[Claim]:
    return [
        Claim(
            f"at least {_WANTED_RATE} requests a second are answered ({_LIMIT} are allowed; fixed: {_rate(fixed):.0f})",
            f"{_rate(ours):.1f}",
            _rate(ours) >= _WANTED_RATE,
        ),
        Claim(
            f"under {_WANTED_REFUSED:.0%} of the requests are refused",
            f"{_refused(ours):.1%}",
            _refused(ours) < _WANTED_REFUSED,
        ),
    ]
