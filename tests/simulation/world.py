"""One history, run over virtual time: the heap of events, the clocks, and the processes."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.history import MACHINES, Blow, Fault, History, Jump
from tests.simulation.loop import VirtualLoop
from tests.simulation.service import EPOCH, Job, Service
from tests.simulation.steps import Answered, Call, Program, Send, Sleep, Step

__all__ = ["LoopRequest", "Machine", "Process", "Reading", "World"]

# A history with more events than this counts as endless.
_MOST_EVENTS = 40_000


class Machine:
    """
    A machine with a clock of its own.

    :ivar loop: of the triggerer that runs on it.
    :ivar shared: the shared objects of the programs of this machine.
    :ivar frozen: the start and end of the time in which nothing ran on it.
    """

    __slots__ = ("_clock", "_world", "frozen", "loop", "name", "number", "shared")

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self.number = number
        self.name = MACHINES[number]
        self.frozen: list[tuple[float, float]] = []
        self._clock = 0.0, EPOCH
        self.start_anew()

    @property
    def is_triggerer(self) -> bool:
        return self.number in (2, 3)

    def start_anew(self) -> None:
        """Remove all that ran on it."""
        self.loop = VirtualLoop(self._world)
        self.shared: dict[str, Any] = {}

    def freeze(self, seconds: float) -> None:
        """Stop its event loop for this time."""
        self.loop.frozen_until = self._world.now + seconds
        self.frozen.append((self._world.now, self.loop.frozen_until))

    def now(self) -> datetime:
        seconds, moment = self._clock  # read several times in one event
        if seconds != (now := self._world.time_of(self.number)):
            self._clock = now, moment = now, EPOCH + timedelta(seconds=now)
        return moment


class _Arriving(tuple[int, tuple[tuple[str, str], ...], bytes]):
    """An answer that lacks the time of its arrival."""

    __slots__ = ()


class Process:
    """
    A process that runs a program.

    :param owner: its owner, which is notified of its end.
    :ivar token: identifies its current step, so that answers to earlier steps are ignored.
    :ivar loop: its event loop: of a worker's process its own, else that of the triggerer.
    :ivar rounds: for which round it sent a submission, by the token of that step.
    """

    __slots__ = (
        "_program", "_task", "ended_at", "frozen_until", "loop", "machine", "name", "number", "on_end", "owner",
        "posts", "requests", "rounds", "started_at", "steps", "token", "world",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        name: str,
        machine: Machine,
        owner: Any,
        on_end: Callable[[Process, Any, BaseException | None], None],
    ) -> None:
        self.world = world
        self.number = len(world.processes) + 1
        self.name = name
        self.machine = machine
        self.owner = owner
        self.on_end = on_end
        self.steps = 0
        self.requests = 0
        self.posts: list[float] = []
        self.rounds: dict[int, int] = {}
        self.token = 0
        self.started_at = world.now
        self.ended_at: float | None = None
        self.frozen_until = 0.0
        self._program: Program | None = None
        self.loop = machine.loop if machine.is_triggerer else VirtualLoop(world)
        self._task: asyncio.Task[Any] | None = None
        world.processes.append(self)

    def begin(self, program: Program) -> None:
        self._program = program
        self._go_on(None, None)

    @property
    def process(self) -> Process:
        return self

    @property
    def is_alive(self) -> bool:
        return self.ended_at is None

    @property
    def is_frozen(self) -> bool:
        return self.world.now < self.frozen_until

    def answer(self, token: int, status: int, headers: dict[str, str], body: bytes) -> None:
        if token == self.token and self.is_alive:
            self._arrive(_Arriving((status, tuple(headers.items()), body)), None)

    def throw(self, token: int, error: BaseException) -> None:
        if token == self.token and self.is_alive:
            self._arrive(None, error)

    def wake(self, token: int, value: Any) -> None:
        if token == self.token and self.is_alive:
            self._arrive(value, None)

    def end(self) -> None:
        """End it from outside: it stops at once and reports nothing."""
        if self.is_alive:
            self.ended_at = self.world.now
            program, self._program = self._program, None
            if self._task is not None:
                self.loop.cancel(self._task)
            if program is not None and not program.gi_running:
                program.close()

    def freeze(self, seconds: float) -> None:
        self.frozen_until = self.world.now + seconds
        if not self.machine.is_triggerer:
            self.loop.frozen_until = self.frozen_until

    def _arrive(self, value: Any, error: BaseException | None) -> None:
        if self.is_frozen:
            self.world.at(self.frozen_until, self._thawed, self.token, value, error)
            return
        if type(value) is _Arriving:
            value = (*value, self.machine.now())
        self._go_on(value, error)

    def _thawed(self, token: int, value: Any, error: BaseException | None) -> None:
        if token == self.token and self.is_alive:
            self._arrive(value, error)

    def _go_on(self, value: Any, error: BaseException | None) -> None:
        program, world = self._program, self.world
        if program is None:
            return
        self.token += 1
        try:
            step = program.throw(error) if error is not None else program.send(value)
        except StopIteration as stop:
            self._over(stop.value, None)
        except Exception as failure:
            self._over(None, failure)
        else:
            self.steps += 1
            if world.blows and (blow := world.blows.get((self.number, self.steps))):
                world.strike(self, blow)
                if not self.is_alive:
                    return
                if self.is_frozen:  # it goes on with this step later
                    if type(step) is Send and step.request.method == "POST":
                        world.ledger.frozen_in_post.add(self)
                    world.at(self.frozen_until, self._begin_late, self.token, step)
                    return
            self._begin(step)

    def _begin_late(self, token: int, step: Step) -> None:
        if token == self.token and self.is_alive:
            if self.is_frozen:
                self.world.at(self.frozen_until, self._begin_late, token, step)
            else:
                self._begin(step)

    def _begin(self, step: Step) -> None:
        world = self.world
        if type(step) is Send:
            self.requests += 1
            if step.request.method == "POST":
                self.posts.append(world.now)
                self.rounds[self.token] = self.owner.round
                if self.owner.instance.process is not self:  # Airflow has abandoned it
                    world.ledger.zombies.add(self)
                    world.count("a zombie submits")
                if len(self.posts) > 1:
                    world.count("a process submits more than once")
            world.service.take(self, step)
        elif type(step) is Sleep:
            world.after(step.seconds, self.wake, self.token, None)
        elif type(step) is Call:
            world.airflow.take(self, step)
        else:
            self._task = self.loop.start(self._finish(self.token, step.work()))

    async def _finish(self, token: int, work: Coroutine[Any, Any, Any]) -> None:
        try:
            result = await work
        except Exception as error:
            self.world.after(0.0, self.throw, token, error)
        else:
            self.world.after(0.0, self.wake, token, result)
        self._task = None

    def _over(self, result: Any, error: BaseException | None) -> None:
        self._program = None
        self.ended_at = self.world.now
        self.on_end(self, result, error)


class LoopRequest:
    """
    A request of a coroutine.

    :param process: the process that sends it.
    """

    __slots__ = ("_future", "_loop", "name", "process", "token")

    def __init__(self, process: Process, step: Send) -> None:
        self.process = process
        self.name = process.name
        self.token = 0
        self._loop = process.loop
        self._future: asyncio.Future[Answered] = self._loop.create_future()
        process.requests += 1
        process.world.service.take(self, step)

    async def answered(self) -> Answered:
        return await self._future

    def answer(self, _token: int, status: int, headers: dict[str, str], body: bytes) -> None:
        now = self.process.machine.now
        self._loop.settle(self._future, lambda: (status, tuple(headers.items()), body, now()), None)

    def throw(self, _token: int, error: BaseException) -> None:
        self._loop.settle(self._future, None, error)


@dataclass(slots=True)
class _Ledger:
    """
    The data for the checks after the history, beside the jobs.

    :ivar counts: the number of each kind of event.
    :ivar troubles: the time of each fault of a request or a process and of the end of each freeze, and the request of a
        fault.
    :ivar errors: uncaught errors of an event loop.
    :ivar frozen_in_post: processes that were frozen while they sent a submission.
    :ivar zombies: processes that sent one after Airflow had abandoned them.
    :ivar readings: of files, in the order in which they ended.
    """

    counts: Counter[str] = field(default_factory=Counter)
    troubles: list[tuple[float, str]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    frozen_in_post: set[Process] = field(default_factory=set)
    zombies: set[Process] = field(default_factory=set)
    readings: list[Reading] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """
    The files of a job, as a process has read them.

    :param began_at: when the reading began.
    :param ended_at: when the result was there.
    :param counts: the number of files in each state, and of all; ``None`` if only the failed ones were read.
    :param failed: the keys of the failed ones; ``None`` if all were counted.
    """

    process: Process
    job: Job
    began_at: float
    ended_at: float
    counts: dict[str, int] | None = None
    failed: tuple[str, ...] | None = None


class World:
    """
    One history.

    :param tells: whether it is recorded as a story.
    :param task: the program of a try.
    :param trigger: the program of a trigger.
    """

    def __init__(
        self, history: History, *, tells: bool = False, task: type | None = None, trigger: type | None = None
    ) -> None:
        from tests.simulation.airflow_model import Airflow
        from tests.simulation.tasks import TaskProgram, TriggerProgram

        self.history = history
        self.random = random.Random(history.seed)
        random.seed(history.seed)  # the product's random values: jitter
        self.now = 0.0
        self.tells = tells
        self.story: list[tuple[float, str]] = []
        self.events = 0
        self.ledger = _Ledger()
        self.processes: list[Process] = []
        self.blows = {(blow.process, blow.step): blow for blow in history.blows}
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._offsets = list(history.clocks)
        self.machines = [Machine(self, number) for number in range(len(MACHINES))]
        self.service = Service(self)
        self.airflow = Airflow(self, task or TaskProgram, trigger or TriggerProgram)
        for jump in history.jumps:
            self.at(jump.at, self._jump, jump)
        for act in history.acts:
            self.at(act.at, self.airflow.act, act)

    @property
    def ends(self) -> bool:
        """Whether no event is left."""
        return not self._heap

    def run(self) -> World:
        heap = self._heap
        self.airflow.begin()
        while heap and self.events < _MOST_EVENTS:
            self.now, _, act, args = heapq.heappop(heap)
            self.events += 1
            act(*args)
        return self

    def at(self, moment: float, act: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self._heap, (moment, next(self._order), act, args))

    def after(self, seconds: float, act: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self._heap, (self.now + seconds, next(self._order), act, args))

    def latency(self) -> float:
        return 0.01 + 0.1 * self.random.random()

    def time_of(self, machine: int) -> float:
        return self.now + self._offsets[machine]

    def say(self, text: str) -> None:
        self.story.append((self.now, text))

    def count(self, what: str) -> None:
        self.ledger.counts[what] += 1

    def meet(self, fault: Fault) -> None:
        self.count(f"fault: {fault.what} {fault.request}")
        self.ledger.troubles.append((self.now, fault.request))

    def made(self, job: Job, process: Process, token: int) -> None:
        """
        Record the owner of a job: the tries that sent its request, independent of its name.

        :param token: of the step that sent it; the process may be in a later round by now.
        """
        job.series, job.round = process.owner.series, process.rounds[token]
        if self.tells:
            self.say(f"service: makes {job.job_id} for {process.name}")

    def strike(self, process: Process, blow: Blow) -> None:
        if blow.after:
            self.after(blow.after, self._strike, process, blow)
        else:
            self._strike(process, blow)

    def _strike(self, process: Process, blow: Blow) -> None:
        if not process.is_alive:
            return
        self.ledger.troubles.append((self.now + (blow.seconds if blow.what == "freeze" else 0), ""))
        self.count(f"blow: {blow.what} {process.owner.kind}")
        if self.tells:
            whose = process.machine.name if process.owner.kind.startswith("trigger") else process.name
            how_long = f" for {blow.seconds:g} s" if blow.what == "freeze" else ""
            self.say(f"{whose}: {blow.what}{how_long}, at step {process.steps} of {process.name}")
        self.airflow.struck(process, blow)

    def _jump(self, jump: Jump) -> None:
        self.count(f"jump: {MACHINES[jump.machine]}")
        self._offsets[jump.machine] += jump.by
        if self.tells:
            how = "forward" if jump.by > 0 else "back"
            self.say(f"the clock of {MACHINES[jump.machine]} is set {how} by {abs(jump.by):g} s")
