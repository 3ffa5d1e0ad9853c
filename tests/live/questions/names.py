"""Question 13: the valid names."""

from __future__ import annotations

from collections.abc import Iterator

from tests.live.check import Check
from tests.live.findings import Finding, Question, as_assumed, differs, noted, unclear
from tests.live.orders import DASH_NAME, LONG_NAME, MAIN, NOTHING, RARE_NAME, SAME_NAME, Order


def ask_names(check: Check) -> Iterator[Finding]:
    if not check.submit(NOTHING).accepted:
        yield unclear("A job over a prefix that matches nothing is refused, and these are such jobs.")
        return
    check.submit(MAIN)
    yield _judged(
        check,
        SAME_NAME,
        "A name that another job has",
        "core/api/job_calls.py: a name in use is an error then.",
        same_name=("accept", "refuse"),
    )
    yield _judged(
        check,
        LONG_NAME,
        f"A name of 128 characters and {len(LONG_NAME.name_of(check.ledger.scope.token).encode())} bytes",
        "core/api/job_name.py: MAX_NAME_LENGTH counts characters; it has to count bytes.",
        name_limit=("characters", "bytes"),
    )
    yield _judged(
        check, RARE_NAME, "A rare Chinese character (U+3400)", "core/api/job_name.py: allow U+4E00 to U+9FFF only."
    )
    dash = check.submit(DASH_NAME)
    if dash.accepted:
        yield noted("A long dash is accepted.", "core/api/job_name.py could allow it.")
    else:
        yield as_assumed(f"A long dash is {dash.end}.")


def _judged(check: Check, order: Order, what: str, change: str, **facts: tuple[str, str]) -> Finding:
    """
    Submit an order and judge what comes back.

    :param facts: the answers of facts of the contract: if the name is accepted, and if it is refused.
    """
    submission = check.submit(order)
    accepted, refused = ({name: answers[at] for name, answers in facts.items()} for at in (0, 1))
    if submission.refusal:
        return differs(f"{what} is {submission.end}.", change, **refused)
    if not submission.accepted:
        return unclear(f"{what}: {submission.end}")
    kept = submission.job is not None and submission.job.name == submission.name
    if kept:
        return as_assumed(f"{what} is accepted.", **accepted)
    return differs(f"{what} comes back as another name.", change)


QUESTIONS = (
    Question(
        13,
        "Are names unique? Is their length in characters or bytes? Which characters are allowed?",
        "core/api/job_name.py checks names; core/submitting/submit_once.py looks for a job of the same name first.",
        ask_names,
        (MAIN, NOTHING, SAME_NAME, LONG_NAME, RARE_NAME, DASH_NAME),
    ),
)
