"""
The product's part of a history: the steps of a task and its trigger. Only this module calls the product. The product's
code runs unchanged; this module adds Airflow's actions between two of those calls, and a driver for the steps of a
flow.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.supervision import Supervision
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.credentials.refresh import RefreshState
from airflow_provider_tencent_ci.core.credentials.roles import MachineRole
from airflow_provider_tencent_ci.core.credentials.temporary_keys import with_local_expiry
from airflow_provider_tencent_ci.core.files.count_at_end import count_to_end
from airflow_provider_tencent_ci.core.files.failed_files_reader import FailedFiles, keys_only
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.polling.cancel_decision import (
    NOT_TOLD,
    REMOVED,
    CancelDecision,
    StoppedTask,
    decide_cancel,
)
from airflow_provider_tencent_ci.core.polling.cancel_job import cancel_and_confirm
from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitResult, wait_for_job
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import Duplicate, cancel_duplicates
from airflow_provider_tencent_ci.core.submitting.submission_token import TaskIdentity, submission_token
from airflow_provider_tencent_ci.core.submitting.submit_attempt import Attempt
from airflow_provider_tencent_ci.core.submitting.submit_once import submit_once
from airflow_provider_tencent_ci.core.wire.exchange import GetCredentials, RawResponse, Send, exchange
from airflow_provider_tencent_ci.core.wire.messages import Flow, Now, Response, RunConcurrently
from airflow_provider_tencent_ci.core.wire.rate_limit import RateLimit
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    CredentialsError,
    LostContactError,
    TencentCIError,
    TransportError,
    WaitTimeoutError,
)
from airflow_provider_tencent_ci.task_state.submission_memory import SubmissionMemory
from airflow_provider_tencent_ci.task_state.try_order import is_newer_try
from airflow_provider_tencent_ci.transport import async_driver
from airflow_provider_tencent_ci.transport.concurrent_flows import run_in_tasks
from airflow_provider_tencent_ci.triggerer import shared_poller
from airflow_provider_tencent_ci.waiting.process_lease import Lease, WorkerLease
from tests.simulation import steps
from tests.simulation.service import EPOCH
from tests.simulation.steps import Program
from tests.simulation.world import LoopRequest, Process

if TYPE_CHECKING:
    from tests.simulation.airflow_model import Place

__all__ = ["Deferral", "ExecutionTimeout", "TaskProgram", "TriggerProgram"]

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


class ExecutionTimeout(Exception):
    """Airflow's exception in a task after its ``execution_timeout``."""


@dataclass(eq=False)
class Deferral:
    """
    The data of a deferred task in Airflow's database.

    :param is_limit_of_try: whether the deadline is the end of ``execution_timeout``, and not of the time to wait.
    :param try_ends_at: when ``execution_timeout`` is over; ``None`` for never.
    """

    job_id: str
    round: int
    deadline_at: datetime | None
    is_limit_of_try: bool
    try_ends_at: datetime | None

    def __repr__(self) -> str:
        return f"deferred until {self.job_id} has ended"


class _Silent:
    def counting(self, job: InventoryJob, counted: int, expected: int | None) -> None:
        pass

    def job_polled(self, job: InventoryJob) -> None:
        pass

    def poll_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        pass


_SILENT = _Silent()


class _Keys:
    """A machine's temporary keys, issued by the service's clock and refreshed by the product's rule."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._renewal = RefreshState()

    def current(self, now: datetime) -> Credentials:
        if self._renewal.is_due(now):
            try:
                self._renewal.refreshed(self._handed_out(now), now)
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
        return with_local_expiry(MachineRole(), keys, Response(200, service.date(), b"", now))


class _Driver:
    """
    A transport: gets keys, sends, sleeps and returns the time, as the product's two transports do.

    :param clock: the service's time, as one process knows it.
    """

    def __init__(
        self,
        place: Place,
        clock: ServiceClock,
        *,
        request_seconds: float = _REQUEST_SECONDS,
        turns: RateLimit | None = None,
    ) -> None:
        shared = place.machine.shared
        self._place = place
        self.now = place.machine.now
        self._clock = clock
        self._seconds = request_seconds
        self._rate_limits = turns
        if "keys" not in shared:
            shared["keys"] = keys = _Keys(place)
            shared["config"] = ServiceConfig("examplebucket-1250000000", "ap-beijing", _ENDPOINT, keys)
        self._keys, self.config = shared["keys"], shared["config"]

    def service_time(self) -> datetime | None:
        return self._clock.known_at(self.now())

    def run(self, flow: Flow[Any]) -> Program:
        actions = exchange(flow, self.config, self._clock, self._rate_limits)
        try:
            action = next(actions)
            while True:
                try:
                    kind = type(action)
                    if kind is Now:
                        answer = self.now()
                    elif kind is GetCredentials:
                        answer = self._keys.current(self.now())
                    elif kind is RunConcurrently:
                        answer = yield steps.Await(partial(self._run_concurrently, action))
                    elif kind is Send:
                        answer = RawResponse(*(yield steps.Send(action.request, action.headers, self._seconds)))
                    else:
                        answer = yield action
                except TencentCIError as error:
                    action = actions.throw(error)
                else:
                    action = actions.send(answer)
        except StopIteration as stop:
            return stop.value
        finally:
            actions.close()

    async def _run_concurrently(self, step: RunConcurrently) -> None:
        """Run the flows of a step in tasks, as the blocking transport does in an event loop of its own."""
        beside = _Driver(self._place, self._clock, turns=RateLimit())
        most = min(step.most, self.config.max_connections)
        await run_in_tasks(step, most, lambda flow: _run_in_loop(self._place.process, beside.run(flow)))


async def _run_in_loop(process: Process, program: Program) -> Any:
    """Run the steps of a driver in the event loop of a process."""
    try:
        step = next(program)
        while True:
            try:
                answer = await _do_in_loop(process, step)
            except TencentCIError as error:
                step = program.throw(error)
            else:
                step = program.send(answer)
    except StopIteration as stop:
        return stop.value
    finally:
        program.close()


async def _do_in_loop(process: Process, step: steps.Step) -> Any:
    if isinstance(step, steps.Send):
        return await LoopRequest(process, step).answered()
    return await asyncio.sleep(step.seconds)


class _LoopDriver:
    """The same for coroutines: the transport of a triggerer's poller."""

    def __init__(self, place: Place) -> None:
        self._driver = _Driver(place, _clock_of(place), turns=RateLimit())
        self._process = Process(place.world, f"poller of {place.machine.name}", place.machine, None, None)
        self.config = self._driver.config
        self.now = self._driver.now
        self.service_time = self._driver.service_time
        self.sleep = asyncio.sleep

    async def __aenter__(self) -> _LoopDriver:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def run(self, flow: Flow[Any]) -> Any:
        return await _run_in_loop(self._process, self._driver.run(flow))


def _clock_of(place: Place) -> ServiceClock:
    """Return a triggerer's service clock, which all its triggers share: they run in one process."""
    shared = place.machine.shared
    return shared.get("clock") or shared.setdefault("clock", ServiceClock())


class _WorkerLease(WorkerLease):
    """A worker's lease with the world's time; its requests are answered at once, or not at all."""

    def __init__(self, place: Place) -> None:
        limit_seconds = place.history.heartbeat_timeout
        self._place = place
        self._lease = Lease(Supervision(limit_seconds, answers=7, shortest_seconds=5), now=_seconds_on(place))
        self._is_needed = True
        self._next_at = self._lease.now()

    def is_held(self) -> bool:
        return self._lease.is_held()

    def renew(self) -> None:
        now = self._lease.now()
        if now >= self._next_at:
            if self._place.answers() and _state(self._place) == "running":
                self._lease.renew(now)
            self._next_at = now + self._lease.interval_seconds


def _is_triggerers_lease_held(place: Place) -> bool:
    """Return whether the lease of a triggerer is held, which it renews for as long as it has triggers."""
    now, began_at = place.world.now, place.process.started_at
    lease = Lease(Supervision(30, answers=4, shortest_seconds=1), now - began_at, now=_seconds_on(place))
    seconds, asked_at = lease.now(), max(began_at, now - 60)
    while (asked_at := place.end_of_silence(asked_at + lease.interval_seconds)) < now:
        lease.renew(seconds - (now - asked_at))
    return lease.is_held()


def _seconds_on(place: Place) -> Callable[[], float]:
    """Return a clock of seconds for a process of this machine: the largest of the elapsed times."""
    world, machine = place.world, place.machine
    began = world.now, machine.now()
    return lambda: max(world.now - began[0], (machine.now() - began[1]).total_seconds())


class TaskProgram:
    """A try of a task, in its first process or resumed."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._clock = ServiceClock()
        self._lease = _WorkerLease(place)
        self._job_id: str | None = None
        self._has_timed_out = False
        limit = place.history.execution_timeout
        self._try_ends_at = place.machine.now() + timedelta(seconds=limit) if limit else None

    def main(self) -> Program:
        return (yield from self._submit_and_wait(0))

    def resume(self, event: dict[str, Any], deferral: Deferral) -> Program:
        """Continue with the trigger's event."""
        self._try_ends_at = deferral.try_ends_at
        self._job_id = deferral.job_id
        self._place.learned(deferral.job_id)
        self._place.works_on(deferral.round)
        if event["status"] == "deadline" and deferral.is_limit_of_try:
            yield from self.on_timeout()
            raise ExecutionTimeout
        return (yield from self._complete(event, deferral.round))

    def on_kill(self) -> Program:
        """Decide whether to cancel the job, as ``stopping.cancel_if_unwanted`` does, and do it."""
        place, job_id = self._place, self._job_id
        if not job_id or self._has_timed_out:
            return
        state, recorded = yield steps.Call(
            "ask", lambda: (_state(place), _xcom(place, "submission")), 1.5, (NOT_TOLD, None)
        )
        task = StoppedTask(
            state,
            is_deferred=False,
            only_a_person=self._lease.is_held(),
            has_newer_try=is_newer_try(recorded["try"] if recorded else None, place.try_key),
        )
        yield from self._cancel_if(decide_cancel(task), job_id)

    def on_timeout(self) -> Program:
        """Cancel the job: the time of the try is over."""
        self._has_timed_out = True
        self._place.runs_out_of_time()
        if self._job_id:
            yield from self._cancel_if(CancelDecision.CANCEL, self._job_id)

    def submit(self, number: int) -> Program:
        """Submit as ``submission/submitter.py`` does."""
        place = self._place
        generation = place.max_tries - place.history.retries
        identity = TaskIdentity("nightly", "r1", "submit", place.map_index, generation)
        attempt = Attempt(
            readable=f"nightly-submit-again-{number}" if number else "nightly-submit",
            token=submission_token(identity, _BODIES[number]),
            specification=_ROUNDS[number],
            is_first=place.try_number - generation <= 1,
            check_deadline=self._check_time,
            log=place.says,
            try_key=place.try_key,
        )
        memory = SubmissionMemory(place.store, place.max_tries, _DIGESTS[number], number)
        flow = submit_once(attempt, memory)
        return (yield from self.ask(self._lease.renewed_meanwhile(flow) if place.history.mode == "blocking" else flow))

    def ask(self, flow: Flow[Any]) -> Program:
        """Run a flow."""
        return (yield from _Driver(self._place, self._clock).run(flow))

    def wait(self, job_id: str, deadline_at: datetime | None) -> Program:
        """Wait until the job has ended; return the event."""
        flow = wait_for_job(_Wait(self._place, job_id, deadline_at), self._place.history.poll_interval)
        return _event((yield from self.ask(self._lease.renewed_meanwhile(flow))))

    def judge(self, job: InventoryJob) -> None:
        """Raise if an ended job is no success."""
        job.raise_for_state()

    def _check_time(self) -> None:
        if self._try_ends_at and self._place.machine.now() >= self._try_ends_at:
            self._has_timed_out = True
            raise ExecutionTimeout

    def _submit_and_wait(self, number: int) -> Program:
        place = self._place
        self._job_id = None
        place.works_on(number)
        self._check_time()
        submitted = yield from self.submit(number)
        job, series = submitted.job, submitted.series
        self._job_id = job.job_id
        place.learned(job.job_id, "finds" if submitted.adopted else "submitted")
        yield steps.Call("push job_id", lambda: place.push("job_id", job.job_id))
        submission = {"series": series, "try": place.try_key}
        yield steps.Call("push submission", lambda: place.push("submission", submission))
        self._name_duplicates(submitted.duplicates)
        if place.history.mode == "submit":
            return job.job_id
        return (yield from self._wait_for(job, number))

    def _wait_for(self, job: InventoryJob, number: int) -> Program:
        place = self._place
        if job.state.is_terminal:
            return (yield from self._finish(job, number))
        timeout = place.history.wait_timeout
        deadline_at = place.machine.now() + timedelta(seconds=timeout) if timeout else None
        if place.history.mode == "deferred":
            ends_at = self._try_ends_at
            comes_first = bool(ends_at and (not deadline_at or ends_at < deadline_at))
            return Deferral(job.job_id, number, ends_at if comes_first else deadline_at, comes_first, ends_at)
        place.waits_until(deadline_at)
        event = yield from self.wait(job.job_id, deadline_at)
        place.has_waited()
        return (yield from self._complete(event, number))

    def _complete(self, event: dict[str, Any], number: int) -> Program:
        if event["status"] not in ("deadline", "terminal"):
            raise LostContactError(event["status"])
        job = InventoryJob.from_dict(event["job"] or {})
        if event["status"] == "deadline":
            if job.job_id:
                yield from self._kept_job(job)
            raise WaitTimeoutError(event["status"])
        return (yield from self._finish(job, number))

    def _finish(self, job: InventoryJob, number: int) -> Program:
        place = self._place
        kept = yield from self._kept_job(job)
        if kept.job_id != job.job_id:
            place.says(f"waits for {kept.job_id} in the place of {job.job_id}")
            self._job_id = kept.job_id
            place.learned(kept.job_id)
            return (yield from self._wait_for(kept, number))
        if place.history.files:
            with suppress(TencentCIError):  # the product warns
                yield from self._read_files(job)
        self.judge(job)
        if number < min(place.history.rounds, place.history.bad_rounds):
            return (yield from self._submit_and_wait(number + 1))
        return job.job_id

    def _read_files(self, job: InventoryJob) -> Program:
        """Count the files, as ``outcome/file_outcome.py`` does, and list those that failed."""
        place, began_at = self._place, self._place.world.now
        counts = yield from self.ask(self.count(job))
        place.has_read(job.job_id, began_at, counts={**counts.to_dict()})
        failed, reading, began_at = list[str](), FailedFiles(job, keys_only), place.world.now
        while not reading.is_over:
            failed += yield from self.ask(reading.next_batch())
        place.has_read(job.job_id, began_at, failed=tuple(failed))

    def count(self, job: InventoryJob) -> Flow[FileCounts]:
        """Count the files of an ended job."""
        return count_to_end(job, _SILENT, _seconds_on(self._place))

    def _kept_job(self, job: InventoryJob) -> Program:
        """As ``submission/late_duplicates.py``, which blocks."""
        place = self._place
        submission = yield steps.Call("read submission", lambda: _xcom(place, "submission"))
        if submission is None or not submission["series"].may_have_duplicates:
            return job
        if job.name and job.name != submission["series"].name:  # written by another try, about another round
            return job
        try:
            kept, duplicates = yield from self.ask(cancel_duplicates(submission["series"], job))
        except (ApiError, TransportError):
            return job
        self._name_duplicates(duplicates)
        if kept.job_id != job.job_id:
            yield steps.Call("push job_id", lambda: place.push("job_id", kept.job_id))
        return kept

    def _name_duplicates(self, duplicates: tuple[Duplicate, ...]) -> None:
        for duplicate in duplicates:
            self._place.named(duplicate.job.job_id)

    def _cancel_if(self, decision: CancelDecision, job_id: str) -> Program:
        self._place.decides(decision.name)
        if decision is CancelDecision.CANCEL:
            driver = _Driver(self._place, self._clock, request_seconds=_WORKER_STOP_SECONDS / 2)
            with suppress(TencentCIError):
                yield from driver.run(cancel_and_confirm(job_id, within_seconds=_WORKER_STOP_SECONDS))


class TriggerProgram:
    """A trigger that waits."""

    def __init__(self, place: Place, deferral: Deferral) -> None:
        self._place = place
        self.deferral = deferral
        place.learned(deferral.job_id)

    def main(self) -> Program:
        place, waiting, interval = self._place, self.deferral, self._place.history.poll_interval
        wait = _Wait(place, waiting.job_id, waiting.deadline_at)
        place.waits_until(waiting.deadline_at)
        if not place.history.poller:
            return _event((yield from _Driver(place, _clock_of(place)).run(wait_for_job(wait, interval))))
        poller = place.machine.shared.get("poller") or place.machine.shared.setdefault("poller", _new_poller(place))
        return _event((yield steps.Await(lambda: poller.wait(wait, interval))))

    def on_kill(self) -> Program:
        """Decide whether to cancel the job, as the trigger's ``_stop`` does, and do it."""
        place, waiting = self._place, self.deferral
        has_time = not waiting.deadline_at or place.machine.now() < waiting.deadline_at
        is_surely_mine = has_time and _is_triggerers_lease_held(place)
        state = yield steps.Call("ask for the state", lambda: _state(place), 60.0, NOT_TOLD)
        recorded, submission = yield steps.Call(
            "read XComs", lambda: (_xcom(place, "job_id"), _xcom(place, "submission"))
        )
        has_newer_try = submission is not None and is_newer_try(submission["try"], place.try_key)
        task = StoppedTask(state, True, is_surely_mine, waiting.job_id, recorded, has_newer_try)
        decision = decide_cancel(task)
        place.decides(decision.name)
        if decision is CancelDecision.CANCEL:
            driver = _Driver(place, _clock_of(place), request_seconds=_TRIGGER_STOP_SECONDS / 4)
            with suppress(TencentCIError):
                yield from driver.run(cancel_and_confirm(waiting.job_id, within_seconds=_TRIGGER_STOP_SECONDS))


class _Wait(Wait):
    """A wait with a number, so that the poller's sets of waits have the same order in each run."""

    def __init__(self, place: Place, job_id: str, deadline_at: datetime | None) -> None:
        timeout = place.history.contact_timeout
        super().__init__(job_id, deadline_at=deadline_at, contact_timeout=timeout, observer=_SILENT)
        self.number = place.process.number


# The default is their address in memory.
shared_poller._Waiter.__hash__ = lambda waiter: getattr(waiter.wait, "number", id(waiter))  # type: ignore[method-assign]


def _event(result: WaitResult) -> dict[str, Any]:
    return {"status": result.status.value, "job": result.job.to_dict() if result.job else None}


def _new_poller(place: Place) -> shared_poller.SharedPoller:
    driver = _LoopDriver(place)
    asked, async_driver.AsyncTransport = async_driver.AsyncTransport, lambda _config: driver
    try:
        return shared_poller.SharedPoller(driver.config)
    finally:
        async_driver.AsyncTransport = asked


def _state(place: Place) -> str | None:
    row = place.row()
    return row.state if row else REMOVED


def _xcom(place: Place, key: str) -> Any:
    """Return the XComs of the last try of this task instance; ``None`` if there are none."""
    row = place.row()
    return row.xcoms.get(key) if row else None
