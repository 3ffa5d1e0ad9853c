"""Reduces a failing history: removes or simplifies all parts that do not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from tests.simulation.history import History

__all__ = ["shrunk"]

_LISTS = ("faults", "blows", "acts", "jumps")
_MOST_RUNS = 3_000


def shrunk(history: History, fails: Callable[[History], bool]) -> History:
    """
    Return a smaller history that fails, too.

    :param fails: whether a history breaks the invariant in question.
    """
    runs, found = 0, True
    while found and runs < _MOST_RUNS:
        found = False
        for smaller in _smaller(history):
            runs += 1
            if fails(smaller):
                history, found = smaller, True
                break
    return history


def _smaller(history: History) -> Iterator[History]:
    """Return histories that lack one part each, the largest reductions first."""
    for name in _LISTS:
        items = getattr(history, name)
        for index in range(len(items)):
            yield replace(history, **{name: (*items[:index], *items[index + 1 :])})
    for field in fields(History):
        if field.name not in _LISTS and getattr(history, field.name) != field.default:
            yield replace(history, **{field.name: field.default})
    for index, ahead in enumerate(history.clocks):
        if ahead:
            yield replace(history, clocks=(*history.clocks[:index], 0.0, *history.clocks[index + 1 :]))
    for name in _LISTS:
        items = getattr(history, name)
        for index, item in enumerate(items):
            for plainer in _plainer(item):
                yield replace(history, **{name: (*items[:index], plainer, *items[index + 1 :])})
    if history.outcomes:
        yield replace(history, outcomes=history.outcomes[:-1])


def _plainer(item: Any) -> Iterator[Any]:
    """Return the same with one number made smaller, or rounded."""
    for field in fields(item):
        value = getattr(item, field.name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        least = 1 if field.name in ("number", "process", "step") else 0
        for candidate in (least, value // 2, round(value, -1), round(value), value - 1):
            if least <= candidate < value or (
                candidate != value and float(candidate).is_integer() > float(value).is_integer()
            ):
                yield replace(item, **{field.name: type(value)(candidate)})
