"""The cost of signing a request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list
from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.signing import sign
from airflow_provider_tencent_ci.emulator.model.defaults import REGION, SECRET_ID, SECRET_KEY
from benchmarks.record import Chart, Claim, Record
from benchmarks.service import CREDENTIALS, HOST
from benchmarks.timing import cpu_seconds_each, medians_of_turns

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("cos-python-sdk-v5",)

OURS, SDK = "this package", "official SDK"

_WANTED_MICROSECONDS = 10

_METHOD = """\
The processor time of signing one request, two thousand times in a row, each time the next of a hundred different
ones; the median of fifteen runs of each, in turn. Both start with a request that is complete except for its signature,
and end with its headers. The SDK's logger is switched off, which makes the SDK faster.
"""


def missing() -> None:
    """It needs nothing special; the SDK comes with the extra ``test``."""


def measure(quick: bool) -> Record:
    """Sign the requests that a wait sends."""
    times, turns = (20, 1) if quick else (2_000, 15)
    found = {what: _microseconds(requests, times, turns) for what, requests in _requests().items()}
    page = found["a page of live jobs"]
    return Record(
        name="signing",
        title="Signing a list request",
        method=_METHOD,
        columns=("request", f"{OURS}, µs", f"{SDK}, µs", "ratio"),
        rows=[
            (what, round(figures[OURS], 1), round(figures[SDK], 1), f"1 : {figures[SDK] / figures[OURS]:.1f}")
            for what, figures in found.items()
        ],
        claims=[
            Claim(
                f"at most {_WANTED_MICROSECONDS} µs (SDK: {page[SDK]:.0f} µs)",
                f"{page[OURS]:.1f} µs",
                page[OURS] <= _WANTED_MICROSECONDS,
            )
        ],
        chart=Chart("bars", "processor time to sign a page request, µs", page),
        quick=quick,
    )


def _requests() -> dict[str, list[Request]]:
    live = JobFilter(states=("Submitted", "Running", "Pause"), start_creation_time=datetime(2026, 1, 2, tzinfo=UTC))
    return {
        "a page of live jobs": [build_list(live, f"{number:032x}") for number in range(100)],
        "one job": [build_list(JobFilter(job_id=f"b{number:032x}")) for number in range(100)],
    }


def _microseconds(requests: Sequence[Request], times: int, turns: int) -> dict[str, float]:
    ways = {OURS: _ours(requests), SDK: _sdk(requests)}
    timed = {name: lambda way=way: cpu_seconds_each(way, times) * 1e6 for name, way in ways.items()}
    return medians_of_turns(timed, turns)


def _ours(requests: Sequence[Request]) -> Callable[[int], object]:
    now = datetime.now(UTC)
    return lambda number: sign(requests[number % len(requests)], HOST, CREDENTIALS, now)


def _sdk(requests: Sequence[Request]) -> Callable[[int], object]:
    import requests as http
    from qcloud_cos import CosConfig
    from qcloud_cos.cos_auth import CosS3Auth

    logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL)
    config = CosConfig(Region=REGION, SecretId=SECRET_ID, SecretKey=SECRET_KEY)
    ready = []
    for request in requests:
        query = {key: value or "" for key, value in request.query}
        prepared = http.Request("GET", f"https://{HOST}{request.path}", params=query, headers={"host": HOST}).prepare()
        ready.append((prepared, request.path, query))

    def sign_one(number: int) -> object:
        prepared, path, query = ready[number % len(ready)]
        return CosS3Auth(config, path, params=query)(prepared).headers

    return sign_one
