"""The invariants of all histories. Each invariant has a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.exceptions import (
    AuthenticationError,
    CredentialsError,
    JobCancelledError,
    JobFailedError,
    SubmitOutcomeUnknownError,
    TencentCIError,
)
from tests.simulation.airflow_model import AirflowError
from tests.simulation.tasks import ExecutionTimeout

if TYPE_CHECKING:
    from tests.simulation.airflow_model import Attempt, End
    from tests.simulation.service import Job
    from tests.simulation.world import Process, Reading, World

__all__ = ["INVARIANTS", "Violation", "check"]

_GRACE_SECONDS = 90.0

_FORESEEN = (TencentCIError, AirflowError, ExecutionTimeout, KeyboardInterrupt)

# With a shorter limit a worker never holds its lease, and in the last try a mark looks like an action of Airflow.
_SHORTEST_LEASE_SECONDS = 44.0


@dataclass(frozen=True, slots=True)
class Violation:
    """
    An invariant that did not hold.

    :param name: of the invariant.
    :param text: the finding in words.
    """

    name: str
    text: str


def check(world: World) -> list[Violation]:
    """Return the broken invariants of a finished history, the worst first."""
    return [Violation(name, text) for name, invariant in INVARIANTS.items() for text in invariant(world)]


def _ends(world: World) -> Iterator[str]:
    """Each history ends by itself."""
    if not world.ends:
        yield f"after {world.events} events, at {world.now:.0f} s, it still goes on"


def _nothing_unforeseen(world: World) -> Iterator[str]:
    """Each failure is an error of the package, and no other exception."""
    for process, attempt in world.airflow.attempts.items():
        if attempt.error is not None and not isinstance(attempt.error, _FORESEEN):
            yield f"{process.name}: {attempt.error!r}"
    yield from map(repr, world.ledger.errors)


def _one_left(world: World) -> Iterator[str]:
    """Of the jobs of one attempt series and round, at most one runs to its own end."""
    history = world.history
    is_late = history.lag or any(fault.what.startswith("late") for fault in history.faults)
    for first, second in _overlaps(world):
        if _is_of_frozen(world, first, second) and (is_late or history.job_seconds < _GRACE_SECONDS):
            continue  # the process that was frozen looks for its own job and cancels it, but too early or too late
        if first.cancels or second.cancels or _is_zombies(world, first, second):
            continue
        if not _is_of_frozen_and_stopped(world, first, second):
            yield f"{second.job_id} was made beside {first.job_id} and both were left"


def _one_made(world: World) -> Iterator[str]:
    """
    No job is created while another one of the same attempt series and round is live or has succeeded. An exception is
    the request of a process that was frozen while it sent the request.
    """
    for first, second in _overlaps(world):
        if _is_of_frozen(world, first, second) or _is_zombies(world, first, second):
            continue
        yield f"{second.job_id} was made beside {first.job_id}, {first.state(second.created_at)}"


def _own_job(world: World) -> Iterator[str]:
    """No task succeeds with the job of another task. A live job of a deleted run may be adopted."""
    for process, attempt in _tasks(world):
        if attempt.how != "returned" or not isinstance(attempt.result, str):
            continue
        job = world.service.jobs[attempt.result]
        if job.series == attempt.series and job.round == attempt.round:
            continue
        if not _may_adopt(world, attempt, job):
            yield f"{process.name} ended well with {job.job_id}, which is of {job.series}, not of {attempt.series}"


def _reported_as_ended(world: World) -> Iterator[str]:
    """A task that waited has the result of its job."""
    if world.history.mode == "submit":
        return
    for process, attempt in _tasks(world):
        ended_at = process.ended_at or 0.0
        if attempt.how == "returned" and isinstance(attempt.result, str):
            job, expected = world.service.jobs[attempt.result], "Success"
        elif isinstance(attempt.error, JobFailedError | JobCancelledError):
            job = world.service.jobs[attempt.error.job.job_id]
            expected = "Failed" if isinstance(attempt.error, JobFailedError) else "Cancel"
        else:
            continue
        if job.state(ended_at) != expected:
            yield f"{process.name} says {expected} of {job.job_id}, which is {job.state(ended_at)}"


def _known(world: World) -> Iterator[str]:
    """A running job is known to its task, or the task logged that it may exist."""
    for job in world.service.jobs.values():
        if job.process is None or job.cancels or job.outcome != "Success":
            continue
        if any(end.series == job.series for end in world.airflow.ends):
            continue
        if job.process in world.ledger.zombies or world.ledger.frozen_in_post:
            continue
        tries = [(process, attempt) for process, attempt in _tasks(world) if attempt.series == job.series]
        if any(job.job_id in attempt.knows or job.job_id in attempt.named for _, attempt in tries):
            continue
        if any(world.service.jobs[known].series != job.series for _, attempt in tries for known in attempt.knows):
            continue  # they adopted the job of a deleted run before their own was created
        if _took_on_zombies(world, job, tries):
            continue
        last, its = tries[-1]
        if isinstance(its.error, TencentCIError) and job.job_id in str(its.error):
            continue
        if its.how in ("crashed", "stopped", "timed out") or isinstance(
            its.error, SubmitOutcomeUnknownError | AirflowError
        ):
            continue
        yield f"{job.job_id} goes on, and no try knows it: {last.name} ended with {its.error or its.result!r}"


def _wanted_not_cancelled(world: World) -> Iterator[str]:
    """A wanted job is never cancelled: its task was not marked, cleared or deleted, and it is no second job."""
    for job in world.service.jobs.values():
        for at, process in job.cancels:
            if _is_unwanted(world, job, at) or _is_second(world, job, at) or _is_out_of_time(world, process):
                continue
            if not (_is_adopted_unseen(world, job, at, process) or _is_reset_unseen(world, process)):
                yield f"{process.name} cancelled {job.job_id} at {at:.0f} s, which is wanted"


def _unwanted_not_left(world: World) -> Iterator[str]:
    """An unwanted job is cancelled, if a process that could cancel it knew it."""
    if any(act.what == "api_busy" for act in world.history.acts):
        return
    for end in world.airflow.ends:
        for job in world.service.jobs.values():
            if job.series == end.series and _should_have_been_cancelled(world, end, job):
                yield f"{job.job_id} goes on, though its task was {end.what} at {end.at:.0f} s"


def _wait_in_time(world: World) -> Iterator[str]:
    """No wait exceeds its deadline by more than one step, by the clock that measures it."""
    history = world.history
    allowed = history.poll_interval + 20 + 40 * len(history.faults)
    allowed += sum(blow.seconds for blow in history.blows) + sum(act.seconds for act in history.acts)
    allowed += sum(jump.by for jump in history.jumps if jump.by > 0)
    if history.faults or history.lag:  # while nothing can be read, the contact timeout ends the wait
        allowed += history.contact_timeout + max((fault.seconds for fault in history.faults), default=0)
    for process, attempt in world.airflow.attempts.items():
        if attempt.late_seconds > allowed:
            yield f"{process.name} ended {attempt.late_seconds:.0f} s after its deadline"


def _keys_valid(world: World) -> Iterator[str]:
    """No request has invalid keys or an invalid time, except the few that reveal this."""
    history = world.history
    for process, number in world.service.refusals.items():
        allowed = 3.0 + len(history.faults) + 16 * len(history.jumps)
        if history.keys_last:
            allowed += 2 * ((process.ended_at or world.now) - process.started_at) / history.keys_last
        if number > allowed:
            yield f"{number} requests of {process.name} were refused for their keys or their time"
    is_misled = any(history.clocks) and any(fault.what == "odd_date" for fault in history.faults)
    if is_misled or (history.keys_last and history.jumps):  # for a moment the time or valid keys cannot be known
        return
    for process, attempt in world.airflow.attempts.items():
        if isinstance(attempt.error, AuthenticationError | CredentialsError):
            yield f"{process.name} failed of its keys or its clock: {attempt.error}"


def _requests_bounded(world: World) -> Iterator[str]:
    """A process polls no more often than at its interval, except at the start."""
    history = world.history
    if history.kinds:
        return
    for process in world.processes:
        seconds = (process.ended_at or world.now) - process.started_at
        looks = 5 if history.lag else 1
        pages = 1 + len(world.service.jobs) // history.page_size
        submitting = 60 + 20 * history.rounds + 10 * len(history.faults)
        waiting = looks * 2 * seconds / history.poll_interval
        if process.requests > (submitting + waiting) * pages * (1 if process.owner else history.tasks):
            yield f"{process.name} sent {process.requests} requests in {seconds:.0f} s"


def _files_counted(world: World) -> Iterator[str]:
    """
    The reported counts of files were true: exactly, if the list does not change while it is read.

    If it changes, each file that was listed before the reading counts once, in its state then or in a later one. A file
    that appeared meanwhile counts once or not at all.
    """
    for reading in world.ledger.readings:
        assert reading.job.files is not None
        before, after = (reading.job.files.held(at, reading.job.ends_at) for at in (reading.began_at, reading.ended_at))
        if reading.counts is not None:
            yield from _miscounted(reading, before, after)
        if reading.failed is not None:
            yield from _mislisted(reading, before, after)


def _miscounted(reading: Reading, before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    least, most = Counter(before.values()), Counter(after.values())
    told = {state: reading.counts[state] for state in ("Success", "Failed", "Total")}
    least["Total"], most["Total"] = len(before), len(after)
    for state, number in told.items():
        if not least[state] <= number <= most[state]:
            yield (
                f"{reading.process.name} counted {number} files ({state}) of {reading.job.job_id}, "
                f"which had {least[state]} before and {most[state]} after"
            )


def _mislisted(reading: Reading, before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    least, most = (
        {f"media/{run_id}.mp4" for run_id, state in held.items() if state == "Failed"} for held in (before, after)
    )
    listed = set(reading.failed)
    if len(listed) < len(reading.failed) or not least <= listed <= most:
        yield (
            f"{reading.process.name} listed {len(reading.failed)} failed files of {reading.job.job_id}: "
            f"{len(reading.failed) - len(listed)} twice, {len(least - listed)} missing, {len(listed - most)} wrong"
        )


INVARIANTS: dict[str, Callable[[World], Iterator[str]]] = {
    "one job left": _one_left,
    "one job made": _one_made,
    "own job": _own_job,
    "wanted job not cancelled": _wanted_not_cancelled,
    "job known": _known,
    "reported as ended": _reported_as_ended,
    "unwanted job not left": _unwanted_not_left,
    "wait in time": _wait_in_time,
    "keys valid": _keys_valid,
    "requests bounded": _requests_bounded,
    "files counted": _files_counted,
    "nothing unforeseen": _nothing_unforeseen,
    "history ends": _ends,
}


def _is_of_frozen(world: World, first: Job, second: Job) -> bool:
    """Whether one of the two was requested by a process that was frozen while it sent the request."""
    return bool({first.process, second.process} & world.ledger.frozen_in_post)


def _is_of_frozen_and_stopped(world: World, first: Job, second: Job) -> bool:
    """
    Whether the younger job's request was sent by a process that was frozen before it, and stopped before the answer.

    The other process searches for it at the end of its task. By then the younger job has ended, too.
    """
    sender = second.process
    if sender not in world.ledger.frozen_in_post or world.airflow.attempts[sender].how != "stopped":
        return False
    last_end_at = max(process.ended_at or world.now for process, its in _tasks(world) if its.series == second.series)
    return second.ends_at <= last_end_at and _excused(world, "a frozen and stopped process's job ended by itself")


def _is_zombies(world: World, first: Job, second: Job) -> bool:
    """Whether one of the two was requested by a process of an abandoned try, and no store can reveal that."""
    return not world.history.store and bool({first.process, second.process} & world.ledger.zombies)


def _may_adopt(world: World, attempt: Attempt, job: Job) -> bool:
    """
    Whether a job of a deleted run may serve the recreated run.

    It may if it was live in the last answer to the process that adopted it. It also may if it was created late, after
    the new run had sent its own request: then the two cannot be distinguished. Without a store, a later try cannot
    distinguish them either.
    """
    if job.series is None or (*job.series[1:], job.round) != (*attempt.series[1:], attempt.round):
        return False
    if not world.history.store and attempt.try_number > attempt.series[2] - world.history.retries + 1:
        return True
    of_series = [(process, its) for process, its in _tasks(world) if its.series == attempt.series]
    first = min((its for _, its in of_series if job.job_id in its.knows), key=lambda its: its.knows[job.job_id])
    if job.job_id in first.learned_live:
        return True
    return any(at < job.created_at for process, _ in of_series for at in process.posts)


def _took_on_zombies(world: World, job: Job, tries: list[tuple[Process, Attempt]]) -> bool:
    """
    Whether there is no store, and the tries had a job of an abandoned process before theirs was listed. They cannot
    distinguish that job from their own, so they do not search for another one.
    """
    if world.history.store:
        return False
    known = {known: at for _, its in tries for known, at in its.knows.items()}
    listed_at = job.created_at + world.history.lag
    return any(
        at < listed_at and world.service.jobs[known].process in world.ledger.zombies for known, at in known.items()
    ) and _excused(world, "a given-up process's job was taken on before a late one was made")


def _overlaps(world: World) -> Iterator[tuple[Job, Job]]:
    """Return pairs of jobs of one series and round whose second was created while the first had not failed."""
    jobs = world.service.jobs
    if len(jobs) - world.history.strangers < 2:
        return
    ordered = sorted((job for job in jobs.values() if job.process), key=lambda job: job.created_at)
    for first, second in combinations(ordered, 2):
        if (first.series, first.round) == (second.series, second.round) and not first.is_dead(second.created_at):
            yield first, second


def _tasks(world: World) -> Iterator[tuple[Process, Attempt]]:
    return ((process, attempt) for process, attempt in world.airflow.attempts.items() if attempt.kind == "task")


def _is_unwanted(world: World, job: Job, at: float) -> bool:
    """Whether a person ended its task and no process has adopted it since; or no task wants it."""
    if job.process in world.ledger.zombies:
        return True
    if any(end.series == job.series and at - 10 < end.at <= at for end in world.airflow.ends):
        return True  # a process that adopted it in these seconds could not know
    over = {end.series for end in world.airflow.ends if end.at <= at}
    users = {
        attempt.series
        for attempt in world.airflow.attempts.values()
        if attempt.kind == "task" and attempt.knows.get(job.job_id, at + 1) <= at
    }
    return job.series in over and users <= over


def _is_adopted_unseen(world: World, job: Job, at: float, process: Process) -> bool:
    """
    Whether a try of a recreated run adopted the deleted run's job, and could not inform the deleted run. The deleted
    run's process decides to cancel, since its run is deleted. It sees a try that has recorded the job by then.
    """
    killer = world.airflow.attempts[process]
    if not killer.kind.endswith("on_kill"):
        return False
    decider = world.airflow.attempts[killer.result]
    if decider.decided_at is None:
        return False
    of_decider = [end for end in world.airflow.ends if end.series == decider.series]
    is_deleted = any(end.what == "deleted" and end.at < decider.decided_at for end in of_decider)
    later = [its for _, its in _tasks(world) if its.series[0] > decider.series[0]]  # of runs made after its own
    adopters = [its for its in later if its.knows.get(job.job_id, at) < at]
    is_seen = any(its.recorded.get(job.job_id, at) < decider.decided_at for its in adopters)
    return is_deleted and not is_seen and _excused(world, "an adopted job is cancelled for a deleted run")


def _is_reset_unseen(world: World, process: Process) -> bool:
    """
    Whether Airflow reset the task of a healthy process, and the next try failed before it could remove its XComs.

    Then the task has failed, and nothing that the process can read shows that this is another try's end.
    """
    killer = world.airflow.attempts[process]
    if not killer.kind.endswith("on_kill") or not any(act.what == "reset" for act in world.history.acts):
        return False
    decider = world.airflow.attempts[killer.result]
    later = [its for _, its in _tasks(world) if its.series == decider.series and its.try_number > decider.try_number]
    is_unseen = bool(later) and all(isinstance(its.error, AirflowError) for its in later)
    return is_unseen and _excused(world, "a reset task's next try failed at once")


def _excused(world: World, what: str) -> bool:
    """Count a history's violation that no client could have avoided; return ``True``."""
    world.count(f"excused: {what}")
    return True


def _is_out_of_time(world: World, process: Process) -> bool:
    """Whether the time of the try that cancels is over."""
    attempt = world.airflow.attempts[process]
    return attempt.is_out_of_time or attempt.kind == "task on_timeout"


def _is_second(world: World, job: Job, at: float) -> bool:
    return any(
        other is not job and _serves_the_same(other, job)
        and other.created_at <= at and not other.is_dead(at)
        for other in world.service.jobs.values()
    )  # fmt: skip


def _serves_the_same(one: Job, other: Job) -> bool:
    """Whether two jobs have one name: they belong to one series, or to the same series of a recreated run."""
    if one.series is None or other.series is None:
        return False
    return (*one.series[1:], one.round) == (*other.series[1:], other.round)


def _should_have_been_cancelled(world: World, end: End, job: Job) -> bool:
    if job.cancels or not job.created_at < end.at < job.ends_at - _GRACE_SECONDS or end.holder is None:
        return False
    holder = world.airflow.attempts[end.holder]
    if holder.how != "stopped" or holder.knows.get(job.job_id, end.at) >= end.at:
        return False
    later = world.airflow.ends[world.airflow.ends.index(end) + 1 :]
    if any(other.series == end.series and other.at < end.at + 10 for other in later):
        return False  # marked and cleared at once: the next action hides the mark
    if any(each.run > end.series[0] for each in world.airflow.made_by(end.at + _GRACE_SECONDS)):
        return False  # the new run's state hides the person's action on the old one
    if end.what in ("marked failed", "marked success") and world.history.heartbeat_timeout < _SHORTEST_LEASE_SECONDS:
        return False
    has_limit = world.history.wait_timeout or world.history.execution_timeout
    if (world.history.jumps or has_limit) and any("DOUBT" in its.decisions for its in world.airflow.attempts.values()):
        return (
            False  # a clock that is set forward ends a lease early; a trigger after its deadline may have been resumed
        )
    if any(job.job_id in a.knows for a in world.airflow.attempts.values() if a.series != end.series):
        return False
    if _keys_seemed_new(world, end.holder):
        return not _excused(world, "keys that seemed new have expired")
    troubles = [request for at, request in world.ledger.troubles if at > end.at - _GRACE_SECONDS]
    return not troubles or (troubles == ["cancel"] and not _is_asked_to_wait(world))


def _keys_seemed_new(world: World, holder: Process) -> bool:
    """
    Whether the service's clock was set forward over the end of keys, and then refused them to a process that stops.

    The process got them less than a minute ago. It cannot distinguish this from a wrong clock, for which new keys do
    not help.
    """
    killers = [process for process, its in world.airflow.attempts.items() if its.result is holder]
    is_set_forward = any(jump.machine == 5 and jump.by > 0 for jump in world.history.jumps)
    return bool(world.history.keys_last) and is_set_forward and any(each in world.service.refusals for each in killers)


def _is_asked_to_wait(world: World) -> bool:
    """Whether ``Retry-After`` is longer than the time of a killed process."""
    return any(fault.what == "throttled" and fault.seconds > 1 for fault in world.history.faults)
