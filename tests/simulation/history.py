"""
A history as a value: drawn from a seed, shrunk, printed, and pasted into a test.

Each random event of a history is in this value, or is drawn from its ``seed`` when it runs. So two runs of one
value are the same, step by step.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields

__all__ = ["MACHINES", "Act", "Blow", "Fault", "History", "Jump"]

MACHINES = ("worker A", "worker B", "triggerer A", "triggerer B", "database", "service")


class _Short:
    """Writes a value as the code that creates it, without defaults."""

    __slots__ = ()

    def __repr__(self) -> str:
        given = []
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.default is MISSING:
                given.append(_written(value))
            elif value != field.default:
                given.append(f"{field.name}={_written(value)}")
        return f"{type(self).__name__}({', '.join(given)})"


def _written(value: object) -> str:
    """Write a value; whole numbers without ``.0``."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_written, value))}{',' * (len(value) == 1)})"
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else repr(value)


@dataclass(frozen=True, slots=True, repr=False)
class Fault(_Short):
    """
    A fault of one request.

    :param what: see ``service.py``.
    :param request: ``post``, ``list``, ``get`` (by id), ``cancel`` or ``files``.
    :param number: which of these requests of the whole history, from 1.
    :param seconds: how late the service executes it, or the value of ``Retry-After``.
    """

    what: str
    request: str
    number: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Blow(_Short):
    """
    A fault of a process during its work.

    :param what: ``crash`` (the machine is gone, no process reports it), ``kill`` (the process alone is gone, and its
        supervisor reports it), ``freeze``, ``evict`` (SIGTERM, as a node that is drained sends it).
    :param process: which process of the history, from 1.
    :param step: at which of its steps, from 1.
    :param after: seconds after that step began: its request may be on its way.
    :param seconds: how long it is frozen.
    """

    what: str
    process: int
    step: int
    after: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Act(_Short):
    """
    An action of a person or of Airflow.

    :param what: a person's ``mark_failed``, ``mark_success``, ``clear``, ``delete``, ``remake`` (delete the run, and
        make it again ``seconds`` later), ``clear_neighbour`` (moves the start of the run); Airflow's ``api_busy`` (its
        API does not answer for ``seconds``), ``reset`` (a scheduler mistakes a running task for an orphan, and starts
        its next try), ``give_up`` (it fails the try of a healthy process in spite of its heartbeats).
    :param at: when, in seconds.
    :param task: which mapped instance.
    """

    what: str
    at: float
    task: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Jump(_Short):
    """
    A clock that is set.

    :param machine: its place in ``MACHINES``.
    :param at: when, in seconds.
    :param by: how far forward, in seconds.
    """

    machine: int
    at: float
    by: float


@dataclass(frozen=True, slots=True, repr=False)
class History(_Short):
    """
    One history. The defaults are a night without faults.

    :param seed: of what is drawn while it runs: latencies and jitter.
    :param mode: ``blocking``, ``deferred`` or ``submit`` (which does not wait).
    :param store: whether there is a task state store, as from Airflow 3.3 on.
    :param poller: whether a triggerer's waits share the poller, on an event loop, or are single flows.
    :param tasks: how many mapped instances.
    :param rounds: how often failed files may be submitted again.
    :param bad_rounds: in how many submissions, from the first one on, files fail.
    :param restart_is_new: whether the clear of a running task starts a new series (both happen in Airflow).
    :param queue_seconds: how long a task is queued.
    :param job_seconds: how long a job takes.
    :param outcomes: how the jobs end, by their order; ``Success`` beyond.
    :param lag: how far the list is behind, in seconds.
    :param lag_varies: whether the lag differs at each read, at most ``lag``.
    :param stale: whether the states in the list are behind, too.
    :param get_lags: whether the answer by id is behind, too.
    :param page_size: jobs on a page at most.
    :param strangers: how many jobs of others are in the bucket.
    :param name_filter: how the service applies the filter by name: ``exact``, ``prefix`` or ``ignored``.
    :param tolerance: how far in the future a signature may begin, in seconds (COS: 15 minutes; CI does not say).
    :param cos_style: whether an expired signature is refused as by COS, or as by CI.
    :param dates: whether answers have a ``Date``.
    :param kinds: whether jobs contain their operation, so that earlier ones predict their duration.
    :param running: the state name of a running job.
    :param type: the ``Type`` of the jobs, if any.
    :param keys_last: how long temporary keys are valid, in seconds; ``None`` for permanent keys.
    :param files: how many files a job has, which are counted when it has ended; 0 for jobs whose files are not counted.
    :param files_page: files on a page at most.
    :param files_lag: until how long after the end of a job its files appear and end, in seconds.
    :param listing: how the list of files behaves; see ``files.py``.
    :param beyond: which window of a promise it leaves; see ``drawing.py``.
    :param clocks: how far each clock is ahead, in seconds, by ``MACHINES``.
    """

    seed: int = 0
    mode: str = "blocking"
    store: bool = True
    poller: bool = False
    tasks: int = 1
    retries: int = 1
    rounds: int = 0
    bad_rounds: int = 0
    retry_delay: float = 60.0
    heartbeat_timeout: float = 60.0
    restart_is_new: bool = True
    queue_seconds: float = 1.0
    poll_interval: float = 30.0
    wait_timeout: float | None = None
    execution_timeout: float | None = None
    contact_timeout: float = 600.0
    job_seconds: float = 100.0
    outcomes: tuple[str, ...] = ()
    lag: float = 0.0
    lag_varies: bool = False
    stale: bool = False
    get_lags: bool = False
    page_size: int = 100
    strangers: int = 0
    name_filter: str = "exact"
    tolerance: float = 900.0
    cos_style: bool = False
    dates: bool = True
    kinds: bool = False
    running: str = "Running"
    type: str = ""
    keys_last: float | None = None
    files: int = 0
    files_page: int = 100
    files_lag: float = 0.0
    listing: tuple[str, ...] = ()
    beyond: str = ""
    clocks: tuple[float, ...] = (0.0,) * len(MACHINES)
    jumps: tuple[Jump, ...] = ()
    faults: tuple[Fault, ...] = ()
    blows: tuple[Blow, ...] = ()
    acts: tuple[Act, ...] = ()
