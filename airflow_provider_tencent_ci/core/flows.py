"""
Every exchange with the service, each written once.

A flow is a generator: it yields steps (a request, a pause, a question for the time) and is sent their answers; the
helpers of :mod:`.steps` give these their types. :mod:`.exchange` runs a flow, and a test can do so, too. What a flow
returns is the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from airflow_provider_tencent_ci.core.api import (
    JobFilter,
    Page,
    build_cancel,
    build_create,
    build_list,
    build_list_executions,
    check_job_id,
    read_created,
    read_executions,
    read_jobs,
    read_nothing,
)
from airflow_provider_tencent_ci.core.failures import classify, request_id_of, was_refused
from airflow_provider_tencent_ci.core.jobs import InventoryJob, JobState, WorkflowExecution
from airflow_provider_tencent_ci.core.messages import Flow, Request, Response
from airflow_provider_tencent_ci.core.paging import Pages
from airflow_provider_tencent_ci.core.repeating import NEVER, READS, SUBMISSIONS, Repetition
from airflow_provider_tencent_ci.core.specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.steps import current_time, pause, send, service_time
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    AuthenticationError,
    InvalidRequestError,
    JobExistsError,
    NotFoundError,
    PermissionDeniedError,
    RedirectError,
    SubmitOutcomeUnknownError,
    TencentCIError,
    TransportError,
    UnreadableResponseError,
)

__all__ = [
    "FIRST_TRY_LOOKS",
    "LATER_TRY_LOOKS",
    "Submission",
    "ask",
    "ask_service_time",
    "cancel_job",
    "create_job",
    "current_time",
    "find_again",
    "get_job",
    "list_executions_page",
    "list_jobs_page",
    "no_check",
    "pause",
    "service_time",
    "submit_new",
    "submit_once",
    "submit_unchecked",
]

ResultT = TypeVar("ResultT")

# Looks whether something may be submitted now, and raises if not.
Check = Callable[[], Flow[None]]

# Seconds to pause before each look at the job list. A later try looks for longer, since an earlier try may have
# submitted a moment ago and how far the list lags behind is not documented (API reference, 11.15).
FIRST_TRY_LOOKS: Sequence[float] = (0,)
LATER_TRY_LOOKS: Sequence[float] = (0, 2, 4, 6, 8)
_UNKNOWN_OUTCOME_LOOKS: Sequence[float] = (1, 2, 4, 6, 8)

# A job that was created a moment ago may not be in the list yet.
_NOT_LISTED_YET_LOOKS: Sequence[float] = (0, 2, 4, 8)

_MOST_SUBMISSIONS = 3

_DEFINITE_REFUSALS = (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RedirectError,
)


@dataclass(frozen=True, slots=True)
class Submission:
    """
    A job that does what was asked.

    :param adopted: ``True`` if it was there already: an earlier try submitted it.
    :param others: further jobs of the same name that were found beside it, youngest last.
    """

    job: InventoryJob
    adopted: bool
    others: tuple[InventoryJob, ...] = ()


def ask(request: Request, read: Callable[[Response], ResultT], repetition: Repetition = READS) -> Flow[ResultT]:
    """
    Send one request, repeat it by the rule given, and read the answer.

    :raises ApiError: the service's error, or an answer that ``read`` does not take.
    :raises TransportError: no answer.
    """
    began_at, attempt = (yield from current_time()), 0
    while True:
        attempt += 1
        try:
            return (yield from _exchange(request, read))
        except (ApiError, TransportError) as error:
            now = yield from current_time()
            pause_seconds = repetition.pause_seconds(error, attempt, (now - began_at).total_seconds())
            if pause_seconds is None:
                raise
        yield from pause(pause_seconds)


def ask_service_time() -> Flow[datetime]:
    """
    Return the service's time; ask for one job if no answer has told it in this process yet.

    :return: this machine's time if the service's answers do not tell theirs.
    :raises ApiError: the service's error.
    :raises TransportError: no answer.
    """
    if (yield from service_time()) is None:
        yield from ask(build_list(JobFilter(page_size=1)), read_jobs, NEVER)
    return (yield from service_time()) or (yield from current_time())


def no_check() -> Flow[None]:
    """Let everything be submitted at any time."""
    yield from ()


def create_job(name: str, specification: InventoryJobSpecification) -> Flow[InventoryJob]:
    """Submit, once: repeated only when the service surely did not read the request."""
    return (yield from ask(build_create(name, specification), read_created, SUBMISSIONS))


def submit_once(
    name: str,
    specification: InventoryJobSpecification,
    *,
    created_after: datetime | None,
    looks: Sequence[float] = FIRST_TRY_LOOKS,
    check: Check = no_check,
) -> Flow[Submission]:
    """
    Submit unless the job list shows that it has been done; adopt the job if so.

    A request whose outcome is not known is settled by the list before it is sent again.

    :param name: a name that only this submission has.
    :param created_after: older jobs are not looked at; ``None`` for all.
    :param looks: seconds to pause before each look at the list.
    :param check: raises if nothing may be submitted now. What is there already is adopted in any case.
    :raises SubmitOutcomeUnknownError: no submission was answered, and no look found the job or none was answered.
    """
    unanswered: TencentCIError | None = None
    for submissions in range(_MOST_SUBMISSIONS + 1):
        try:
            found = yield from _look_for(name, created_after, looks, _is_live_or_succeeded)
        except (ApiError, TransportError) as error:
            if unanswered is None:
                raise
            raise _outcome_unknown(name, submissions, "cannot be read", error) from error
        if found:
            return Submission(found[0], adopted=True, others=tuple(found[1:]))
        if submissions == _MOST_SUBMISSIONS:
            break
        if unanswered is None:
            yield from check()
        try:
            job = yield from create_job(name, specification)
        except (ApiError, TransportError) as error:
            if _was_surely_not_created(error):
                if unanswered is None:
                    raise
                raise _outcome_unknown(name, submissions, "does not show it", error) from error
            unanswered, looks = error, _UNKNOWN_OUTCOME_LOOKS
        else:
            return Submission(job, adopted=False)
    raise _outcome_unknown(name, _MOST_SUBMISSIONS, "does not show it", unanswered) from unanswered


def find_again(job_id: str) -> Flow[InventoryJob | None]:
    """Return a job that an earlier try submitted, if it still lives or has succeeded; ``None`` otherwise."""
    try:
        job = yield from get_job(job_id)
    except NotFoundError:
        return None
    return job if _is_live_or_succeeded(job) else None


def submit_new(name: str, specification: InventoryJobSpecification, check: Check = no_check) -> Flow[Submission]:
    """
    Submit if no job of this name exists.

    :raises JobExistsError: one exists, in whatever state.
    """
    found = yield from _look_for(name, None, FIRST_TRY_LOOKS, lambda _job: True)
    if found:
        raise JobExistsError(
            f"A batch job named {name!r} exists: {found[0].job_id}, {found[0].state.value}. Nothing was submitted. "
            'Choose another name, or on_existing="adopt" to find one\'s own job again.',
            job=found[0],
        )
    return (yield from submit_once(name, specification, created_after=None, looks=(), check=check))


def submit_unchecked(name: str, specification: InventoryJobSpecification, check: Check = no_check) -> Flow[Submission]:
    """Submit, whatever jobs of this name there are."""
    yield from check()
    job = yield from create_job(name, specification)
    return Submission(job, adopted=False)


def get_job(
    job_id: str, repetition: Repetition = READS, looks: Sequence[float] = _NOT_LISTED_YET_LOOKS
) -> Flow[InventoryJob]:
    """
    Read one job, through the list endpoint filtered by its id.

    :param looks: seconds to pause before each look at the list, which may not show a new job yet.
    :raises NotFoundError: the list does not show it, some seconds later neither.
    """
    request = build_list(JobFilter(job_id=check_job_id(job_id)))
    for pause_seconds in looks:
        if pause_seconds:
            yield from pause(pause_seconds)
        page = yield from ask(request, read_jobs, repetition)
        for job in page.items:
            if job.job_id == job_id:
                return job
    raise NotFoundError(
        f"Batch job {job_id!r} is not in the job list of this bucket.",
        advice="Check job_id, bucket and region; how long the service keeps ended jobs is not documented.",
    )


def list_jobs_page(criteria: JobFilter, next_token: str = "") -> Flow[Page[InventoryJob]]:
    """Read one page of jobs."""
    return (yield from ask(build_list(criteria, next_token), read_jobs))


def list_executions_page(
    workflow_id: str, job_id: str | None, states: Sequence[str] | str | None, next_token: str = ""
) -> Flow[Page[WorkflowExecution]]:
    """Read one page of workflow executions."""
    return (yield from ask(build_list_executions(workflow_id, job_id, states, next_token), read_executions))


def cancel_job(job_id: str, repetition: Repetition = READS) -> Flow[None]:
    """Ask the service to cancel a job. It stops some time later, or not any more: read it again to know."""
    yield from ask(build_cancel(job_id), read_nothing, repetition)


def _exchange(request: Request, read: Callable[[Response], ResultT]) -> Flow[ResultT]:
    response = yield from send(request)
    if (failure := classify(response)) is not None:
        raise failure
    try:
        return read(response)
    except UnreadableResponseError as error:
        error.status, error.request_id = response.status, request_id_of(response)
        raise


def _look_for(
    name: str, created_after: datetime | None, looks: Sequence[float], counts: Callable[[InventoryJob], bool]
) -> Flow[list[InventoryJob]]:
    """Return the jobs of exactly this name, live ones first, older ones first; stop looking when there is one."""
    # Ascending, since times are to the second: of two jobs of one second the list alone knows the older one.
    criteria = JobFilter(name=name, start_creation_time=created_after, order_by_time="Asc")
    for pause_seconds in looks:
        if pause_seconds:
            yield from pause(pause_seconds)
        jobs = yield from _all_jobs(criteria)
        found = [job for job in jobs if job.name == name and counts(job) and _not_before(job, created_after)]
        if found:
            return sorted(found, key=_live_then_older)
    return []


def _all_jobs(criteria: JobFilter) -> Flow[list[InventoryJob]]:
    pages, jobs = Pages(), list[InventoryJob]()
    while pages.next_token is not None:
        page = yield from list_jobs_page(criteria, pages.next_token)
        jobs.extend(pages.new_items(page))
    return jobs


def _is_live_or_succeeded(job: InventoryJob) -> bool:
    return job.state not in (JobState.FAILED, JobState.CANCEL)


def _not_before(job: InventoryJob, moment: datetime | None) -> bool:
    return moment is None or job.creation_time is None or job.creation_time >= moment


def _live_then_older(job: InventoryJob) -> tuple[bool, float]:
    return job.state.is_terminal, job.creation_time.timestamp() if job.creation_time else 0.0


def _outcome_unknown(
    name: str, submissions: int, what_the_list_does: str, error: TencentCIError | None
) -> SubmitOutcomeUnknownError:
    times = "time" if submissions == 1 else "times"
    return SubmitOutcomeUnknownError(
        f"The submission of batch job {name!r} got no usable answer {submissions} {times}, and the job list "
        f"{what_the_list_does}. Look for this name in the CI console before you submit again. Last error: {error}"
    )


def _was_surely_not_created(error: TencentCIError) -> bool:
    """Whether a failed submission left no job behind: it was refused, or answered with a definite no."""
    return was_refused(error) or isinstance(error, _DEFINITE_REFUSALS)
