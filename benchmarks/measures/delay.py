"""The delay between a job's end and its detection, and the number of requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles

from airflow_provider_tencent_ci.core.api.job_calls import get_job
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.polling.wait import Wait, wait_for_job
from airflow_provider_tencent_ci.core.wire.flow_steps import pause
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY
from benchmarks.record import Chart, Claim, Record
from benchmarks.simulated import Night, Silent, nights

__all__ = ["measure", "missing"]

_POLL_INTERVAL = 30.0
_WANTED = 0.5

# The first nights of a workflow have no earlier durations, and are left out on both sides.
_LEARNING_NIGHTS = 10

_SPREADS: dict[str, Callable[[random.Random], float]] = {
    "normal, standard deviation 20 %": lambda chance: max(0.2, chance.gauss(1, 0.2)),
    "uniform, ±20 %": lambda chance: chance.uniform(0.8, 1.2),
}

_METHOD = """\
Simulated time: the flow with which a task waits on a worker (`core/polling/wait.py`; the shared poller of a triggerer
uses the same intervals) runs against the emulator, and only its pauses move the clock. The network takes no time.
`poll_interval` is 30 s, the default. There is one job each night, of one workflow, and its length varies by 20 % around
the mean; the first ten nights are left out.

The alternative polls at a fixed interval, which is chosen so that over the same nights it sends the same number of
requests. All requests count, also those that read earlier jobs.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The result of some hundred nights.

    :param requests: per night, on average.
    :param p95_seconds: 95 of 100 ends are detected within this time.
    """

    requests: float
    mean_seconds: float
    p95_seconds: float

    @classmethod
    def of(cls, found: Sequence[Night]) -> Outcome:
        """Summarise nights, without the first ones."""
        counted = found[_LEARNING_NIGHTS:]
        delays = [night.delay_seconds for night in counted]
        return cls(fmean(night.requests for night in counted), fmean(delays), quantiles(delays, n=20)[-1])


def missing() -> None:
    """It needs nothing special."""


def measure(quick: bool) -> Record:
    """Simulate jobs of ten minutes, an hour and six hours."""
    plan = {600: 20} if quick else {600: 500, 3_600: 300, 21_600: 80}
    found = {
        (spread, mean): _both(_lengths(mean, number, spread)) for spread in _SPREADS for mean, number in plan.items()
    }
    return Record(
        name="delay",
        title="Delay from the end of a job to its event",
        method=_METHOD,
        columns=(
            "length of the job",
            *(f"{what}, {which}" for what in ("requests a night", "mean delay", "p95") for which in ("ours", "fixed")),
            "ratio of p95",
        ),
        rows=[_row(*case, ours, fixed) for case, (ours, fixed) in found.items()],
        claims=[_claim(*case, ours, fixed) for case, (ours, fixed) in found.items()],
        chart=_chart(found),
        quick=quick,
    )


def _row(spread: str, mean: int, ours: Outcome, fixed: Outcome) -> tuple[str | float, ...]:
    return (
        f"{_named(mean)}, {spread}",
        *(round(outcome.requests, 1) for outcome in (ours, fixed)),
        *(f"{outcome.mean_seconds:.1f} s" for outcome in (ours, fixed)),
        *(f"{outcome.p95_seconds:.1f} s" for outcome in (ours, fixed)),
        f"{ours.p95_seconds / fixed.p95_seconds:.2f}",
    )


def _claim(spread: str, mean: int, ours: Outcome, fixed: Outcome) -> Claim:
    ratio = ours.p95_seconds / fixed.p95_seconds
    found = f"{ratio:.2f} ({ours.p95_seconds:.1f} and {fixed.p95_seconds:.1f} s)"
    return Claim(f"p95 at most half of a fixed interval's: {_named(mean)}, {spread}", found, ratio <= _WANTED)


def _chart(found: dict[tuple[str, int], tuple[Outcome, Outcome]]) -> Chart:
    series = {}
    for (spread, mean), (ours, fixed) in found.items():
        kind = spread.partition(",")[0]
        series[f"{_named(mean)}, {kind}: adaptive"] = ours.p95_seconds
        series[f"{_named(mean)}, {kind}: fixed"] = fixed.p95_seconds
    return Chart("bars", "p95 of the delay, s, for equally many requests", series)


def _named(seconds: int) -> str:
    return f"{seconds // 3600} h" if seconds >= 3600 else f"{seconds // 60} min"


def _lengths(mean: int, number: int, spread: str) -> list[float]:
    chance = random.Random(f"{mean} {spread}")  # the same nights in every run
    return [mean * _SPREADS[spread](chance) for _ in range(number + _LEARNING_NIGHTS)]


def _both(lengths: Sequence[float]) -> tuple[Outcome, Outcome]:
    ours = Outcome.of(nights(_wait_as_this_package_does, lengths))
    interval = _fixed_interval(lengths, ours.requests)
    return ours, Outcome.of(nights(lambda job_id: _wait_at_intervals(job_id, interval), lengths))


def _wait_as_this_package_does(job_id: str) -> Flow[object]:
    return wait_for_job(Wait(job_id, deadline_at=None, contact_timeout=600, observer=Silent()), _POLL_INTERVAL)


def _wait_at_intervals(job_id: str, interval: float) -> Flow[InventoryJob]:
    while True:
        job = yield from get_job(job_id, NO_RETRY)
        if job.state.is_terminal:
            return job
        yield from pause(interval)


def _fixed_interval(lengths: Sequence[float], requests: float) -> float:
    """Return the interval that sends this number of requests per night on average.

    The first request is sent at once, the last one after the end.
    """
    shortest, longest = 0.1, max(lengths)
    for _ in range(60):
        interval = (shortest + longest) / 2
        sent = fmean(2 + length // interval for length in lengths[_LEARNING_NIGHTS:])
        shortest, longest = (interval, longest) if sent > requests else (shortest, interval)
    return longest
