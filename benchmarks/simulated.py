"""
Nights of a service in simulated time: the emulator without a network, and a clock that only a flow's pauses move.

So a night of six hours takes a second, and the waiting flow is the same as on a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.wire.flow_steps import run_in_turn
from airflow_provider_tencent_ci.core.wire.messages import (
    Flow,
    Now,
    Request,
    Response,
    RunConcurrently,
    ServiceTime,
    Sleep,
    Step,
)
from airflow_provider_tencent_ci.emulator.emulator import Emulator
from airflow_provider_tencent_ci.exceptions import TencentCIError
from benchmarks.service import fill, handed_in

__all__ = ["Night", "Silent", "WaitingFlow", "nights"]

_FIRST_NIGHT = datetime(2026, 1, 1, 2, tzinfo=UTC)
# The emulator reads all of its jobs for each answer; no client reads older ones than this.
_KEPT_JOBS = 40


@dataclass(frozen=True, slots=True)
class Night:
    """
    The result of one night's wait.

    :param requests: the number of all requests.
    :param delay_seconds: from the end of the job to the end of the wait.
    """

    requests: int
    delay_seconds: float


class WaitingFlow(Protocol):
    """Something that waits for a job."""

    def __call__(self, job_id: str) -> Flow[Any]: ...


def nights(wait: WaitingFlow, lengths_seconds: Sequence[float]) -> list[Night]:
    """Run one job after the other, a night each, and wait for it from the moment of its submission."""
    simulation = _Simulation()
    return [simulation.run(wait, number, length) for number, length in enumerate(lengths_seconds)]


class _Simulation:
    def __init__(self) -> None:
        self._now = _FIRST_NIGHT
        self._emulator = Emulator(objects=1, submitted_seconds=0, now=lambda: self._now)
        self._job_ids: list[str] = []

    def run(self, wait: WaitingFlow, number: int, length_seconds: float) -> Night:
        self._now = _FIRST_NIGHT + timedelta(days=number)
        self._emulator.configure(run_seconds=length_seconds)
        job_id = self._submit()
        ended_at = self._now + timedelta(seconds=length_seconds)
        before = self._emulator.count()
        self._drive(wait(job_id))
        return Night(self._emulator.count() - before, (self._now - ended_at).total_seconds())

    def _submit(self) -> str:
        job_id = fill(self._emulator, 1, self._now)[-1]
        self._job_ids.append(job_id)
        if len(self._job_ids) > _KEPT_JOBS:
            self._emulator.forget_job(self._job_ids.pop(0))
        return job_id

    def _drive(self, flow: Flow[Any]) -> Any:
        try:
            step = next(flow)
            while True:
                step = flow.send(self._answer(step))
        except StopIteration as stop:
            return stop.value

    def _answer(self, step: Step) -> Any:
        match step:
            case Sleep(seconds):
                self._now += timedelta(seconds=seconds)
                return None
            case Now() | ServiceTime():
                return self._now
            case RunConcurrently():
                return self._drive(run_in_turn(step))
            case Request():
                return self._respond(step)

    def _respond(self, step: Request) -> Response:
        reply = handed_in(self._emulator, step, self._now)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return Response(reply.status, headers, reply.body, self._now)


class Silent:
    """A log that drops the lines of a wait."""

    def job_polled(self, job: InventoryJob) -> None:
        """Ignore it."""

    def poll_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        """Raise: in a simulation nothing fails."""
        raise error
