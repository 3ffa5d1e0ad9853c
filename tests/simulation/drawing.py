"""
Drawing a history from a seed.

Each history has a few random kinds of faults: with all of them at once, few histories would get far enough to show a
bug.

Promises have a window: the service acts on a request within ``reconcile_timeout`` of it, and the list shows it by then.
Delays beyond it are drawn only on request.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.simulation.files import LISTING
from tests.simulation.history import MACHINES, Act, Blow, Fault, History, Jump

__all__ = ["BEYOND", "TROUBLES", "draw"]

# The service acts on a request, and the list shows it, within this: a little less than `reconcile_timeout`.
_WINDOW_SECONDS = 280.0

# How far a clock may be off: unnoticeable, within the tolerance of signatures, within that of COS, and beyond it.
_AHEAD = (0.0, 90.0, 300.0, 720.0, 840.0, 3600.0, 3600.0, 86400.0)

# A history with files costs as much as ten others.
_SHARE_WITH_FILES = 0.015

_Draw = Callable[[random.Random, History], dict[str, Any]]


def draw(seed: int, *, beyond: bool = False) -> History:
    """
    Draw a history.

    :param beyond: whether it leaves the window of the promises in at least one way.
    """
    rng = random.Random(seed)
    history = _night(rng, seed)
    names = list(TROUBLES)
    chosen = rng.sample(names, rng.choice((0, 1, 1, 1, 2, 2, 2, 3, 3, 4)))
    for name in chosen:
        history = _with(history, TROUBLES[name](rng, history))
    if beyond:
        name = rng.choice(list(BEYOND))
        return replace(_with(_within_window(history), BEYOND[name](rng, history)), beyond=name)
    history = _within_window(history)
    return _with(history, _files(rng, history)) if rng.random() < _SHARE_WITH_FILES else history


def _with(history: History, drawn: dict[str, Any]) -> History:
    """Return a history with the drawn values; lists are appended."""
    joined = {name: (*getattr(history, name), *drawn[name]) for name in ("acts", "faults") if name in drawn}
    return replace(history, **{**drawn, **joined})


def _night(rng: random.Random, seed: int) -> History:
    job_seconds = rng.choice((3.0, 20.0, 100.0, 400.0, 1500.0))
    return History(
        seed=seed,
        mode=rng.choice(("blocking", "deferred", "deferred", "submit")),
        store=rng.random() < 0.5,
        poller=rng.random() < 0.4,
        retries=rng.choice((0, 1, 1, 2, 3)),
        retry_delay=rng.choice((1.0, 20.0, 60.0, 300.0)),
        heartbeat_timeout=rng.choice((20.0, 60.0, 300.0)),
        restart_is_new=rng.random() < 0.5,
        queue_seconds=rng.choice((0.5, 5.0, 60.0)),
        poll_interval=max(10.0, job_seconds / rng.choice((3, 6, 12))),
        wait_timeout=rng.choice((None, None, None, job_seconds / 2, job_seconds * 2)),
        contact_timeout=rng.choice((60.0, 600.0)),
        job_seconds=job_seconds,
        tolerance=rng.choice((0.0, 900.0)),
        cos_style=rng.random() < 0.3,
    )


def _moment(rng: random.Random, history: History) -> float:
    """Draw when something happens: while it submits, while the job runs, or later."""
    begin = 1.5 + history.queue_seconds
    return round(begin + rng.choice((0.6, 0.6, 5.0, history.job_seconds, history.job_seconds + 100)) * rng.random(), 2)


def _several(rng: random.Random) -> int:
    return rng.choice((1, 1, 1, 2, 2, 3))


def _post_faults(rng: random.Random, _history: History) -> dict[str, Any]:
    """Missing or useless answers to submissions."""
    kinds = ("reset", "dropped", "lost", "lost", "hang", "error", "error_after", "truncated", "html")
    return {"faults": tuple(Fault(rng.choice(kinds), "post", number + 1) for number in range(_several(rng)))}


def _late_posts(rng: random.Random, _history: History) -> dict[str, Any]:
    """A service that executes a submission after the client's timeout."""
    return {
        "faults": tuple(
            Fault(rng.choice(("late", "late_reset", "late_504")), "post", number + 1, _late_seconds(rng))
            for number in range(_several(rng))
        )
    }


def _late_seconds(rng: random.Random) -> float:
    return rng.choice((2.0, 10.0, 25.0, 35.0, 45.0, 70.0, 100.0, 150.0, 220.0, 270.0))


def _refusals(rng: random.Random, history: History) -> dict[str, Any]:
    """A service that refuses requests unread; sometimes the process is frozen in the pause after that."""
    if rng.random() < 0.25:
        return _refused_and_frozen(rng, history)
    kinds = ("refused", "throttled", "throttled", "saturated")
    return {
        "faults": tuple(
            Fault(
                rng.choice(kinds),
                rng.choice(("post", "post", "list", "cancel")),
                rng.randint(1, 4),
                rng.choice((0.0, 2.0, 40.0)),
            )
            for _ in range(_several(rng))
        )
    }


def _refused_and_frozen(rng: random.Random, history: History) -> dict[str, Any]:
    """A process that is frozen in the pause after a refused submission, and resumes about when the next try submits."""
    until_next_try = history.heartbeat_timeout + history.retry_delay + history.queue_seconds
    polled = 0 if history.store else 300
    thaws_after = max(2.0, until_next_try + polled + rng.choice((-20, 0, 1, 2, 3, 5, 10, 60)))
    fault = Fault(rng.choice(("throttled", "unavailable", "saturated")), "post", 1, rng.choice((0.0, 2.0, 40.0)))
    return {
        "retries": max(1, history.retries),
        "faults": (fault,),
        "blows": (Blow("freeze", 1, 3, rng.choice((0.0, 0.5)), round(thaws_after, 1)),),
    }


def _read_faults(rng: random.Random, _history: History) -> dict[str, Any]:
    """Polls without an answer."""
    kinds = ("reset", "dropped", "hang", "error", "error", "truncated", "html", "late_504", "odd_date", "cut_short")
    begin, number = rng.randint(1, 8), rng.choice((1, 1, 2, 5, 12))
    kind = rng.choice(kinds)
    where = rng.choice(("list", "list", "list", "get", "cancel"))
    return {"faults": tuple(Fault(kind, where, begin + index) for index in range(number))}


def _lag(rng: random.Random, _history: History) -> dict[str, Any]:
    return {
        "lag": rng.choice((2.0, 10.0, 15.0, 25.0, 40.0, 60.0, 90.0, 150.0, 250.0)),
        "lag_varies": rng.random() < 0.3,
        "stale": rng.random() < 0.3,
        "get_lags": rng.random() < 0.5,
    }


def _clocks(rng: random.Random, _history: History) -> dict[str, Any]:
    offsets = [sign * ahead for ahead in _AHEAD for sign in (-1, 1)]
    same = rng.choice(offsets)
    clocks = (same,) * 5 if rng.random() < 0.4 else tuple(rng.choice(offsets) for _ in MACHINES[:5])
    return {"clocks": (*clocks, 0.0)}


def _jumps(rng: random.Random, history: History) -> dict[str, Any]:
    return {
        "jumps": tuple(
            Jump(
                rng.randrange(len(MACHINES)),
                _moment(rng, history),
                rng.choice((-3600.0, -600.0, -60.0, 60.0, 600.0, 3600.0)),
            )
            for _ in range(_several(rng))
        )
    }


def _deaths(rng: random.Random, _history: History) -> dict[str, Any]:
    """Processes that are killed or frozen, most often while they submit."""
    kinds = ("crash", "crash", "kill", "evict", "freeze", "freeze")
    return {
        "blows": tuple(
            Blow(
                rng.choice(kinds),
                process,
                rng.choice((1, 2, 3, 4, 5, 5, 6, 6, 7, 8, 10, 15)),
                rng.choice((0.0, 0.0, 0.02, 0.12, 5.0, 20.0)),
                rng.choice((2.0, 40.0, 100.0, 400.0)),
            )
            for process in sorted(rng.sample((1, 1, 2, 2, 3, 4), _several(rng)))
        )
    }


def _busy(rng: random.Random, history: History) -> dict[str, Any]:
    """An API that is unresponsive for so long that healthy processes count as dead."""
    seconds = history.heartbeat_timeout * rng.choice((0.5, 1.2, 1.2, 2.0, 4.0))
    return {"acts": (Act("api_busy", _moment(rng, history), 0, round(seconds, 1)),)}


def _reset(rng: random.Random, history: History) -> dict[str, Any]:
    return {"acts": (Act("reset", _moment(rng, history)),)}


def _people(rng: random.Random, history: History) -> dict[str, Any]:
    kinds = ("mark_failed", "mark_success", "clear", "clear", "delete", "remake", "remake")
    acts = tuple(
        Act(
            rng.choice(kinds),
            _moment(rng, history),
            rng.randrange(history.tasks),
            rng.choice((0.5, 20.0, 300.0, 700.0)),
        )
        for _ in range(_several(rng))
    )
    return {"acts": acts}


def _stops(rng: random.Random, history: History) -> dict[str, Any]:
    """A person who ends a task while its job runs, and a service with faults during the cancel."""
    kinds = ("mark_failed", "mark_success", "clear", "delete")
    act = Act(rng.choice(kinds), round(3 + history.queue_seconds + history.job_seconds * rng.random() / 2, 1))
    faults = ("reset", "dropped", "lost", "hang", "error", "html", "throttled", "late", "truncated")
    fault = Fault(rng.choice(faults), "cancel", 1, rng.choice((1.0, 4.0, 20.0)))
    return {"acts": (act,), "faults": (fault,) if rng.random() < 0.6 else ()}


def _neighbour(rng: random.Random, history: History) -> dict[str, Any]:
    return {"acts": (Act("clear_neighbour", _moment(rng, history)),)}


def _pages(rng: random.Random, _history: History) -> dict[str, Any]:
    return {
        "page_size": rng.choice((1, 2, 5)),
        "strangers": rng.choice((2, 5, 9)),
        "name_filter": rng.choice(("ignored", "prefix", "exact")),
    }


def _keys(rng: random.Random, _history: History) -> dict[str, Any]:
    return {"keys_last": rng.choice((300.0, 1800.0))}


def _bad_jobs(rng: random.Random, _history: History) -> dict[str, Any]:
    return {"outcomes": tuple(rng.choice(("Failed", "Cancel", "Success")) for _ in range(3))}


def _rounds(rng: random.Random, _history: History) -> dict[str, Any]:
    return {"rounds": rng.choice((1, 2)), "bad_rounds": rng.choice((1, 2, 3))}


def _files(rng: random.Random, _history: History) -> dict[str, Any]:
    """A long list of files that changes while it is counted, and a service that refuses some of its pages."""
    kinds = ("throttled", "unavailable", "error", "html", "truncated", "reset", "dropped", "hang")
    faults = (
        Fault(rng.choice(kinds), "files", rng.randint(1, 60), rng.choice((0.0, 2.0)))
        for _ in range(rng.choice((0, 2, 5)))
    )
    listing = set(rng.sample(LISTING, rng.choice((0, 1, 2, 3))))
    if "late" in listing:  # a number means another place when files appear before it
        listing.add("markers")
    return {
        "tasks": 1,
        "kinds": True,
        "files": rng.choice((0, 20, 100, 200)) + rng.randint(1, 9),
        "files_page": rng.choice((2, 3, 5)),
        "files_lag": rng.choice((5.0, 20.0, 60.0)) if "late" in listing else 0.0,
        "listing": tuple(sorted(listing)),
        "faults": tuple(faults),
    }


def _mapped(rng: random.Random, _history: History) -> dict[str, Any]:
    return {"tasks": rng.choice((2, 2, 3, 6))}


def _limits(rng: random.Random, history: History) -> dict[str, Any]:
    return {
        "execution_timeout": round(
            rng.choice((2.0, 30.0, 310.0, history.job_seconds * 0.7, history.job_seconds + 60)), 1
        )
    }


def _no_dates(rng: random.Random, _history: History) -> dict[str, Any]:
    """Answers without the service's time, and clock differences within the tolerance of signatures."""
    return {"dates": False, "clocks": (*(rng.choice((-60.0, -30.0, 0.0, 30.0)) for _ in MACHINES[:5]), 0.0)}


def _words(rng: random.Random, _history: History) -> dict[str, Any]:
    """Jobs with their operation, so that earlier ones predict their duration, and unknown values."""
    return {
        "kinds": True,
        "running": rng.choice(("Running", "Running", "Pause", "Checking")),
        "type": rng.choice(("", "Workflow", "Other")),
    }


TROUBLES: dict[str, _Draw] = {
    "mapped": _mapped,
    "post faults": _post_faults,
    "late posts": _late_posts,
    "refusals": _refusals,
    "read faults": _read_faults,
    "lag": _lag,
    "clocks": _clocks,
    "jumps": _jumps,
    "deaths": _deaths,
    "busy": _busy,
    "reset": _reset,
    "people": _people,
    "stops": _stops,
    "neighbour": _neighbour,
    "pages": _pages,
    "keys": _keys,
    "bad jobs": _bad_jobs,
    "rounds": _rounds,
    "words": _words,
    "no dates": _no_dates,
    "execution_timeout": _limits,
}


def _very_late(rng: random.Random, _history: History) -> dict[str, Any]:
    fault = Fault(rng.choice(("late", "late_reset", "late_504")), "post", 1, rng.choice((310.0, 400.0, 900.0, 3600.0)))
    return {"faults": (fault,)}


def _very_slow_list(rng: random.Random, _history: History) -> dict[str, Any]:
    return {"lag": rng.choice((310.0, 400.0, 900.0)), "faults": (Fault("lost", "post", 1),)}


def _twice(rng: random.Random, _history: History) -> dict[str, Any]:
    return {"faults": (Fault("twice", "post", 1, rng.choice((0.5, 20.0, 200.0))),)}


def _given_up(rng: random.Random, history: History) -> dict[str, Any]:
    return {"acts": (Act("give_up", _moment(rng, history)),)}


BEYOND: dict[str, _Draw] = {
    "very late": _very_late,
    "very slow list": _very_slow_list,
    "twice": _twice,
    "given up": _given_up,
}


def _within_window(history: History) -> History:
    """Let the service list late jobs in time, and send its time if clocks differ."""
    if not history.dates and (history.jumps or any(history.clocks)):
        history = replace(history, clocks=tuple(max(-60.0, min(60.0, ahead)) for ahead in history.clocks), jumps=())
    room = max(0.0, _WINDOW_SECONDS - history.lag)
    if not any(each.what.startswith("late") and each.seconds > room for each in history.faults):
        return history
    faults = (
        replace(each, seconds=min(each.seconds, room)) if each.what.startswith("late") else each
        for each in history.faults
    )
    return replace(history, faults=tuple(faults))
