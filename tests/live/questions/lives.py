"""Questions 5, 6, 10, 11 and 12: how jobs end, and which of them can be cancelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_cancel, build_list, read_jobs
from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.service_errors import classify
from airflow_provider_tencent_ci.core.wire.xml import read_xml
from tests.live.check import Check
from tests.live.findings import Finding, Question, as_assumed, brief, differs, not_asked, noted, outside, unclear
from tests.live.orders import FAILING, MAIN, MISSING, NOTHING, STOPPED

_KNOWN_NODES = frozenset(
    "Code Message Type Name JobId State CreationTime StartTime EndTime Input Operation".split()  # noqa: SIM905
)
_UNKNOWN_ID = "b" + "0" * 31 + "1"


def ask_success(check: Check) -> Iterator[Finding]:
    yield _empty_batch(check)
    yield from _failed_file(check)
    yield from _counts(check)


def _empty_batch(check: Check) -> Finding:
    job = check.wait(NOTHING)
    submission = check.submit(NOTHING)
    if job is None:
        return unclear(f"A batch that matches nothing: {submission.end}")
    change = "core/files/fail_on.py: on_empty looks at jobs that succeeded only."
    why = f" ({job.code}: {job.message})" if job.state is JobState.FAILED else ""
    said = f"A batch that matches nothing ends as {job.state.value}{why}."
    if job.state is JobState.SUCCESS:
        return as_assumed(said, no_objects="success")
    answers = {"no_objects": "fail"} if job.state is JobState.FAILED else {}
    return differs(said, change, **answers)


def _failed_file(check: Check) -> Iterator[Finding]:
    if missing := check.settings.lacks(FAILING.needs):
        yield not_asked(f"A batch with a failed file: {missing}.")
        return
    job = check.wait(FAILING)
    if job is None:
        yield unclear(f"A batch with a failed file: {check.submit(FAILING).end}")
        return
    states = _states_of_files(check, job.job_id)
    said = f"A batch whose file cannot be processed ends as {job.state.value}; its executions: {states}."
    if "Failed" not in states:
        yield unclear(f"{said} So no file failed.")
    elif job.state is JobState.SUCCESS:
        yield as_assumed(said, failed_files="success")
    else:
        answers = {"failed_files": "fail"} if job.state is JobState.FAILED else {}
        yield differs(said, "core/files/fail_on.py: fail_on looks at jobs that succeeded only.", **answers)


def _counts(check: Check) -> Iterator[Finding]:
    if (job := check.wait(MAIN)) is None:
        yield unclear(f"The job did not end: {check.submit(MAIN).end}")
        return
    nodes: set[str] = set()
    for request in (build_list(JobFilter(job_id=job.job_id)), Request("GET", f"/inventorytriggerjob/{job.job_id}")):
        details = read_xml(check.service.answer(request).body, "Response").findall("JobsDetail")
        nodes.update(child.tag for detail in details for child in detail)
    if further := sorted(nodes - _KNOWN_NODES):
        yield differs(
            f"The record has further nodes: {', '.join(further)}.",
            "core/api/job_records.py and core/files/count_files.py could use them.",
        )
    else:
        yield as_assumed("The record has no node for progress or counts: files have to be counted.")
    yield noted(
        f"The job over one object ended as {job.state.value}; its executions: {_states_of_files(check, job.job_id)}."
    )


def ask_failure(check: Check) -> Iterator[Finding]:
    for order in (MISSING, FAILING):
        if not check.settings.lacks(order.needs):
            check.wait(order)
    failed = [
        submission.job for submission in check.ledger if submission.job and submission.job.state is JobState.FAILED
    ]
    for job in failed:
        said = f"{job.job_id} has Code {job.code!r} and Message {job.message!r}."
        has_code = job.code not in ("", "Success")
        yield as_assumed(said) if has_code else differs(said, "core/api/job_records.py shows Code.")
    if not failed:
        yield unclear(
            f"No batch of this run failed. The one over an object that does not exist was {check.submit(MISSING).end}.",
            "Set TENCENT_CI_FAILING_OBJECT_KEY to an object that the workflow cannot process.",
        )


def ask_unknown(check: Check) -> Iterator[Finding]:
    response = check.service.answer(Request("GET", f"/inventorytriggerjob/{_UNKNOWN_ID}"))
    if failure := classify(response):
        yield noted(f"Getting an unknown job: {brief(failure)}.", unknown_job="refuse")
    else:
        nodes = [child.tag for child in read_xml(response.body, "Response")]
        answers = {} if "JobsDetail" in nodes else {"unknown_job": "name"}
        yield noted(f"Getting an unknown job: {response.status} with {', '.join(nodes)}.", **answers)
    response = check.service.answer(build_list(JobFilter(job_id=_UNKNOWN_ID)))
    if failure := classify(response):
        yield differs(
            f"Listing an unknown jobId: {brief(failure)}.",
            "core/api/job_calls.py: get_job takes an empty page for not found.",
        )
    elif read_jobs(response).items:
        yield differs(
            "Listing an unknown jobId shows jobs.", "core/api/job_calls.py: jobId does not filter as it should."
        )
    else:
        yield as_assumed("Listing an unknown jobId: an empty page.")
    failure = classify(check.service.answer(build_cancel(_UNKNOWN_ID)))
    yield noted(f"Cancelling an unknown job: {brief(failure)}.")


def ask_cancel(check: Check) -> Iterator[Finding]:
    submission = check.submit(STOPPED)
    if not submission.job_id:
        yield unclear(f"There is no job to cancel: {submission.end}")
        return
    before = check.ledger.look(submission).state.value
    asked_at = check.service.now()
    failure = classify(check.service.answer(build_cancel(submission.job_id)))
    job = check.ledger.wait(submission, check.settings.wait_seconds)
    seconds = (check.service.now() - asked_at).total_seconds()
    said = f"Cancelling a job that was {before}: {brief(failure)}; "
    if job is None:
        yield differs(f"{said}after {seconds:.0f} s it had not ended.", "core/polling/cancel_job.py waits for an end.")
    else:
        states = _states_of_files(check, job.job_id)
        yield as_assumed(f"{said}it ended as {job.state.value} after {seconds:.1f} s; its executions: {states}.")
        yield _cancel_of_ended(check, job.job_id, job.state)
    if (done := check.wait(MAIN)) is not None:
        yield _cancel_of_ended(check, done.job_id, done.state)


def _cancel_of_ended(check: Check, job_id: str, state: JobState) -> Finding:
    failure = classify(check.service.answer(build_cancel(job_id)))
    answer = "refuse" if failure else "ignore"
    return as_assumed(f"Cancelling a job that has ended as {state.value}: {brief(failure)}.", cancel_of_ended=answer)


def ask_pause(check: Check) -> Iterator[Finding]:
    paused = [submission for submission in check.ledger if JobState.PAUSE.value in submission.seen_states]
    for submission in paused:
        yield as_assumed(f"{submission.name} went through {' → '.join(submission.seen_states)}.")
    if not paused:
        yield outside(
            "No job of this run was paused, and pausing a queue would stop the work of others.",
            "In a bucket of your own: pause the queue in the console, submit, look, resume, look again.",
        )


def _states_of_files(check: Check, job_id: str) -> str:
    counts = Counter(run.state.value for run in check.executions(job_id))
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"


QUESTIONS = (
    Question(
        10,
        "What is answered for an unknown job: to get, to list, to cancel?",
        "A job that is not on the list's page counts as not found (core/api/job_calls.py).",
        ask_unknown,
    ),
    Question(
        11,
        "Which jobs can be cancelled, how soon do they stop, and are their files finished?",
        "core/polling/cancel_job.py cancels, reads the job again, and takes a refusal for an end only if it has ended.",
        ask_cancel,
        (STOPPED, MAIN),
    ),
    Question(
        5,
        "Does a batch succeed whose files failed, or that has none? Is there a count anywhere?",
        "core/files/fail_on.py, core/files/count_files.py: files are counted one by one, success says nothing of them.",
        ask_success,
        (NOTHING, FAILING, MAIN),
    ),
    Question(
        6,
        "What do Code and Message of a failed batch say?",
        "core/api/job_records.py shows them; notifications/advice.py gives advice by the code.",
        ask_failure,
        (MISSING, FAILING),
    ),
    Question(
        12,
        "What comes after Pause, and when is a batch paused?",
        "core/polling/wait.py waits through Pause and says so.",
        ask_pause,
    ),
)
