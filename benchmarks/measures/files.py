"""The cost of a job's end: its files counted, and those that failed listed with the reasons."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from benchmarks.file_clients import IN_ORDER, OURS, SDK, Result, run
from benchmarks.file_service import FileService, set_up
from benchmarks.record import Chart, Claim, Record

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("cos-python-sdk-v5",)

NAMES = {OURS: "this package", IN_ORDER: "in order", SDK: "official SDK"}

# Other numbers of files than those of the page, by commas: TENCENT_CI_BENCH_FILES=1000,10000.
SIZES_VARIABLE = "TENCENT_CI_BENCH_FILES"

_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_LATENCIES_MS = (5, 20, 80)
_TYPICAL_MS = 20

# The alternatives cost as much more as there are more files: they would take hours.
_MOST_IN_ORDER = {5: 10_000, 20: 100_000, 80: 10_000}

# The targets: for 100,000 files at 20 ms, and for a million.
_WANTED_SECONDS, _WANTED_SECONDS_OF_MOST = 10, 90
_WANTED_PART = 1 / 10
_WANTED_IN_FLIGHT = 16
_WANTED_CPU_MICROSECONDS = 15
_WANTED_GROWTH_BYTES = 30_000_000

_METHOD = """\
The job has ended; every 33rd of its files failed. Each way reads the list of executions to count the files by their
states, then the list of those that failed, and requests each one's reason. It runs in a process of its own, which has
counted a job of 1,000 files before; the memory is the peak during both, minus the memory before. The processor time
is that of counting alone, divided by the number of files.

*In order* is this package's way before it sent requests side by side: one page after the other, then one reason after
the other. The SDK runs in a loop with one client. With more files both take longer in proportion, so they are run with
fewer.

The service is not the emulator but a small server that fills a template, checks no signature, and answers after the
latency. It is a process of its own that uses about a twentieth of the clients' processor time. Its files were created
250 in each second.
"""


class Case(NamedTuple):
    """The work of one run."""

    latency_ms: int
    files: int
    way: str


def missing() -> None:
    """It needs nothing special; the SDK comes with the extra ``test``."""


def measure(quick: bool) -> Record:
    """Measure 1,000 to 1,000,000 files at 5, 20 and 80 ms; the alternatives with fewer."""
    with FileService() as service:
        found = {case: _run(service.url, case) for case in _cases(quick)}
    return Record(
        name="files",
        title="Files of an ended job",
        method=_METHOD,
        columns=(
            "files",
            "requests",
            "in flight",
            "counting, s",
            "listing, s",
            "both, s",
            "processor per file, µs",
            "memory, MB",
        ),
        rows=[_row(case, result) for case, result in found.items()],
        claims=_claims(found),
        chart=_chart(found),
        quick=quick,
    )


def _cases(quick: bool) -> list[Case]:
    """Return all cases; the ways take turns, so that other load of the machine affects all of them."""
    sizes, latencies = ((330,), (5,)) if quick else (_SIZES, _LATENCIES_MS)
    if chosen := os.environ.get(SIZES_VARIABLE):
        sizes = tuple(map(int, chosen.split(",")))
    return [
        Case(latency_ms, files, way)
        for latency_ms in latencies
        for files in sizes
        for way in NAMES
        if way == OURS or files <= _MOST_IN_ORDER[latency_ms]
    ]


def _run(url: str, case: Case) -> Result:
    set_up(url, latency_ms=case.latency_ms)
    result = run(case.way, url, case.files)
    expected = (case.files, case.files // 33)
    if (found := (result.counting.found, _listed(result))) != expected:
        raise AssertionError(f"{case}: {found} files instead of {expected}")
    print(f"{case.files:,} files at {case.latency_ms} ms, {NAMES[case.way]}: {_seconds(result):.1f} s", flush=True)
    return result


def _listed(result: Result) -> int:
    return result.listing.found if result.listing else 0


def _seconds(result: Result) -> float:
    return result.counting.seconds + (result.listing.seconds if result.listing else 0)


def _requests(result: Result) -> int:
    return result.counting.requests + (result.listing.requests if result.listing else 0)


def _in_flight(result: Result) -> int:
    return max(result.counting.most_in_flight, result.listing.most_in_flight if result.listing else 0)


def _microseconds(result: Result) -> float:
    return result.counting.cpu_seconds / result.counting.found * 1e6


def _row(case: Case, result: Result) -> tuple[str | float | None, ...]:
    listing = result.listing
    return (
        f"{case.files:,} at {case.latency_ms} ms, {NAMES[case.way]}",
        _requests(result),
        _in_flight(result),
        round(result.counting.seconds, 2),
        round(listing.seconds, 2) if listing else None,
        round(_seconds(result), 2),
        round(_microseconds(result), 1),
        round(result.grown_bytes / 1e6, 1),
    )


def _claims(found: Mapping[Case, Result]) -> list[Claim]:
    """Judge the largest job that all ways were run with, and the largest of all, at the typical latency."""
    latencies = {case.latency_ms for case in found}
    latency_ms = _TYPICAL_MS if _TYPICAL_MS in latencies else min(latencies)
    files = max(case.files for case in found if case.latency_ms == latency_ms and case.way == SDK)
    ours, in_order, sdk = (found[Case(latency_ms, files, way)] for way in (OURS, IN_ORDER, SDK))
    what = f"{files:,} files at {latency_ms} ms"
    claims = [_at_most_seconds(what, ours, _WANTED_SECONDS)]
    claims += [_at_most_part(what, name, ours, other) for name, other in (("in order", in_order), ("SDK", sdk))]
    claims += [_in_flight_claim(found), *_cpu_claims(what, ours, sdk)]
    return [*claims, *_claims_of_most(found, latency_ms)]


def _claims_of_most(found: Mapping[Case, Result], latency_ms: int) -> list[Claim]:
    ours = {case.files: result for case, result in found.items() if (case.latency_ms, case.way) == (latency_ms, OURS)}
    fewest, most = min(ours), max(ours)
    more = ours[most].grown_bytes - ours[fewest].grown_bytes
    return [
        _at_most_seconds(f"{most:,} files at {latency_ms} ms", ours[most], _WANTED_SECONDS_OF_MOST),
        Claim(
            f"peak memory with {most:,} files at most {_WANTED_GROWTH_BYTES / 1e6:.0f} MB above that with {fewest:,}",
            f"{more / 1e6:.1f} MB",
            more <= _WANTED_GROWTH_BYTES,
        ),
    ]


def _at_most_seconds(what: str, result: Result, wanted: float) -> Claim:
    return Claim(f"{what}: at most {wanted} s", f"{_seconds(result):.1f} s", _seconds(result) <= wanted)


def _at_most_part(what: str, name: str, ours: Result, other: Result) -> Claim:
    part = _seconds(ours) / _seconds(other)
    return Claim(
        f"{what}: at most 1/10 of: {name}",
        f"1/{1 / part:.1f} ({_seconds(ours):.1f} and {_seconds(other):.1f} s)",
        part <= _WANTED_PART,
    )


def _in_flight_claim(found: Mapping[Case, Result]) -> Claim:
    most = max(_in_flight(result) for case, result in found.items() if case.way == OURS)
    return Claim(f"at most {_WANTED_IN_FLIGHT} requests in flight", str(most), most <= _WANTED_IN_FLIGHT)


def _cpu_claims(what: str, ours: Result, sdk: Result) -> list[Claim]:
    figure, other = _microseconds(ours), _microseconds(sdk)
    return [
        Claim(
            f"{what}: at most {_WANTED_CPU_MICROSECONDS} µs of processor time for each file counted",
            f"{figure:.1f} µs",
            figure <= _WANTED_CPU_MICROSECONDS,
        ),
        Claim(
            f"{what}: at most 1/10 of the SDK's processor time",
            f"1/{other / figure:.1f} ({figure:.1f} and {other:.1f} µs)",
            figure <= other * _WANTED_PART,
        ),
    ]


def _chart(found: Mapping[Case, Result]) -> Chart:
    latencies = {case.latency_ms for case in found}
    latency_ms = _TYPICAL_MS if _TYPICAL_MS in latencies else min(latencies)
    series = {
        f"{name}, {latency_ms} ms": [
            (float(case.files), _seconds(result))
            for case, result in found.items()
            if (case.latency_ms, case.way) == (latency_ms, way)
        ]
        for way, name in NAMES.items()
    }
    return Chart("curves", "seconds to count the files and to list the failed ones", series, "files")
