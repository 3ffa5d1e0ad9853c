"""A failing history is made small, and still fails."""

from __future__ import annotations

import pytest

from tests.simulation.drawing import draw
from tests.simulation.history import Act, Blow, Fault, History
from tests.simulation.runs import run
from tests.simulation.shrinking import shrunk


def test_irrelevant_steps_are_removed():
    history = History(
        seed=9,
        mode="deferred",
        lag=40,
        clocks=(720, 300, 0, 0, 720, 0),
        faults=(Fault("error", "list", 3), Fault("lost", "post", 2), Fault("hang", "post", 5)),
        blows=(Blow("crash", 2, 7, 5.0),),
        acts=(Act("clear", 17.3), Act("delete", 50)),
    )
    small = shrunk(history, lambda one: any(fault.what == "lost" for fault in one.faults) and one.clocks[4] > 0)
    assert small == History(clocks=(0, 0, 0, 0, 720, 0), faults=(Fault("lost", "post", 1),))


def test_numbers_are_simplified():
    history = History(acts=(Act("clear", 187.37),), blows=(Blow("freeze", 5, 11, 0.12, 400.0),))
    small = shrunk(history, lambda one: bool(one.acts and one.blows) and one.blows[0].seconds > 90 < one.acts[0].at)
    assert small == History(acts=(Act("clear", 91),), blows=(Blow("freeze", 1, 1, 0, 91),))


@pytest.mark.slow
def test_a_shrunk_history_fails_as_before():
    def has_two_jobs(one):
        return len(run(one)[0].service.jobs) - one.strangers > 1

    found = [history for history in map(draw, range(300)) if has_two_jobs(history)][:10]
    assert len(found) == 10
    for history in found:
        small = shrunk(history, has_two_jobs)
        assert has_two_jobs(small)
        assert len(repr(small)) <= len(repr(history))
