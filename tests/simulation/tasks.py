"""
The product's part of a history: what a task and its trigger do, step by step.

The one module that knows how the product is called. What is product is called as it is; what is here is only what
Airflow's side does between two of those calls, and what a driver does with the steps of a flow.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci import stopping
from airflow_provider_tencent_ci.core.cancelling import stop_job
from airflow_provider_tencent_ci.core.config import REQUESTS_PER_SECOND, Endpoint, ServiceConfig
from airflow_provider_tencent_ci.core.credentials import Credentials
from airflow_provider_tencent_ci.core.exchange import Answer, GetKeys, Send, exchange
from airflow_provider_tencent_ci.core.identity import TaskIdentity, submission_token
from airflow_provider_tencent_ci.core.jobs import InventoryJob
from airflow_provider_tencent_ci.core.messages import Flow, Now, Response
from airflow_provider_tencent_ci.core.origins import MachineRole
from airflow_provider_tencent_ci.core.rate import TokenBucket
from airflow_provider_tencent_ci.core.renewal import Renewal
from airflow_provider_tencent_ci.core.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.submission import Attempt, Duplicate, cancel_duplicates, submit_once
from airflow_provider_tencent_ci.core.temporary_keys import by_this_machine_s_clock
from airflow_provider_tencent_ci.core.waiting import Wait, check_outcome, wait_for_job
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    CredentialsError,
    LostContactError,
    TencentCIError,
    TransportError,
    WaitTimeoutError,
)
from airflow_provider_tencent_ci.memory import SubmissionMemory
from airflow_provider_tencent_ci.polling import Poller
from airflow_provider_tencent_ci.transport import aio
from tests.simulation import steps
from tests.simulation.service import EPOCH
from tests.simulation.steps import Program
from tests.simulation.world import LoopRequest, Process

if TYPE_CHECKING:
    from tests.simulation.airflow_model import Place

__all__ = ["Deferral", "TaskProgram", "TriggerProgram"]

_ENDPOINT = Endpoint.of_bucket("examplebucket-1250000000", "ap-beijing")
_REQUEST_SECONDS = 30.0
_WORKER_STOP_SECONDS, _TRIGGER_STOP_SECONDS = 3.0, 20.0

_FIRST = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="media/")
_ROUNDS = [
    _FIRST,
    *(replace(_FIRST, round=number, input={"UrlFile": f"round-{number}.txt"}) for number in range(1, 4)),
]
_BODIES = [specification.body(None) for specification in _ROUNDS]
_DIGESTS = [hashlib.sha256(body).hexdigest() for body in _BODIES]


@dataclass(eq=False)
class Deferral:
    """What a deferred task leaves in Airflow's database."""

    job_id: str
    deadline_at: datetime | None
    round: int

    def __repr__(self) -> str:
        return f"deferred until {self.job_id} has ended"


class _Silent:
    def job_read(self, job: InventoryJob) -> None:
        pass

    def asking_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        pass


_SILENT = _Silent()


class _Keys:
    """A machine's temporary keys, handed out by the service's clock and renewed as the product says."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._renewal = Renewal()

    def current(self, now: datetime) -> Credentials:
        if self._renewal.is_due(now):
            try:
                self._renewal.renewed(self._handed_out(now), now)
            except CredentialsError as error:
                self._renewal.failed(error, now)
        if found := self._renewal.usable(now):
            return found
        raise self._renewal.error()

    def discard(self, used: Credentials, now: datetime) -> bool:
        return self._renewal.discard(used, now)

    def _handed_out(self, now: datetime) -> Credentials:
        service = self._place.world.service
        key, expires = service.keys.issue(service.time)
        if expires is None:
            return Credentials(key, "secret")
        keys = Credentials(key, "secret", "token", EPOCH + timedelta(seconds=expires))
        return by_this_machine_s_clock(MachineRole(), keys, Response(200, service.date(), b"", now))


class _Driver:
    """
    A transport: gets keys, sends, sleeps and tells the time, as the product's two do.

    :param clock: the service's time, as one process knows it.
    """

    def __init__(
        self,
        place: Place,
        clock: ServiceClock,
        *,
        request_seconds: float = _REQUEST_SECONDS,
        turns: TokenBucket | None = None,
    ) -> None:
        shared = place.machine.shared
        self.now = place.machine.now
        self._clock = clock
        self._seconds = request_seconds
        self._turns = turns
        self._keys = shared.get("keys") or shared.setdefault("keys", _Keys(place))
        self._config = ServiceConfig("examplebucket-1250000000", "ap-beijing", _ENDPOINT, self._keys)

    def service_time(self) -> datetime | None:
        return self._clock.known_at(self.now())

    def run(self, flow: Flow[Any]) -> Program:
        actions = exchange(flow, self._config, self._clock, self._turns)
        try:
            action = next(actions)
            while True:
                try:
                    kind = type(action)
                    if kind is Now:
                        answer = self.now()
                    elif kind is GetKeys:
                        answer = self._keys.current(self.now())
                    elif kind is Send:
                        answer = Answer(*(yield steps.Send(action.request, action.headers, self._seconds)))
                    else:
                        answer = yield steps.Sleep(action.seconds)
                except TencentCIError as error:
                    action = actions.throw(error)
                else:
                    action = actions.send(answer)
        except StopIteration as stop:
            return stop.value
        finally:
            actions.close()


class _LoopDriver:
    """The same for coroutines: what a triggerer's poller has for a transport."""

    def __init__(self, place: Place) -> None:
        self._driver = _Driver(place, _clock_of(place), turns=TokenBucket(REQUESTS_PER_SECOND))
        self._process = Process(place.world, f"poller of {place.machine.name}", place.machine, None, None)
        self.now = self._driver.now
        self.service_time = self._driver.service_time
        self.sleep = asyncio.sleep

    async def __aenter__(self) -> _LoopDriver:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def run(self, flow: Flow[Any]) -> Any:
        program = self._driver.run(flow)
        try:
            step = next(program)
            while True:
                try:
                    answer = await self._do(step)
                except TencentCIError as error:
                    step = program.throw(error)
                else:
                    step = program.send(answer)
        except StopIteration as stop:
            return stop.value
        finally:
            program.close()

    async def _do(self, step: steps.Step) -> Any:
        if isinstance(step, steps.Send):
            return await LoopRequest(self._process, step).answered()
        return await asyncio.sleep(step.seconds)


def _clock_of(place: Place) -> ServiceClock:
    """Return what a triggerer knows of the service's time: its triggers are of one process."""
    shared = place.machine.shared
    return shared.get("clock") or shared.setdefault("clock", ServiceClock())


class TaskProgram:
    """A try of a task, in its first process or resumed."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._clock = ServiceClock()
        self._job_id: str | None = None

    def main(self) -> Program:
        return (yield from self._submit_and_wait(0))

    def resume(self, event: dict[str, Any]) -> Program:
        """Go on with what the trigger found."""
        place = self._place
        self._job_id = event.get("job_id")
        if self._job_id:
            place.learned(self._job_id)
        place.works_on(event["round"])
        if event["status"] == "lost_contact":
            raise LostContactError(event["status"])
        if event["status"] not in ("deadline", "terminal"):
            raise LostContactError(f"broken off: {event['status']}")
        job = InventoryJob.from_dict(event["job"] or {})
        if event["status"] == "deadline":
            if job.job_id:
                yield from self._kept_job(job)
            raise WaitTimeoutError(event["status"])
        return (yield from self._finish(job, event["round"]))

    def on_kill(self) -> Program:
        place, job_id = self._place, self._job_id
        if not job_id:
            return
        state = yield steps.Call("ask for the state", lambda: _state(place), 1.5, stopping._UNKNOWN)
        hook = _Hook()
        asked, stopping._state_of = stopping._state_of, lambda _ti: state
        try:
            stopping.cancel_of_killed_task(hook, None, job_id)
        finally:
            stopping._state_of = asked
        place.says("cancels it" if hook.cancelled else "leaves the job")
        if hook.cancelled:
            driver = _Driver(place, self._clock, request_seconds=_WORKER_STOP_SECONDS / 2)
            yield from _quietly(driver.run(stop_job(job_id, within_seconds=_WORKER_STOP_SECONDS)))

    def _submit_and_wait(self, number: int) -> Program:
        place = self._place
        self._job_id = None
        place.works_on(number)
        submitted = yield from self.submit(number)
        job, series = submitted.job, submitted.series
        self._job_id = job.job_id
        place.learned(job.job_id, "finds" if submitted.adopted else "submitted")
        yield steps.Call("push job_id", lambda: place.push("job_id", job.job_id))
        yield steps.Call("push submission", lambda: place.push("series", series))
        self._name_duplicates(submitted.duplicates)
        if place.history.mode == "submit":
            return job.job_id
        return (yield from self._wait_for(job, number))

    def submit(self, number: int) -> Program:
        """Submit as ``submitting.submit_for_task`` does."""
        place = self._place
        generation = place.max_tries - place.history.retries
        identity = TaskIdentity("nightly", "r1", "submit", place.map_index, generation)
        attempt = Attempt(
            readable=f"nightly-submit-again-{number}" if number else "nightly-submit",
            token=submission_token(identity, _BODIES[number]),
            specification=_ROUNDS[number],
            is_first=place.try_number - generation <= 1,
            tell=place.says,
        )
        memory = SubmissionMemory(place.store, place.max_tries, _DIGESTS[number], number)
        return (yield from _Driver(place, self._clock).run(submit_once(attempt, memory)))

    def _wait_for(self, job: InventoryJob, number: int) -> Program:
        place = self._place
        if job.state.is_terminal:
            return (yield from self._finish(job, number))
        timeout = place.history.wait_timeout
        deadline_at = place.machine.now() + timedelta(seconds=timeout) if timeout else None
        if place.history.mode == "deferred":
            return Deferral(job.job_id, deadline_at, number)
        event = yield from _wait(place, self._clock, job.job_id, deadline_at, number)
        return (yield from self.resume(event))

    def _finish(self, job: InventoryJob, number: int) -> Program:
        place = self._place
        kept = yield from self._kept_job(job)
        if kept.job_id != job.job_id:
            place.says(f"waits for {kept.job_id} in the place of {job.job_id}")
            self._job_id = kept.job_id
            place.learned(kept.job_id)
            return (yield from self._wait_for(kept, number))
        check_outcome(job)
        if number < min(place.history.rounds, place.history.bad_rounds):
            return (yield from self._submit_and_wait(number + 1))
        return job.job_id

    def _kept_job(self, job: InventoryJob) -> Program:
        """As ``duplicates.kept_job``, which blocks."""
        place = self._place
        series = yield steps.Call("read submission", lambda: place.pull("series"))
        if series is None or not series.may_have_duplicates:
            return job
        try:
            kept, duplicates = yield from _Driver(place, self._clock).run(cancel_duplicates(series, job))
        except (ApiError, TransportError):
            return job
        self._name_duplicates(duplicates)
        if kept.job_id != job.job_id:
            yield steps.Call("push job_id", lambda: place.push("job_id", kept.job_id))
        return kept

    def _name_duplicates(self, duplicates: tuple[Duplicate, ...]) -> None:
        for duplicate in duplicates:
            self._place.named(duplicate.job.job_id)


class TriggerProgram:
    """A trigger that waits."""

    def __init__(self, place: Place, deferral: Deferral) -> None:
        self._place = place
        self.deferral = deferral
        place.learned(deferral.job_id)

    def main(self) -> Program:
        place, waiting = self._place, self.deferral
        together = place.history.poller
        clock = _clock_of(place)
        return (yield from _wait(place, clock, waiting.job_id, waiting.deadline_at, waiting.round, together=together))

    def on_kill(self) -> Program:
        place, waiting = self._place, self.deferral
        state = yield steps.Call("ask for the state", lambda: _state(place), 60.0, "unknown")
        if state == "unknown":
            return
        recorded = yield steps.Call("read job_id", lambda: row.xcoms.get("job_id") if (row := place.row()) else None)
        passed = waiting.deadline_at is not None and waiting.deadline_at <= place.machine.now()
        unwanted = stopping.is_unwanted(state, recorded, waiting.job_id, deadline_passed=passed)
        place.says("cancels it" if unwanted else "leaves the job")
        if unwanted:
            yield from _quietly(_Driver(place, _clock_of(place)).run(stop_job(waiting.job_id, within_seconds=_TRIGGER_STOP_SECONDS)))


class _Hook:
    """Takes down what the predicate has done."""

    def __init__(self) -> None:
        self.cancelled = False
        self.log = SimpleNamespace(info=lambda *_: None, warning=lambda *_: None)

    def cancel_quietly(self, _job_id: str) -> None:
        self.cancelled = True


def _wait(
    place: Place,
    clock: ServiceClock,
    job_id: str,
    deadline_at: datetime | None,
    number: int,
    *,
    together: bool = False,
) -> Program:
    """
    Wait until the job has ended.

    :param together: with all others who wait on this machine.
    """
    history = place.history
    wait = Wait(job_id, deadline_at=deadline_at, contact_timeout=history.contact_timeout, observer=_SILENT)
    place.waits_until(deadline_at)
    if together:
        poller = place.machine.shared.get("poller") or place.machine.shared.setdefault("poller", _new_poller(place))
        result = yield steps.Await(lambda: poller.wait(wait, history.poll_interval))
    else:
        result = yield from _Driver(place, clock).run(wait_for_job(wait, history.poll_interval))
    job = result.job.to_dict() if result.job else None
    return {"status": result.status.value, "job_id": job_id, "job": job, "round": number}


def _new_poller(place: Place) -> Poller:
    asked, aio.AsyncTransport = aio.AsyncTransport, lambda _config: _LoopDriver(place)
    try:
        return Poller(None)
    finally:
        aio.AsyncTransport = asked


def _quietly(program: Program) -> Program:
    try:
        yield from program
    except TencentCIError:
        pass


def _state(place: Place) -> str | None:
    row = place.row()
    return row.state if row else None

