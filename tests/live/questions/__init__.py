"""The open questions of docs/service.md, section 11, in the order in which they are asked."""

from __future__ import annotations

from tests.live.questions import access, inputs, lists, lives, names, outside

# Lags first, since they can be observed only once; then questions with their own jobs; lists last, when there are jobs
# to list.
QUESTIONS = (
    lists.QUESTIONS[0],
    *inputs.QUESTIONS,
    *lives.QUESTIONS,
    *names.QUESTIONS,
    *lists.QUESTIONS[1:],
    *access.QUESTIONS,
    *outside.QUESTIONS,
)
