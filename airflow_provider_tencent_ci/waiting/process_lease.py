"""
Whether Airflow can have given this process up, by what the process itself has seen.

Airflow gives up a task whose heartbeats it misses, and hands a triggerer's triggers to another one. The process may be
well all the time: Airflow's API was busy, or the machine slept. What it is told then looks like a person's act. So the
process holds a lease: each answer of Airflow renews it, and it ends earlier than Airflow's patience. While it is held,
Airflow has heard of the process, and has not given it up.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from asgiref.sync import sync_to_async

from airflow_provider_tencent_ci.compat.supervision import (
    Supervision,
    supervision_of_triggers,
    supervision_of_worker,
    task_instance_state,
    was_given_up,
    workers_have_database,
)
from airflow_provider_tencent_ci.core.wire.messages import Flow, Sleep, Step
from airflow_provider_tencent_ci.core.wire.steps import pause, wrap_flow
from airflow_provider_tencent_ci.transport.per_loop import PerLoopRegistry

__all__ = ["Lease", "WorkerLease", "triggerer_lease"]

ResultT = TypeVar("ResultT")

# Of Airflow's limit. The rest is for clocks that differ: one machine writes a heartbeat down, another one judges it.
_HELD_SHARE = 0.8

# Answers are asked for so often that a late one does not matter: all that are needed fit into this share of the limit.
_ASKING_SHARE = 0.4

# How long a wait for the job stands still for an answer of Airflow.
_ANSWER_SECONDS = 5.0


class Lease:
    """
    Remembers when Airflow answered, and judges whether that is enough.

    :param supervision: when Airflow gives this process up.
    :param age_seconds: how long ago Airflow has certainly heard of this process.
    :param now: a time in seconds that goes on while the process, or the machine, is frozen.
    """

    def __init__(
        self, supervision: Supervision, age_seconds: float = 0, now: Callable[[], float] | None = None
    ) -> None:
        self.now = now or _Clock().now
        self._held_seconds = supervision.limit_seconds * _HELD_SHARE
        asking_seconds = supervision.limit_seconds * _ASKING_SHARE / supervision.answers
        self.interval_seconds = max(asking_seconds, supervision.shortest_seconds)
        self._heard_at = deque([self.now() - age_seconds] * supervision.answers, maxlen=supervision.answers)

    def renew(self, asked_at: float) -> None:
        """
        Take note of an answer of Airflow.

        :param asked_at: when it was asked for, by :attr:`now`: at least an interval after the answer before it.
        """
        self._heard_at.append(asked_at)

    def is_held(self) -> bool:
        """Whether it is certain that Airflow has not given this process up."""
        return self.now() - self._heard_at[0] < self._held_seconds


class _Clock:
    """Seconds that pass also while the machine sleeps, and while a virtual machine stands still."""

    def __init__(self) -> None:
        self._began = _since_boot(), time.time()

    def now(self) -> float:
        since_boot, by_calendar = self._began
        # A calendar that is set back says nothing. One that is set forward ends a lease early, which cancels nothing.
        return max(_since_boot() - since_boot, time.time() - by_calendar)


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class WorkerLease:
    """
    The lease of a task's process.

    Each try needs it: if Airflow gives one up and the next one fails, the state is that of a mark. Airflow 2.11 writes
    down in its database which tries it gives up, and workers can read that.

    :param ti: the running task instance.
    """

    def __init__(self, ti: Any) -> None:
        self._ti = ti
        began_at = getattr(ti, "start_date", None)
        age_seconds = (datetime.now(UTC) - began_at).total_seconds() if began_at else math.inf
        self._lease = Lease(supervision_of_worker(), max(0.0, age_seconds))
        self._is_needed = not workers_have_database()
        self._asking: threading.Thread | None = None
        self._next_at = self._lease.now()

    def is_held(self) -> bool:
        """Whether it is certain that Airflow has not given this process up; blocks on 2.11."""
        return not was_given_up(self._ti) if workers_have_database() else self._lease.is_held()

    def renewed_meanwhile(self, flow: Flow[ResultT]) -> Flow[ResultT]:
        """Return a flow that does the same as ``flow``, and renews the lease in its pauses if it is needed."""
        return self._renewing(flow) if self._is_needed else flow

    def renew(self) -> None:
        """Ask Airflow about the task, if it is time to and if anything depends on it."""
        if not self._is_needed or self._lease.now() < self._next_at:
            return
        if self._asking is None or not self._asking.is_alive():
            # In a thread: a signal, of a kill or of execution_timeout, cuts no conversation with the supervisor.
            self._asking = threading.Thread(target=self._ask, name="tencent-ci-lease", daemon=True)
            self._asking.start()
            self._asking.join(_ANSWER_SECONDS)

    def _renewing(self, flow: Flow[ResultT]) -> Flow[ResultT]:
        return wrap_flow(flow, lambda step: self._in_parts(step) if isinstance(step, Sleep) else _whole(step))

    def _in_parts(self, sleep: Sleep) -> Flow[Any]:
        """Sleep as the flow wishes, in parts that end when it is time to ask."""
        seconds = sleep.seconds
        while seconds > 0:
            self.renew()
            part = min(seconds, max(self._next_at - self._lease.now(), self._lease.interval_seconds / 4))
            yield from pause(part)
            seconds -= part

    def _ask(self) -> None:
        asked_at = self._lease.now()
        with suppress(Exception):  # without an answer there is no renewal
            if task_instance_state(self._ti) == "running":
                self._lease.renew(asked_at)
        self._next_at = self._lease.now() + self._lease.interval_seconds


def _whole(step: Step) -> Flow[Any]:
    return (yield step)


@contextmanager
def triggerer_lease(ti: Any) -> Iterator[Lease]:
    """
    Hold the lease that all triggers of this triggerer share; it is renewed for as long as the context lasts.

    :param ti: the task instance of one trigger, which Airflow is asked about.
    """
    with _renewers.use("", _Renewer) as renewer:
        renewer.add(ti)
        try:
            yield renewer.lease
        finally:
            renewer.remove(ti)


class _Renewer:
    """Renews the lease of a triggerer while there are triggers that need it."""

    def __init__(self) -> None:
        self.lease = Lease(supervision_of_triggers())
        self._waiting: list[Any] = []
        self._renewing: asyncio.Task[None] | None = None

    def add(self, ti: Any) -> None:
        self._waiting.append(ti)
        if self._renewing is None:
            # In a context of its own: it belongs to no trigger.
            self._renewing = asyncio.get_running_loop().create_task(self._renew(), context=contextvars.Context())

    def remove(self, ti: Any) -> None:
        self._waiting.remove(ti)
        if not self._waiting and self._renewing:
            self._renewing.cancel()
            self._renewing = None

    async def _renew(self) -> None:
        while self._waiting:
            await asyncio.sleep(self.lease.interval_seconds)
            asked_at = self.lease.now()
            with suppress(Exception):  # without an answer there is no renewal
                await sync_to_async(task_instance_state, thread_sensitive=False)(self._waiting[0])
                self.lease.renew(asked_at)


_renewers = PerLoopRegistry[_Renewer]()
