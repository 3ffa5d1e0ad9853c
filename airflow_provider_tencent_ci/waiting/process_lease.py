"""
The lease of a process: proof that Airflow has not given the process up.

Airflow gives up a task whose heartbeats it misses, and moves the triggers of such a triggerer to another one. The
process itself may be healthy: Airflow's API was busy, or the machine slept. Then the state of the task is the same as
after a person's mark. So the process holds a lease. Each answer of Airflow renews it, and it ends before Airflow's own
limit. While the process holds the lease, Airflow has certainly not given it up.
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
from airflow_provider_tencent_ci.core.wire.flow_steps import pause, wrap_flow
from airflow_provider_tencent_ci.core.wire.messages import Flow, Sleep
from airflow_provider_tencent_ci.transport.per_loop_registry import PerLoopRegistry

__all__ = ["Lease", "WorkerLease", "triggerer_lease"]

ResultT = TypeVar("ResultT")

# A share of Airflow's limit. The rest is for clocks that differ: one machine writes a heartbeat, another one reads it.
_HELD_SHARE = 0.8

# All answers that a lease needs fit into this share of the limit. So a late answer does not end the lease.
_ASKING_SHARE = 0.4

# The longest time for which a wait for the job stops to wait for an answer of Airflow.
_ANSWER_SECONDS = 5.0


class Lease:
    """
    Remembers when Airflow answered, and tells whether that is recent enough.

    :param supervision: when Airflow gives this process up.
    :param age_seconds: how long ago Airflow certainly had a heartbeat of this process.
    :param now: a time in seconds that goes on while the process, or the machine, is frozen.
    """

    def __init__(
        self, supervision: Supervision, age_seconds: float = 0, now: Callable[[], float] | None = None
    ) -> None:
        self.now = now or _Clock().now
        self._held_seconds = supervision.limit_seconds * _HELD_SHARE
        asking_seconds = supervision.limit_seconds * _ASKING_SHARE / supervision.answers
        self.interval_seconds = max(asking_seconds, supervision.shortest_seconds)
        self._answered_at = deque([self.now() - age_seconds] * supervision.answers, maxlen=supervision.answers)

    def renew(self, asked_at: float) -> None:
        """
        Record an answer of Airflow.

        :param asked_at: when the request was sent, by :attr:`now`: at least an interval after the one before it.
        """
        self._answered_at.append(asked_at)

    def seconds_to_next_request(self, asked_at: float) -> float:
        """
        Return how long to wait with the next request.

        An interval counts from request to request: a slow answer must not make the answers rarer, too.

        :param asked_at: when the last request was sent, by :attr:`now`.
        """
        return max(0.0, asked_at + self.interval_seconds - self.now())

    def is_held(self) -> bool:
        """Whether it is certain that Airflow has not given this process up."""
        return self.now() - self._answered_at[0] < self._held_seconds


class _Clock:
    """Seconds that pass also while the machine sleeps, and while a virtual machine stands still."""

    def __init__(self) -> None:
        self._began = _since_boot(), time.time()

    def now(self) -> float:
        since_boot, by_wall_clock = self._began
        # A wall clock that is set back has no effect. If it is set forward, a lease ends early, which cancels nothing.
        return max(_since_boot() - since_boot, time.time() - by_wall_clock)


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class WorkerLease:
    """
    The lease of a task's process.

    Each try needs it: if Airflow gives a try up and the next try fails, the state is the same as after a mark. Airflow
    2.11 writes to its database which tries it gives up, and workers can read that.

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
        """Ask Airflow about the task, if the lease is needed and an interval has passed."""
        if not self._is_needed or self._lease.now() < self._next_at:
            return
        if self._asking is None or not self._asking.is_alive():
            # In a thread: a signal, of a kill or of execution_timeout, then interrupts no exchange with the supervisor.
            self._asking = threading.Thread(target=self._ask, name="tencent-ci-lease", daemon=True)
            self._asking.start()
            self._asking.join(_ANSWER_SECONDS)

    def _renewing(self, flow: Flow[ResultT]) -> Flow[ResultT]:
        return wrap_flow(flow, lambda step: self._in_parts(step) if isinstance(step, Sleep) else None)

    def _in_parts(self, sleep: Sleep) -> Flow[Any]:
        """Sleep as long as the flow says, in parts that end when the lease has to be renewed."""
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
        self._next_at = asked_at + self._lease.interval_seconds


@contextmanager
def triggerer_lease(ti: Any) -> Iterator[Lease]:
    """
    Hold the lease that all triggers of this triggerer share; it is renewed for as long as the context lasts.

    :param ti: the task instance of one trigger; its state is read from Airflow.
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
        asked_at = self.lease.now()
        while self._waiting:
            await asyncio.sleep(self.lease.seconds_to_next_request(asked_at))
            asked_at = self.lease.now()
            with suppress(Exception):  # without an answer there is no renewal
                await sync_to_async(task_instance_state, thread_sensitive=False)(self._waiting[0])
                self.lease.renew(asked_at)


_renewers = PerLoopRegistry[_Renewer]()
