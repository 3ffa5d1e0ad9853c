"""The ledger of submissions: each one is recorded before it is sent, and each recorded job is ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.job_records import ACTIVE_STATES, InventoryJob
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, read_created
from airflow_provider_tencent_ci.core.api.paginator import Paginator
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import (
    NO_RETRY,
    RETRY_IDEMPOTENT,
    RETRY_IF_NOT_EXECUTED,
    RequestRetry,
    send_with_retry,
)
from airflow_provider_tencent_ci.core.wire.retryable_errors import was_not_executed
from airflow_provider_tencent_ci.exceptions import ApiError, NotFoundError, TransportError
from tests.live.budget import OverBudget
from tests.live.findings import brief
from tests.live.orders import Order, Scope
from tests.live.service import Service

# Seconds to pause before each search for a job whose submission was not answered.
_LOOKS = (0, 1, 2, 4, 8, 15)
_CANCEL_AGAIN_LOOKS = 5
_WITHOUT_WAITING = (0,)


@dataclass(slots=True)
class Submission:
    """
    One order and its result.

    :param job_id: empty while it is unknown, or if there is no job.
    :param refusal: why the service refused it.
    :param job: the last read state of the job.
    :param lost: the request was sent and not answered.
    :param trouble: why its end could not be read.
    """

    order: Order | None
    name: str
    sent_at: datetime
    job_id: str = ""
    refusal: Exception | None = None
    job: InventoryJob | None = None
    lost: bool = False
    trouble: str = ""
    seen_states: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        return bool(self.job_id)

    @property
    def has_ended(self) -> bool:
        """Whether its job has certainly ended."""
        return self.refusal is not None if not self.job_id else bool(self.job and self.job.state.is_terminal)

    @property
    def end(self) -> str:
        """The end in words."""
        if self.refusal is not None:
            return f"refused: {brief(self.refusal)}"
        if self.job and self.has_ended:
            return self.job.state.value
        return f"NOT KNOWN TO HAVE ENDED. {self.trouble}".strip()

    def saw(self, job: InventoryJob) -> InventoryJob:
        """Record a read of the job."""
        self.job, self.job_id = job, job.job_id
        if job.state.value not in self.seen_states[-1:]:
            self.seen_states.append(job.state.value)
        return job


class Ledger:
    """
    :param scope: the values for the templates of orders.
    """

    def __init__(self, service: Service, scope: Scope) -> None:
        self.scope = scope
        self._service = service
        self._poll_seconds = scope.settings.poll_seconds
        self.earliest_at = service.now() - timedelta(seconds=scope.settings.clock_margin_seconds)
        self._made: dict[str, Submission] = {}

    def __iter__(self) -> Iterator[Submission]:
        return iter(self._made.values())

    @property
    def job_ids(self) -> set[str]:
        return {submission.job_id for submission in self if submission.job_id}

    def find(self, order: Order) -> Submission | None:
        """Return the result of an order that was already submitted."""
        return self._made.get(order.key)

    def submit(self, order: Order) -> Submission:
        """
        Submit an order once; a second call returns the first result. It is recorded before it is sent, so its job is
        found and ended after any failure.
        """
        if done := self.find(order):
            return done
        name = order.name_of(self.scope.token)
        request = order.request(self.scope)
        submission = self._made[order.key] = Submission(order, name, self._service.now())
        try:
            submission.saw(self._service.run(send_with_retry(request, read_created, RETRY_IF_NOT_EXECUTED)))
        except OverBudget as error:
            submission.refusal = error
            raise
        except (ApiError, TransportError) as error:
            if _surely_refused(error):
                submission.refusal = error
            else:
                submission.lost = True
                self._search(submission)
        return submission

    def look(self, submission: Submission) -> InventoryJob:
        """Read a job again; the last read state if the service does not show it yet."""
        try:
            return self._service.run(_read_again(submission, RETRY_IDEMPOTENT))
        except NotFoundError:
            if submission.job is None:
                raise
            return submission.job

    def wait(self, submission: Submission, within_seconds: float) -> InventoryJob | None:
        """Wait until a job has ended; ``None`` if there is no job, or it did not end in time."""
        deadline = self._service.now() + timedelta(seconds=within_seconds)
        while submission.job_id:
            if (submission.job and submission.job.state.is_terminal) or self.look(submission).state.is_terminal:
                return submission.job
            if self._service.now() >= deadline:
                break
            self._service.pause(self._poll_seconds)
        return None

    def end_all(self, within_seconds: float) -> list[Submission]:
        """
        End every job of this run, and return those that are not known to have ended. Never raises an error of the
        service's.

        :param within_seconds: how long to cancel and poll.
        """
        deadline = self._service.now() + timedelta(seconds=within_seconds)
        for submission in self:
            if not submission.has_ended and not submission.job_id:
                self._search(submission)
        self._adopt_strays()
        for submission in self:
            self._end(submission, deadline)
        return [submission for submission in self if not submission.has_ended]

    def end_others(self, name_prefix: str, within_seconds: float) -> list[Submission]:
        """
        End every live job of any run whose name has this prefix; return the jobs with their ends.

        :raises TencentCIError: the list of jobs cannot be read.
        """
        deadline = self._service.now() + timedelta(seconds=within_seconds)
        for job in self._jobs(JobFilter(states=ACTIVE_STATES)):
            if job.name.startswith(name_prefix):
                self._adopt(job)
        for submission in self:
            self._end(submission, deadline)
        return list(self)

    def _search(self, submission: Submission) -> None:
        """Search for the job of a submission that was not answered."""
        for pause_seconds in _LOOKS:
            if pause_seconds:
                self._service.pause(pause_seconds)
            try:
                for job in self._jobs(self._since_the_beginning(submission.name)):
                    if job.name == submission.name and job.job_id not in self.job_ids:
                        submission.saw(job)
                        return
            except Exception as error:  # the other jobs must be ended after any error
                submission.trouble = str(error)
            else:
                submission.trouble = f"No job of this name was in the list for {sum(_LOOKS)} seconds."

    def _adopt_strays(self) -> None:
        """Record unrecorded jobs with this run's token, such as a job that was created twice."""
        try:
            for job in self._jobs(self._since_the_beginning()):
                if f"-{self.scope.token}-" in job.name and job.job_id not in self.job_ids:
                    self._adopt(job)
        except Exception:  # the recorded jobs are still ended
            return

    def _adopt(self, job: InventoryJob) -> None:
        self._made[job.job_id] = Submission(None, job.name, job.creation_time or self._service.now())
        self._made[job.job_id].saw(job)

    def _end(self, submission: Submission, deadline: datetime) -> None:
        """Cancel a job until it has ended. A cancel that is refused is no error: the job may have ended meanwhile."""
        looks = 0
        while submission.job_id and not submission.has_ended:
            try:
                self._service.run(_look_or_cancel(submission, cancels=looks % _CANCEL_AGAIN_LOOKS == 0))
            except Exception as error:  # as above
                submission.trouble = str(error)
            looks += 1
            if self._service.now() >= deadline:
                return
            if not submission.has_ended:
                self._service.pause(self._poll_seconds)

    def _since_the_beginning(self, name: str | None = None) -> JobFilter:
        return JobFilter(name=name, start_creation_time=self.earliest_at)

    def _jobs(self, criteria: JobFilter) -> Iterator[InventoryJob]:
        pages = Paginator()
        while pages.next_token is not None:
            yield from pages.new_items(self._service.run(job_calls.list_jobs_page(criteria, pages.next_token)))


def _look_or_cancel(submission: Submission, *, cancels: bool) -> Flow[None]:
    """Read a job; cancel it if it is live; read it again."""
    job = yield from _read_again(submission, NO_RETRY)
    if cancels and not job.state.is_terminal:
        try:
            yield from job_calls.request_cancel(submission.job_id, NO_RETRY)
        finally:
            yield from _read_again(submission, NO_RETRY)


def _read_again(submission: Submission, retry: RequestRetry) -> Flow[InventoryJob]:
    """Read a job from the list, which may lag behind, or by its id."""
    with suppress(NotFoundError):
        return submission.saw((yield from job_calls.get_job(submission.job_id, retry, _WITHOUT_WAITING)))
    job = yield from job_calls.get_job_by_id(submission.job_id, retry)
    if job is None:
        raise NotFoundError(f"The service does not show {submission.job_id}.", status=404, code="")
    return submission.saw(job)


def _surely_refused(error: ApiError | TransportError) -> bool:
    """Whether it certainly created no job: the request was not read, or was refused permanently."""
    return was_not_executed(error) or (isinstance(error, ApiError) and 300 <= error.status < 500)
