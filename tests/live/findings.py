"""The answer to a question: findings, each with a verdict about an assumption of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.exceptions import ApiError

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.emulator.contract.facts import Answer
    from tests.live.check import Check
    from tests.live.orders import Order


class Verdict(StrEnum):
    DIFFERS = "differs"
    """The service does something else than this package assumes; ``change`` says what to change."""
    FAILED = "failed"
    """Asking went wrong."""
    UNCLEAR = "unclear"
    """Asked, and the answers do not decide it."""
    AS_ASSUMED = "as assumed"
    NOTED = "noted"
    """Answered; the package relies on neither answer."""
    OUTSIDE = "cannot be told from outside"
    NOT_ASKED = "not asked"


# The first verdict in this order is the verdict of the question.
_WEIGHTS = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class Finding:
    """
    :param text: the answer in words.
    :param change: what to change in this project, or how to find the answer.
    :param answers: what it says about facts of the contract, by their names.
    """

    verdict: Verdict
    text: str
    change: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """
    One of the open questions of docs/service.md, section 11.

    :param number: its number there.
    :param why: the part of this package that relies on the answer.
    :param ask: yields the findings.
    :param orders: the jobs that it may submit or read; other questions may use them, too.
    """

    number: int
    text: str
    why: str
    ask: Callable[[Check], Iterator[Finding]]
    orders: Sequence[Order] = ()


def as_assumed(text: str, change: str = "", **answers: Answer) -> Finding:
    return Finding(Verdict.AS_ASSUMED, text, change, answers)


def differs(text: str, change: str, **answers: Answer) -> Finding:
    return Finding(Verdict.DIFFERS, text, change, answers)


def noted(text: str, change: str = "", **answers: Answer) -> Finding:
    return Finding(Verdict.NOTED, text, change, answers)


def unclear(text: str, find_out: str = "") -> Finding:
    return Finding(Verdict.UNCLEAR, text, find_out)


def not_asked(why: str) -> Finding:
    return Finding(Verdict.NOT_ASKED, why)


def outside(text: str, find_out: str) -> Finding:
    return Finding(Verdict.OUTSIDE, text, find_out)


def brief(failure: Exception | None, otherwise: str = "accepted") -> str:
    """Return the service's message without the advice for users; ``otherwise`` if it was no refusal."""
    if isinstance(failure, ApiError):
        return f"HTTP {failure.status} {failure.code}: {failure.message.rstrip('.')}"
    return otherwise if failure is None else str(failure).rstrip(".")


def executions(count: int) -> str:
    return "1 execution" if count == 1 else f"{count} executions"


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    return min((finding.verdict for finding in findings), key=_WEIGHTS.index, default=Verdict.NOT_ASKED)
