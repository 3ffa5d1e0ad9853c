"""
A model of Airflow's scheduling: task instances, tries, workers, triggerers, heartbeats, actions of people.

The states and their order are those of Airflow 3.3 (Airflow's ``models/taskinstance.py``, ``jobs/``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.simulation.steps import Call
from tests.simulation.tasks import Deferral

if TYPE_CHECKING:
    from tests.simulation.history import Act, Blow
    from tests.simulation.world import Machine, Process, World

__all__ = ["Airflow", "AirflowError", "Attempt", "End", "Instance", "Place", "Series", "Store"]

# (which making of the run, map index, max_tries): the common key of the tries of one attempt series.
Series = tuple[int, int, int]

_SIGKILL_SECONDS = 5.0
_TRIGGERER_THRESHOLD = 30.0
_HEARTBEAT_SECONDS = 5.0

# A supervisor without successful heartbeats for this time ends its process.
_MOST_FAILED_SECONDS = 4 * _HEARTBEAT_SECONDS
_ALIVE = ("running", "restarting")


@dataclass(eq=False, slots=True)
class Instance:
    """
    A task instance.

    :param run: the number of its run, which rises when the run is recreated.
    :param epoch: rises with each change, so that earlier plans are void.
    :param process: of the worker or triggerer that owns it according to Airflow.
    """

    run: int
    index: int
    started_at: datetime
    max_tries: int
    state: str | None = None
    try_number: int = 0
    made_at: float = 0.0
    epoch: int = 0
    process: Process | None = None
    deferral: Deferral | None = None
    xcoms: dict[str, Any] = field(default_factory=dict)
    store: Store | None = None

    @property
    def series(self) -> Series:
        return self.run, self.index, self.max_tries


@dataclass(eq=False, slots=True)
class Attempt:
    """
    The work of one process.

    :ivar how: how it ended: ``returned``, ``raised``, ``crashed``, ``stopped``.
    :ivar knows: the times when it learned of its own jobs, by their ids.
    :ivar learned_live: those that were live when it learned of them.
    :ivar recorded: when it had recorded each of them, and its try, in XCom.
    :ivar named: further jobs that it named in its log.
    :ivar decided_at: when it decided whether to cancel its job.
    """

    instance: Instance
    series: Series
    kind: str
    program: Any = None
    how: str = ""
    result: Any = None
    error: BaseException | None = None
    knows: dict[str, float] = field(default_factory=dict)
    learned_live: set[str] = field(default_factory=set)
    recorded: dict[str, float] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    decided_at: float | None = None
    decisions: list[str] = field(default_factory=list)
    is_out_of_time: bool = False
    try_number: int = 0
    round: int = 0
    deadline_at: datetime | None = None
    late_seconds: float = 0.0

    def end(self, process: Process, result: Any, error: BaseException | None) -> None:
        """Record how its process ended by itself."""
        self.how, self.result, self.error = "raised" if error else "returned", result, error
        process.world.count(f"{self.kind} ends: {type(error).__name__ if error else 'well'}")
        self.note_lateness(process.machine.now())

    def note_lateness(self, now: datetime) -> None:
        """Record how long after its deadline a wait ended, if it has one."""
        if self.deadline_at:
            self.late_seconds = max(self.late_seconds, (now - self.deadline_at).total_seconds())


@dataclass(frozen=True, slots=True)
class End:
    """
    A person no longer wants a job.

    :param holder: the process that Airflow notifies.
    """

    series: Series
    at: float
    what: str
    holder: Process | None


class AirflowError(Exception):
    """The exception of an unreachable Airflow."""


class Store:
    """The task state store of one task instance, with the methods of Airflow's."""

    def __init__(self, airflow: Airflow) -> None:
        self._airflow = airflow
        self._records: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        self._airflow.check_api()
        return self._records.get(key)

    def set(self, key: str, value: Any) -> None:
        self._airflow.check_api()
        self._records[key] = value


class Place:
    """The interface of a program to Airflow and to its machine."""

    def __init__(self, world: World, process: Process, attempt: Attempt) -> None:
        instance = attempt.instance
        self.world = world
        self.machine = process.machine
        self.history = world.history
        self.index = instance.index
        self.map_index = instance.index if world.history.tasks > 1 else -1
        self.try_number = instance.try_number
        self.max_tries = instance.max_tries
        self.started_at = instance.started_at
        self.store = instance.store
        self.process = process
        self.name = process.name
        self._attempt = attempt
        self._job_id = ""

    def row(self) -> Instance | None:
        """Return the task instance of this key as the database has it now."""
        return self.world.airflow.instances.get(self.index)

    @property
    def try_key(self) -> str:
        """A key that no other try has, including tries of a recreated run."""
        return f"{self._attempt.instance.run}-{self.index}-{self.try_number}"

    def push(self, key: str, value: Any) -> None:
        self._attempt.instance.xcoms[key] = value
        if key == "job_id":
            self._job_id = value
        elif key == "submission":  # not the XCom job_id: a newer try may have removed it since
            self._attempt.recorded.setdefault(self._job_id, self.world.now)

    def answers(self) -> bool:
        """Whether Airflow's API answers now."""
        return not self.world.airflow.is_busy

    def end_of_silence(self, at: float) -> float:
        """
        Return the first time, at a moment or after it, when Airflow was reachable; this machine may have been frozen
        then.
        """
        for begin, end in (*self.world.airflow.busy, *self.machine.frozen):
            if begin <= at < end:
                at = end
        return at

    def runs_out_of_time(self) -> None:
        """Record that ``execution_timeout`` is over, and that the program knows it."""
        self._attempt.is_out_of_time = True

    def decides(self, decision: str) -> None:
        """Record the decision about the job of a stopped task."""
        self.world.count(f"{self._attempt.kind} is stopped: {decision.lower()}")
        self._attempt.decisions.append(decision)
        self._attempt.decided_at = self.world.now
        self.says(f"decides to {decision.lower()} its job")

    def learned(self, job_id: str, how: str = "") -> None:
        """
        Record that the process knows its job.

        :param how: ``submitted`` or ``finds``, if that is new.
        """
        if job_id not in self._attempt.knows and self.world.service.jobs[job_id].shown_live.get(self.process):
            self._attempt.learned_live.add(job_id)
        self._attempt.knows.setdefault(job_id, self.world.now)
        if how:
            self.world.count(f"a try {how} a job")
            self.says(f"{how} {job_id}")

    def named(self, job_id: str) -> None:
        """Record that the process names a further job in its log."""
        self._attempt.named.add(job_id)
        self.world.count("a second job is named")
        self.says(f"names {job_id} as a second one")

    def waits_until(self, deadline_at: datetime | None) -> None:
        """Record the deadline of a wait, by the clock of this machine."""
        self._attempt.deadline_at = max(deadline_at, self.machine.now()) if deadline_at else None

    def has_waited(self) -> None:
        """Record that the wait is over; later steps have no deadline."""
        self._attempt.note_lateness(self.machine.now())
        self._attempt.deadline_at = None

    def has_read(self, job_id: str, began_at: float, **what: Any) -> None:
        """Record what the process has read about the files of a job; see ``Reading``."""
        from tests.simulation.world import Reading

        job = self.world.service.jobs[job_id]
        self.world.ledger.readings.append(Reading(self.process, job, began_at, self.world.now, **what))
        self.world.count(f"files are read: {', '.join(what)}")

    def works_on(self, number: int) -> None:
        """Record which submission of the task starts."""
        self._attempt.round = number

    def says(self, text: str) -> None:
        if self.world.tells:
            self.world.say(f"{self.name}: {text}")


class Airflow:
    """The whole Airflow, for one DAG with one task."""

    def __init__(self, world: World, task: type, trigger: type) -> None:
        self._world = world
        self._task = task
        self._trigger = trigger
        self._history = world.history
        self.instances: dict[int, Instance] = {}
        self.attempts: dict[Process, Attempt] = {}
        self.ends: list[End] = []
        self._made: list[Instance] = []
        self.runs = 0
        self._busy_until = 0.0
        self.busy: list[tuple[float, float]] = []
        self._workers = 0
        self._triggerers = 0

    def begin(self) -> None:
        self._make_run()

    @property
    def is_busy(self) -> bool:
        """Whether the API does not answer now."""
        return self._busy_until > self._world.now

    def check_api(self) -> None:
        """Raise while the API does not answer."""
        if self.is_busy:
            raise AirflowError("the API server does not answer")

    def take(self, process: Process, step: Call) -> None:
        """Answer a call of a process, once the API answers."""
        world = self._world
        wait = max(0.0, self._busy_until - world.now)
        if step.patience is not None and wait >= step.patience:
            world.after(step.patience, process.wake, process.token, step.instead)
        else:
            world.after(wait + 0.005 + 0.02 * world.random.random(), self._do, process, process.token, step)

    def _do(self, process: Process, token: int, step: Call) -> None:
        process.wake(token, step.act())

    # Actions of people and of Airflow.

    def act(self, act: Act) -> None:
        instance = self.instances.get(act.task)
        self._world.count(f"act: {act.what} while {instance.state if instance else 'gone'}")
        if self._world.tells:
            for_seconds = f" ({act.seconds:g} s)" if act.seconds else ""
            of = f" of task {act.task}" if self._history.tasks > 1 else ""
            self._say(
                f"{act.what.replace('_', ' ')}{of}{for_seconds}; it is {instance.state if instance else 'not there'}"
            )
        if act.what == "api_busy":
            self._be_busy(act.seconds)
        elif instance is None:
            return
        elif act.what == "clear_neighbour":
            for each in self.instances.values():
                each.started_at = self._world.machines[4].now()
        elif act.what == "reset" and instance.state == "running":
            self._reset(instance)
        elif act.what == "give_up" and instance.state == "running" and instance.process is not None:
            self._plan_heartbeat(instance.process)
            self._declare_dead(instance.process)
        elif act.what in ("mark_failed", "mark_success"):
            self._mark(instance, "failed" if act.what == "mark_failed" else "success")
        elif act.what == "clear":
            self._clear(instance)
        elif act.what in ("delete", "remake"):
            self._delete(act)

    def made_by(self, moment: float) -> list[Instance]:
        """Return all instances that existed at a moment, including those of deleted runs."""
        return [instance for instance in self._made if instance.made_at <= moment]

    def _reset(self, instance: Instance) -> None:
        """Let a scheduler mistake a running instance for an orphan, and start another try of it."""
        process, instance.process = instance.process, None
        instance.state = None
        instance.epoch += 1
        self._plan_heartbeat(process)
        self._schedule(instance, 0.5)

    def _mark(self, instance: Instance, state: str) -> None:
        if instance.state in ("failed", "success", None) and instance.process is None:
            return
        self._end_wish(instance, f"marked {state}")
        instance.state = state
        self._tell_holder(instance)

    def _clear(self, instance: Instance) -> None:
        self._end_wish(instance, "cleared")
        if instance.state == "running":
            instance.state = "restarting"
            self._plan_heartbeat(instance.process)
            return
        if instance.state == "restarting":
            return
        self._tell_holder(instance)
        instance.max_tries = instance.try_number + self._history.retries
        instance.state = None
        self._schedule(instance, 0.5 + self._world.random.random())

    def _delete(self, act: Act) -> None:
        for instance in self.instances.values():
            self._end_wish(instance, "deleted")
            self._tell_holder(instance)
        self.instances = {}
        if act.what == "remake":
            self._world.after(act.seconds, self._make_run)

    def _end_wish(self, instance: Instance, what: str) -> None:
        self.ends.append(End(instance.series, self._world.now, what, instance.process))

    def _tell_holder(self, instance: Instance) -> None:
        """Tell the process of an instance that it no longer owns it."""
        process, instance.process = instance.process, None
        instance.epoch += 1
        instance.deferral = None
        if process is None:
            return
        if self.attempts[process].kind == "trigger":
            self._world.after(1 + 3 * self._world.random.random(), self._stop_trigger, process)
        else:
            self._plan_heartbeat(process)

    def _be_busy(self, seconds: float) -> None:
        world = self._world
        self.busy.append((world.now, world.now + seconds))
        self._busy_until = max(self._busy_until, world.now + seconds)
        for instance in self.instances.values():
            process = instance.process
            if process is None or instance.state != "running":
                continue
            self._miss_heartbeats(process, seconds)
            if seconds > _MOST_FAILED_SECONDS and world.random.random() < 0.5:
                world.after(_MOST_FAILED_SECONDS, self._terminate, process)  # by its supervisor

    def _miss_heartbeats(self, process: Process, seconds: float) -> None:
        """Let Airflow miss the heartbeats of a worker's process for this time."""
        world = self._world
        since_last = _HEARTBEAT_SECONDS * world.random.random()
        if since_last + seconds > self._history.heartbeat_timeout:
            world.after(self._history.heartbeat_timeout - since_last, self._declare_dead, process)
        self._plan_heartbeat(process)

    # Runs and tries.

    def _make_run(self) -> None:
        history, world = self._history, self._world
        for index in range(history.tasks):
            instance = Instance(self.runs, index, world.machines[4].now(), history.retries)
            instance.store = Store(self) if history.store else None
            instance.made_at = world.now
            self.instances[index] = instance
            self._made.append(instance)
            self._schedule(instance, 0.5)
        self.runs += 1

    def _schedule(self, instance: Instance, after: float, event: Any = None) -> None:
        self._world.after(after, self._set_scheduled, instance, instance.epoch, event)

    def _set_scheduled(self, instance: Instance, epoch: int, event: Any) -> None:
        if instance.epoch == epoch:
            instance.state = "scheduled"
            self._world.after(0.5, self._set_queued, instance, epoch, event)

    def _set_queued(self, instance: Instance, epoch: int, event: Any) -> None:
        if instance.epoch == epoch:
            instance.state = "queued"
            self._world.after(self._history.queue_seconds, self._run, instance, epoch, event)

    def _run(self, instance: Instance, epoch: int, event: Any) -> None:
        if instance.epoch != epoch:
            return
        instance.state = "running"
        if event is None:
            instance.try_number += 1
            instance.xcoms.clear()
        machine = self._world.machines[self._workers % 2]
        self._workers += 1
        name = f"try {instance.try_number}" if event is None else f"try {instance.try_number}, resumed"
        process, attempt = self._new_process(instance, "task", self._named(instance, name), machine, self._task_ended)
        instance.process = process
        program = attempt.program = self._task(Place(self._world, process, attempt))
        if self._world.tells:
            self._say(f"scheduler starts {process.name} on {machine.name}{self._clock_of(machine)}")
        if self._history.execution_timeout:
            self._world.after(self._history.execution_timeout, self._time_out, process)
        process.begin(program.main() if event is None else program.resume(*event))

    def _time_out(self, process: Process) -> None:
        """Let a process raise, since ``execution_timeout`` is over, and handle its job."""
        if not process.is_alive or process.is_frozen:
            return
        attempt = self.attempts[process]
        attempt.how = "timed out"
        process.end()
        self._world.count("execution_timeout is over")
        if self._world.tells:
            self._say(f"{process.name}: execution_timeout is over")
        self._run_instead(process, attempt, "on_timeout", 60.0)

    def _task_ended(self, process: Process, result: Any, error: BaseException | None) -> None:
        attempt = self.attempts[process]
        attempt.end(process, result, error)
        if self._world.tells:
            what = f"{type(error).__name__}: {str(error)[:110]}" if error else repr(result)
            self._say(f"{process.name} ends: {what}")
        self._report(process, result, error)

    def _report(self, process: Process, result: Any, error: BaseException | None) -> None:
        """Tell Airflow how a process ended; Airflow ignores it if another process owns the instance."""
        world = self._world
        if self._busy_until > world.now:
            world.at(self._busy_until + 0.1, self._report, process, result, error)
            return
        instance = self.attempts[process].instance
        if instance.process is not process or instance.state not in _ALIVE:
            return
        instance.process = None
        instance.epoch += 1
        if instance.state == "restarting":
            self._restart(instance)
        elif isinstance(result, Deferral):
            instance.state, instance.deferral = "deferred", result
            world.after(0.5 + world.random.random(), self._start_trigger, instance, result)
        elif error is None:
            instance.state = "success"
        else:
            self._fail(instance)

    def _fail(self, instance: Instance) -> None:
        if instance.max_tries and instance.try_number <= instance.max_tries:
            instance.state = "up_for_retry"
            self._schedule(instance, self._history.retry_delay)
        else:
            instance.state = "failed"

    def _restart(self, instance: Instance) -> None:
        if self._history.restart_is_new:
            instance.max_tries = instance.try_number + self._history.retries
        instance.state = "up_for_retry"
        self._schedule(instance, self._history.retry_delay)

    # Heartbeats and signals.

    def _plan_heartbeat(self, process: Process | None) -> None:
        if process is not None and process.is_alive:
            world = self._world
            moment = max(world.now, self._busy_until, process.frozen_until)
            world.at(moment + _HEARTBEAT_SECONDS * world.random.random(), self._heartbeat, process)

    def _heartbeat(self, process: Process) -> None:
        """Let a worker check whether it still owns the instance; if not, it stops its process."""
        if not process.is_alive:
            return
        if process.is_frozen or self._busy_until > self._world.now:
            self._plan_heartbeat(process)
            return
        instance = self.attempts[process].instance
        if instance.process is not process or instance.state != "running":
            self._terminate(process)

    def _declare_dead(self, process: Process) -> None:
        """Let the scheduler declare a process dead."""
        instance = self.attempts[process].instance
        if instance.process is not process or instance.state not in _ALIVE:
            return
        if self._world.tells:
            self._say(f"scheduler takes {process.name} for dead")
        instance.process = None
        instance.epoch += 1
        if instance.state == "restarting":
            self._restart(instance)
        else:
            self._fail(instance)

    def _terminate(self, process: Process) -> None:
        """Send SIGTERM to a worker's process: its ``on_kill`` runs, for some seconds at most."""
        if not process.is_alive:
            return
        attempt = self.attempts[process]
        attempt.how = "stopped"
        process.end()
        self._world.count(f"SIGTERM: task is {self._state(attempt.instance.index)}")
        if self._world.tells:
            self._say(f"{process.name} gets SIGTERM; its task is {self._state(attempt.instance.index)}")
        self._run_instead(process, attempt, "on_kill", _SIGKILL_SECONDS)

    def _run_instead(self, process: Process, attempt: Attempt, method: str, limit_seconds: float) -> None:
        """Run ``on_kill`` or ``on_timeout`` of a program instead of its current step."""
        name, kind = f"{method} of {process.name}", f"{attempt.kind} {method}"
        killer, its = self._new_process(attempt.instance, kind, name, process.machine, self._killed)
        its.program, its.series, its.knows = attempt.program, attempt.series, attempt.knows
        its.result = process
        killer.begin(getattr(attempt.program, method)())
        self._world.after(limit_seconds, self._sigkill, killer)

    def _killed(self, process: Process, _result: Any, error: BaseException | None) -> None:
        attempt = self.attempts[process]
        attempt.how, attempt.error = "raised" if error else "returned", error
        if attempt.kind.startswith("task "):
            self._report(attempt.result, None, error or KeyboardInterrupt())

    def _sigkill(self, process: Process) -> None:
        if process.is_alive:
            process.end()
            attempt = self.attempts[process]
            attempt.how = "crashed"
            if attempt.kind.startswith("task "):
                self._report(attempt.result, None, KeyboardInterrupt())

    # Triggerers.

    def _start_trigger(self, instance: Instance, deferral: Deferral) -> None:
        if instance.deferral is not deferral or instance.state != "deferred":
            return
        machine = self._world.machines[2 + self._triggerers % 2]
        name = self._named(instance, f"trigger of try {instance.try_number}")
        process, attempt = self._new_process(instance, "trigger", name, machine, self._trigger_ended)
        instance.process = process
        program = attempt.program = self._trigger(Place(self._world, process, attempt), deferral)
        if self._world.tells:
            self._say(f"{machine.name}{self._clock_of(machine)} starts {process.name}")
        process.begin(program.main())

    def _trigger_ended(self, process: Process, event: Any, error: BaseException | None) -> None:
        attempt = self.attempts[process]
        attempt.end(process, event, error)
        if self._world.tells:
            self._say(f"{process.name} ends: {error!r}" if error else f"{process.name} yields {event['status']}")
        self._world.after(0.05, self._take_event, attempt, event or {"status": "error", "job": None})

    def _take_event(self, attempt: Attempt, event: Any) -> None:
        instance = attempt.instance
        deferral = attempt.program.deferral
        if instance.state == "deferred" and instance.deferral is deferral:
            instance.deferral, instance.process = None, None
            instance.epoch += 1
            self._schedule(instance, 0.2, (event, deferral))

    def _stop_trigger(self, process: Process) -> None:
        """Let a triggerer cancel a trigger that it no longer owns, as after a person's action."""
        if not process.is_alive:
            return
        if process.is_frozen:
            self._world.at(process.frozen_until + 1, self._stop_trigger, process)
            return
        attempt = self.attempts[process]
        attempt.how = "stopped"
        process.end()
        self._world.count(f"trigger is cancelled: task is {self._state(attempt.instance.index)}")
        if self._world.tells:
            self._say(f"{process.name} is cancelled; its task is {self._state(attempt.instance.index)}")
        self._run_instead(process, attempt, "on_kill", 60.0)

    def _take_over(self, instance: Instance, process: Process) -> None:
        if instance.process is process and instance.state == "deferred" and instance.deferral is not None:
            self._start_trigger(instance, instance.deferral)

    # Faults of processes.

    def struck(self, process: Process, blow: Blow) -> None:
        """Apply a fault to a process; a fault of a triggerer applies to all its triggers."""
        kind = self.attempts[process].kind
        if kind.startswith("trigger"):
            self._strike_triggerer(process.machine, blow)
        elif blow.what == "freeze":
            self._freeze_worker(process, blow.seconds)
        elif blow.what == "evict" and kind == "task":
            self._terminate(process)
        else:
            self._end_worker(process, is_seen=blow.what != "crash" or kind != "task")

    def _freeze_worker(self, process: Process, seconds: float) -> None:
        process.freeze(seconds)
        if self.attempts[process].kind == "task":
            self._miss_heartbeats(process, seconds)

    def _end_worker(self, process: Process, *, is_seen: bool) -> None:
        """
        End a process of a worker.

        :param is_seen: whether its supervisor lives and reports it; else the scheduler detects it by the heartbeats.
        """
        attempt = self.attempts[process]
        process.end()
        attempt.how = "crashed"
        its = attempt.result if attempt.kind != "task" else process
        if is_seen:
            self._world.after(0.5, self._report, its, None, KeyboardInterrupt())
        else:
            self._world.after(self._history.heartbeat_timeout, self._declare_dead, its)

    def _strike_triggerer(self, machine: Machine, blow: Blow) -> None:
        world = self._world
        here = [process for process in self.attempts if process.machine is machine and process.is_alive]
        its = [process for process in here if self.attempts[process].kind.startswith("trigger")]
        if blow.what == "freeze":
            machine.freeze(blow.seconds)
        else:
            machine.loop.vanish()
            machine.start_anew()
        if blow.what != "freeze" or blow.seconds > _TRIGGERER_THRESHOLD:
            self._triggerers += 1
        for process in its:
            attempt = self.attempts[process]
            if blow.what == "freeze":
                process.freeze(blow.seconds)
                if attempt.kind == "trigger" and blow.seconds > _TRIGGERER_THRESHOLD:
                    world.after(_TRIGGERER_THRESHOLD, self._take_over, attempt.instance, process)
                    world.at(process.frozen_until + 1, self._stop_trigger, process)
            else:
                process.end()
                attempt.how = "crashed"
                world.after(_TRIGGERER_THRESHOLD, self._take_over, attempt.instance, process)

    def _new_process(
        self, instance: Instance, kind: str, name: str, machine: Machine, on_end: Any
    ) -> tuple[Process, Attempt]:
        from tests.simulation.world import Process

        attempt = Attempt(instance, instance.series, kind, try_number=instance.try_number)
        process = Process(self._world, name, machine, attempt, on_end)
        self.attempts[process] = attempt
        return process, attempt

    def _named(self, instance: Instance, name: str) -> str:
        of = f" of task {instance.index}" if self._history.tasks > 1 else ""
        return f"{name}{of}{' (run made again)' * (instance.run > 0)}"

    def _state(self, index: int) -> str:
        instance = self.instances.get(index)
        return str(instance.state) if instance else "gone"

    def _clock_of(self, machine: Machine) -> str:
        ahead = self._world.time_of(machine.number) - self._world.service.time
        return f" (clock {ahead:+.0f} s)" if ahead else ""

    def _say(self, text: str) -> None:
        self._world.say(text)
