"""Questions 1 to 4: the inputs and settings of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime

from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.api.job_requests import build_cancel
from airflow_provider_tencent_ci.core.api.put_object import put_object
from airflow_provider_tencent_ci.core.wire.messages import COS, Request, Response
from airflow_provider_tencent_ci.core.wire.service_errors import classify
from airflow_provider_tencent_ci.core.wire.signing import encode
from tests.live.check import Check
from tests.live.findings import Finding, Question, as_assumed, differs, executions, not_asked, noted, outside, unclear
from tests.live.ledger import Submission
from tests.live.orders import (
    END_BOUND,
    INTERVAL,
    LIST,
    LIST_URL,
    PAUSED_WORKFLOW,
    SECOND_WORKFLOW,
    START_BOUND,
    TWO_INPUTS,
    Order,
)


def ask_inputs(check: Check) -> Iterator[Finding]:
    submission = check.submit(TWO_INPUTS)
    if submission.job_id:
        check.service.answer(build_cancel(submission.job_id))
        yield differs(
            "A job with Object and Prefix is accepted.",
            "core/api/job_specification.py could take several inputs, once it is known what they mean together. "
            "The emulator: exactly_one_input.",
            exactly_one_input=False,
        )
    elif submission.refusal:
        yield as_assumed(f"A job with Object and Prefix is {submission.end}.", exactly_one_input=True)
    else:
        yield unclear(f"A job with Object and Prefix: {submission.end}")
    yield from _list_of_urls(check)
    yield outside(
        "An Input without children, and a Prefix that is empty or '/', are not tried: they may mean the whole bucket.",
        "In a bucket with a single object: submit, and count the executions.",
    )


def _list_of_urls(check: Check) -> Iterator[Finding]:
    if missing := check.settings.lacks(LIST.needs):
        yield not_asked(f"UrlFile by key and by URL: {missing}.")
        return
    if (status := _head(check, check.settings.list_key).status) != 404:
        yield not_asked(
            f"UrlFile by key and by URL: HTTP {status} for what is under TENCENT_CI_LIST_KEY; 404 is needed."
        )
        return
    url = f"{check.ledger.scope.bucket_url}/{'/'.join(map(encode, check.settings.object_key.split('/')))}"
    check.service.run(put_object(check.settings.list_key, f"{url}\n".encode()))
    yield _by_list(check, LIST, "the list's key", differs)
    yield _by_list(check, LIST_URL, "the list's URL", noted)


def _by_list(check: Check, order: Order, form: str, otherwise: Callable[[str, str], Finding]) -> Finding:
    count = _files(check, order)
    said = f"UrlFile as {form}: {_said_of(count, check.submit(order))}"
    if count == 1:
        return as_assumed(said) if order is LIST else noted(said)
    if count is None and check.submit(order).refusal is None:
        return unclear(said)
    return otherwise(said, "core/submitting/round_request.py, core/api/url_list.py: UrlFile has to be the list's URL.")


def ask_workflows(check: Check) -> Iterator[Finding]:
    if missing := check.settings.lacks(SECOND_WORKFLOW.needs):
        yield not_asked(f"Two workflows in one job: {missing}.")
        return
    submission = check.submit(SECOND_WORKFLOW)
    job = check.wait(SECOND_WORKFLOW)
    if job is None:
        change = "core/api/job_specification.py joins several workflow_ids with commas: take one only."
        yield (
            differs(f"Two ids with a comma: {submission.end}.", change, several_workflows=False)
            if submission.refusal
            else unclear(submission.end)
        )
        return
    workflows = (check.settings.workflow_id, check.settings.second_workflow_id)
    counts = [len(check.executions(job.job_id, workflow_id)) for workflow_id in workflows]
    said = f"Two ids with a comma: {job.state.value}; executions of the first: {counts[0]}, of the second: {counts[1]}."
    change = "core/api/job_specification.py, core/api/file_lists.py: not each of the ids is run."
    yield as_assumed(said, several_workflows=True) if all(counts) else differs(said, change)


def ask_interval(check: Check) -> Iterator[Finding]:
    count = _files(check, INTERVAL)
    said = f"The object with a TimeInterval of 1970: {_said_of(count, check.submit(INTERVAL))}"
    if count is None:
        yield unclear(said)
    elif count:
        yield noted(f"{said} So the interval counts for Prefix only.", interval_for_all=False)
    else:
        yield noted(f"{said} So the interval counts for Object, too.", interval_for_all=True)
    yield _bounds(check)


def _bounds(check: Check) -> Finding:
    modified_at = _modified_at(check)
    if modified_at is None:
        return not_asked("Whether the bounds are inclusive: HEAD does not say when the object was modified.")
    check.ledger.scope = replace(check.ledger.scope, modified_at=modified_at)
    counts = {name: _files(check, order) for name, order in (("Start", START_BOUND), ("End", END_BOUND))}
    said = " ".join(
        f"{name} when the object was modified: {_said_of(counts[name], check.submit(order))}"
        for name, order in (("Start", START_BOUND), ("End", END_BOUND))
    )
    if None in counts.values():
        return unclear(said)
    inclusive = [name for name, count in counts.items() if count]
    if len(inclusive) == 2:
        return as_assumed(f"{said} So both bounds are inclusive.", interval_bounds="both")
    change = "The docs of start_time and end_time."
    if inclusive:
        said = f"{said} So only {inclusive[0]} is inclusive, and no file is in two nights."
        return differs(said, change, interval_bounds=inclusive[0].lower())
    advice = f"{change} The examples need a start_time that is a second earlier, or a file may be in no night."
    return differs(f"{said} So both bounds are exclusive.", advice, interval_bounds="neither")


def ask_paused_workflow(check: Check) -> Iterator[Finding]:
    if missing := check.settings.lacks(PAUSED_WORKFLOW.needs):
        yield not_asked(f"A paused workflow: {missing}.")
    else:
        yield _paused_workflow(check)
    yield outside(
        "Whether a workflow's own prefix and suffix count takes an object that it would not take by itself.",
        "Set TENCENT_CI_OBJECT_KEY to one outside of the workflow's prefix, and ask again.",
    )


def _paused_workflow(check: Check) -> Finding:
    job, submission = check.wait(PAUSED_WORKFLOW), check.submit(PAUSED_WORKFLOW)
    if job is None:
        said = f"A job with a paused workflow is {submission.end}."
        return as_assumed(said, paused_workflow="refuse") if submission.refusal else unclear(said)
    count = len(check.executions(job.job_id, check.settings.paused_workflow_id))
    said = f"A job with a paused workflow ends as {job.state.value} with {executions(count)}."
    if job.state is JobState.SUCCESS and count:
        said += " validate=True refuses it all the same, since somebody has paused it."
        return as_assumed(said, paused_workflow="run")
    return as_assumed(said, "The emulator's paused_workflow needs a third value.")


def _files(check: Check, order: Order) -> int | None:
    """Return how many files a job had; ``None`` if it was refused or did not end."""
    job = check.wait(order)
    return None if job is None else len(check.executions(job.job_id))


def _said_of(count: int | None, submission: Submission) -> str:
    if count is None or submission.job is None:
        return submission.end
    return f"{submission.job.state.value}, {executions(count)}."


def _modified_at(check: Check) -> datetime | None:
    response = _head(check, check.settings.object_key)
    if classify(response) or "last-modified" not in response.headers:
        return None
    return parsedate_to_datetime(response.headers["last-modified"])


def _head(check: Check, key: str) -> Response:
    return check.service.answer(Request("HEAD", f"/{key}", service=COS))


QUESTIONS = (
    Question(
        1,
        "Exactly one child of Input? Are lists named by key or by URL? What does an empty Prefix mean?",
        "core/api/job_specification.py asks for exactly one; core/submitting/round_request.py names a list by its key.",
        ask_inputs,
        (TWO_INPUTS, LIST, LIST_URL),
    ),
    Question(
        2,
        "May WorkflowIds name several workflows, and how?",
        "core/api/job_specification.py joins them with commas.",
        ask_workflows,
        (SECOND_WORKFLOW,),
    ),
    Question(
        3,
        "Does TimeInterval count for other inputs than Prefix? Are its bounds inclusive?",
        "start_time and end_time are documented so.",
        ask_interval,
        (INTERVAL, START_BOUND, END_BOUND),
    ),
    Question(
        4,
        "Does a paused workflow run in a batch? Do its own prefix and suffixes count?",
        "validate=True refuses a paused workflow (core/api/workflows_and_queues.py).",
        ask_paused_workflow,
        (PAUSED_WORKFLOW,),
    ),
)
