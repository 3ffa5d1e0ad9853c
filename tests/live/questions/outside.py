"""Questions 14, 19, 20 and 21: questions that a small run cannot answer, and how to find the answer."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.wire.service_errors import classify
from airflow_provider_tencent_ci.links import console_url
from tests.live.check import Check
from tests.live.findings import Finding, Question, noted, outside
from tests.live.orders import NODE


def ask_limits(check: Check) -> Iterator[Finding]:
    response = check.service.answer(build_list(JobFilter(order_by_time="Asc", page_size=1)))
    jobs = () if classify(response) else read_jobs(response).items
    if jobs and jobs[0].creation_time:
        days = (check.service.now() - jobs[0].creation_time).days
        yield noted(f"The oldest job that is listed is {days} days old: jobs are kept for as long at least.")
    yield outside(
        "Rates, numbers of live jobs and numbers of objects would have to be exceeded to be known.",
        "Ask Tencent's support for the account's limits; look for SlowDown and QueueSaturated in task logs.",
    )


def ask_billing(check: Check) -> Iterator[Finding]:
    yield outside(
        "Nothing in an answer speaks of money.",
        "Look at the bill of the day after for the jobs under 'What was submitted': are those charged that were "
        "refused, failed or cancelled?",
    )


def ask_console(check: Check) -> Iterator[Finding]:
    config = check.service.config
    yield outside(
        "Whether a page of the console opens can be seen only in a browser, by a user who is logged in.",
        f"Open {console_url(config.bucket, config.region)} and say whether it shows the bucket; then open one of the "
        "jobs from there and say what its address looks like.",
    )


def ask_callback(check: Check) -> Iterator[Finding]:
    if not check.settings.notification_url:
        yield outside(
            "A callback needs a receiver that the service can reach.",
            "Set TENCENT_CI_NOTIFICATION_URL (and TENCENT_CI_JOB), and look there for what comes.",
        )
        return
    if check.settings.lacks(NODE.needs):
        yield outside("Only Type=Job takes a callback.", "Set TENCENT_CI_JOB, too.")
        return
    job = check.wait(NODE)
    ended = f"ended as {job.state.value}" if job else check.submit(NODE).end
    yield outside(
        f"The job {check.submit(NODE).job_id or 'with the callback'} {ended}.",
        "Look at the receiver: did anything come for this job, and what?",
    )


QUESTIONS = (
    Question(
        14,
        "What are the limits of rates, jobs and objects? How long are ended jobs kept?",
        "requests_per_second and max_active_jobs are guesses that can be changed.",
        ask_limits,
    ),
    Question(19, "Are failed and cancelled files billed?", "docs/what_happens_when.md.", ask_billing),
    Question(
        20,
        "Is there a stable address of a job in the console?",
        "links.py leads to the bucket's page.",
        ask_console,
    ),
    Question(
        21,
        "Is there a callback when a whole batch ends?",
        "The package polls, since none is documented.",
        ask_callback,
        (NODE,),
    ),
)
