"""
The service in a process of its own: the package's emulator, with jobs that have been running for an hour.

Run as a program it is the server: ``python -m benchmarks.service 1000`` prints one line of JSON and serves until its
input ends. Its time is not measured, but it must not be the bottleneck either: with ten thousand jobs the emulator
needs some 100 ms to find a page of them. So it answers a repeated request with the same bytes; the jobs do not change
meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from airflow_provider_tencent_ci.core.api.job_requests import build_create
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig
from airflow_provider_tencent_ci.core.wire.signing import sign
from airflow_provider_tencent_ci.emulator.emulator import Emulator
from airflow_provider_tencent_ci.emulator.http.gateway import Exchange
from airflow_provider_tencent_ci.emulator.model.defaults import (
    BUCKET,
    REGION,
    SECRET_ID,
    SECRET_KEY,
    WORKFLOW_ID,
)
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Reply, WireRequest

__all__ = ["CREDENTIALS", "HOST", "RunningService", "fill", "handed_in", "new_config"]

CREDENTIALS = Credentials(SECRET_ID, SECRET_KEY)
HOST = Endpoint.of_bucket(BUCKET, REGION).host

_DAY_SECONDS = 24 * 3600
_AGE = timedelta(hours=1)
_START_SECONDS = 300
_ROOT = Path(__file__).parents[1]


class RunningService:
    """
    The service while it runs, for the process that measures.

    :param jobs: how many jobs it has; they run for a day.
    """

    def __init__(self, jobs: int) -> None:
        self._number = jobs
        self._process: subprocess.Popen[str]
        #: Its address.
        self.url: str
        #: The ids of its jobs.
        self.job_ids: list[str]
        #: The value of ``AIRFLOW_CONN_TENCENT_CI_DEFAULT``.
        self.connection: str

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.service", str(self._number)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT, start_new_session=True
        )
        try:
            self._read_announcement()
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=30)

    def count(self) -> int:
        """Return the number of list requests so far."""
        with requests.Session() as session:
            session.trust_env = False
            counts = session.get(f"{self.url}/_emulator/counts", timeout=30).json()
        return int(counts.get("list", 0))

    def _read_announcement(self) -> None:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], _START_SECONDS)[0]:
            raise RuntimeError(f"The service did not start within {_START_SECONDS} seconds.")
        announcement = json.loads(self._process.stdout.readline())
        self.url = announcement["url"]
        self.job_ids = announcement["job_ids"]
        self.connection = announcement["connection"]


def new_config(url: str) -> ServiceConfig:
    """Return the configuration for the service at ``url``, without a rate limit."""
    config = ServiceConfig(BUCKET, REGION, Endpoint.of_bucket(BUCKET, REGION, url), CREDENTIALS)
    unlimited = {field.name: 1e6 for field in fields(config) if field.name == "requests_per_second"}
    return replace(config, **unlimited)


def handed_in(emulator: Emulator, request: Request, now: datetime) -> Reply:
    """Sign a request and let the emulator answer it, without a network."""
    headers = {**sign(request, HOST, CREDENTIALS, now), "content-length": str(len(request.body))}
    target = Endpoint("", HOST).url_of(request)
    return emulator.answer(emulator.receive(WireRequest(request.method, target, headers, request.body)))


def fill(emulator: Emulator, jobs: int, now: datetime) -> list[str]:
    """Submit jobs; return their ids."""
    specification = InventoryJobSpecification.from_arguments(workflow_ids=WORKFLOW_ID, prefix="media/")
    for number in range(jobs):
        reply = handed_in(emulator, build_create(f"nightly-{number:016x}", specification), now)
        assert reply.status == 200, reply.body
    return [job.job_id for job in emulator.jobs]


class _RememberingEmulator(Emulator):
    """An emulator that computes each answer once."""

    def __init__(self, **options: Any) -> None:
        self._answers: dict[str, Reply] = {}
        super().__init__(**options)

    def answer(self, exchange: Exchange) -> Reply:
        """Answer a request, with the same bytes as before if it is the same."""
        if exchange.request.method != "GET":
            return super().answer(exchange)
        target = exchange.request.target
        if target not in self._answers:
            self._answers[target] = super().answer(exchange)
        return self._answers[target]


def main(arguments: Sequence[str]) -> None:
    """Serve until the standard input ends."""
    offset = -_AGE
    emulator = _RememberingEmulator(
        objects=1, submitted_seconds=0, run_seconds=_DAY_SECONDS, now=lambda: datetime.now(UTC) + offset
    )
    job_ids = fill(emulator, int(arguments[0]), emulator.now())
    offset = timedelta()
    with emulator:
        announcement = {"url": emulator.url, "job_ids": job_ids, "connection": emulator.connection_json()}
        print(json.dumps(announcement), flush=True)
        ended = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        ended.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
