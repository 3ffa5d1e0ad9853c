"""The effect of a count in a triggerer: on its event loop, and on a wait beside it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import quantiles

from benchmarks.file_clients import connection
from benchmarks.file_service import FileService, job_record, read_counters, set_up
from benchmarks.record import Chart, Claim, Record
from benchmarks.running_triggerer import Lines, Triggerer, longest_blocks, missing_programs, read_lines, running

__all__ = ["measure", "missing"]

_LATENCY_MS = 20
_WANTED_BLOCK_SECONDS = 0.05
_WANTED_DELAY = 1.1

# A wait polls a job every quarter of a second, alone for this long.
_INTERVAL_SECONDS = 0.25
_ALONE_SECONDS = 30

# The two probes.
_ALONE_TASKS = 2

# A trigger counts for ten minutes at most, then it leaves the files to a worker.
_LONGEST_SECONDS = 620

_METHOD = f"""\
One triggerer process of a real Airflow on PostgreSQL, with three deferred tasks: a probe of its loop, as in
[Waits in one triggerer](#waits-in-one-triggerer), a probe that polls a job every quarter of a second, first alone, and
then the package's trigger for a job that has ended, which counts its files. The service answers after {_LATENCY_MS} ms.

The delay of a poll is the time from the wish to poll to the answer. The block is the most processor time that the
loop's thread used between two wake-ups of the probe, which sleeps for 5 ms.
"""


@dataclass(frozen=True, slots=True)
class _Period:
    """
    The findings of the probes.

    :param blocked_seconds: the longest block of the loop, and the most processor time in one.
    :param delay_seconds: 95 of 100 polls take at most this long.
    :param cpu_seconds: of the process.
    :param full_collections: how often the garbage collector looked at all objects of the process.
    """

    blocked_seconds: tuple[float, float]
    delay_seconds: float
    seconds: float
    cpu_seconds: float
    full_collections: int


def missing() -> str | None:
    """Return the missing requirement, if any."""
    return missing_programs()


def measure(quick: bool) -> Record:
    """Count a million files."""
    files, alone_seconds = (20_000, 3) if quick else (1_000_000, _ALONE_SECONDS)
    with FileService() as service:
        set_up(service.url, latency_ms=_LATENCY_MS)
        with (
            running({"AIRFLOW_CONN_TENCENT_CI_DEFAULT": connection(service.url)}) as airflow,
            airflow.triggerer() as triggerer,
        ):
            alone, beside = _periods(triggerer, service.url, files, alone_seconds)
    return Record(
        name="files_triggerer",
        title="Counting in a triggerer",
        method=_METHOD,
        columns=("measured", "without a count", "beside it"),
        rows=[
            ("longest block of the loop, ms", *(round(one.blocked_seconds[0] * 1e3, 1) for one in (alone, beside))),
            ("most processor time in one, ms", *(round(one.blocked_seconds[1] * 1e3, 1) for one in (alone, beside))),
            ("p95 of a poll's delay, ms", *(round(one.delay_seconds * 1e3, 1) for one in (alone, beside))),
            ("processor, % of one", *(round(one.cpu_seconds / one.seconds * 100, 1) for one in (alone, beside))),
            ("processor per file, µs", None, round(_microseconds(alone, beside, files), 1)),
            ("garbage collections of all objects", alone.full_collections, beside.full_collections),
            ("seconds", round(alone.seconds), round(beside.seconds)),
        ],
        claims=_claims(files, alone, beside),
        chart=Chart(
            "bars",
            "p95 of a poll's delay, ms",
            {"beside a count": beside.delay_seconds * 1e3, "alone": alone.delay_seconds * 1e3},
        ),
        quick=quick,
    )


def _periods(triggerer: Triggerer, url: str, files: int, alone_seconds: float) -> tuple[_Period, _Period]:
    from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
    from benchmarks.probe_triggers import PollProbe

    polls = triggerer.samples.with_name("polls.jsonl")
    # The first count imports the client, which is no part of a count.
    first = InventoryJobTrigger(job_record(1_000)["JobId"], count_files=True)
    triggerer.defer([first, PollProbe(str(polls), job_record(1)["JobId"], _INTERVAL_SECONDS)])
    triggerer.reach(lambda found: found[-1]["tasks"] == _ALONE_TASKS and len(read_lines(polls)) > 10)
    alone_from = time.time()
    time.sleep(alone_seconds)
    alone_until = time.time()
    triggerer.defer([InventoryJobTrigger(job_record(files)["JobId"], count_files=True)])
    triggerer.reach(lambda found: _has_counted(found, alone_until), _LONGEST_SECONDS)
    if (requests := read_counters(url)["requests"]) < files / 100:
        raise AssertionError(f"{requests} requests cannot have counted {files} files.")
    samples, delays = triggerer.read(), read_lines(polls)
    alone = [sample for sample in samples if alone_from <= sample["at"] < alone_until]
    beside = [sample for sample in samples if sample["at"] >= alone_until and sample["tasks"] > _ALONE_TASKS]
    return _period(alone, delays), _period(beside, delays)


def _has_counted(samples: Lines, since: float) -> bool:
    """Whether the trigger that was added after ``since`` has run and has ended."""
    tasks = [sample["tasks"] for sample in samples if sample["at"] >= since]
    return bool(tasks) and max(tasks) > _ALONE_TASKS == tasks[-1]


def _period(samples: Lines, polls: Lines) -> _Period:
    first, last = samples[0], samples[-1]
    delays = [poll["seconds"] for poll in polls if first["at"] <= poll["at"] <= last["at"]]
    return _Period(
        longest_blocks(samples[1:]),  # the trigger started in the first second
        quantiles(delays, n=20)[-1],
        last["at"] - first["at"],
        last["cpu_seconds"] - first["cpu_seconds"],
        last["full_collections"] - first["full_collections"],
    )


def _microseconds(alone: _Period, beside: _Period, files: int) -> float:
    """Return the processor time for each file, without that of the triggerer and its probes."""
    return (beside.cpu_seconds - alone.cpu_seconds / alone.seconds * beside.seconds) / files * 1e6


def _claims(files: int, alone: _Period, beside: _Period) -> list[Claim]:
    wall, cpu = beside.blocked_seconds
    ratio = beside.delay_seconds / alone.delay_seconds
    return [
        Claim(
            f"{files:,} files are counted, the loop blocked never over {_WANTED_BLOCK_SECONDS * 1e3:.0f} ms by its own "
            "processor time",
            f"{cpu * 1e3:.0f} ms ({wall * 1e3:.0f} ms on the clock)",
            cpu <= _WANTED_BLOCK_SECONDS,
        ),
        Claim(
            "a poll beside a count takes no longer than alone: p95 within 10 %",
            f"{ratio:.2f} ({beside.delay_seconds * 1e3:.1f} and {alone.delay_seconds * 1e3:.1f} ms)",
            ratio <= _WANTED_DELAY,
        ),
    ]
