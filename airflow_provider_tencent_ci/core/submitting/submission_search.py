"""
Search for the job of a submission: by the noted job id, in the job list, and in the list over some time.

An outcome that is not known is settled here. The list may lag behind, and the service may act late on a request. So the
list is polled for ``reconcile_timeout`` before its silence counts as "there is no job".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from airflow_provider_tencent_ci.core.api.job_calls import find_job
from airflow_provider_tencent_ci.core.api.job_name import name_with_token
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import (
    ENDED_BADLY,
    by_preference,
    list_jobs_named,
    read_current_state,
)
from airflow_provider_tencent_ci.core.submitting.former_job_name import former_names
from airflow_provider_tencent_ci.core.submitting.submission_note import NoteStore, SubmissionNote, TwoClockTime
from airflow_provider_tencent_ci.core.submitting.submit_attempt import Attempt
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, pause, service_time
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, RETRY_IDEMPOTENT, RequestRetry
from airflow_provider_tencent_ci.core.wire.retryable_errors import is_transient
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    LostContactError,
    SubmitOutcomeUnknownError,
    TencentCIError,
    TransportError,
)

# The delays between two polls of the list double from the first to the longest: most jobs are listed within seconds.
_FIRST_DELAY_SECONDS, _MAX_DELAY_SECONDS = 1.0, 30.0

# A list that was read longer ago than this is read again before a request is sent. The process may have been frozen, or
# an upload may have taken long, and another try may have submitted meanwhile.
_MAX_LIST_AGE_SECONDS = 30.0

# A job that was created earlier than its request was sent, both by the service's clock, probably belongs to another
# run. The clocks of the service's servers may differ by seconds.
_CLOCK_TOLERANCE_SECONDS = 5.0


class SubmissionSearch:
    """
    The search of one try, and what the try knows.

    :ivar name: the name of the job.
    :ivar note: what the tries of the series know; it may be newer than the stored note.
    :ivar stored: the note that this try read or wrote last; ``None`` if there is none.
    :ivar posts: how many requests of unknown or good outcome this try sent.
    :ivar ended_badly_before: ids of failed or cancelled jobs of the name that were there before this try sent anything.
    """

    def __init__(self, attempt: Attempt, notes: NoteStore) -> None:
        self._attempt = attempt
        self.stored = notes.read()
        self.is_first = notes.is_reliable or attempt.is_first
        # Without a note, assume that an earlier try sent one request.
        self.note = self.stored or SubmissionNote(attempt.token, posts=0 if self.is_first else 1)
        self.name = name_with_token(attempt.readable, self.note.token) if attempt.token else attempt.readable
        self._names = (self.name, *former_names(attempt, self.note.token))
        self.posts = 0
        self.ended_badly_before: set[str] = set()
        self._listed: list[InventoryJob] = []
        self._listed_at: datetime | None = None
        self._is_job_missing = self.note.job_id is None

    def noted_job(self) -> Flow[InventoryJob | None]:
        """Return the job that is noted, if it is active or has succeeded."""
        job = (yield from self._find_noted_job(self.note.job_id)) if self.note.job_id else None
        self._is_job_missing = job is None
        if self.note.job_id and job is None:
            self._attempt.log(
                f"The service does not know batch job {self.note.job_id}, which an earlier try of this task has "
                "submitted. If the job list does not show it either, a new batch job is submitted: all files are then "
                "processed, and billed, again."
            )
        if job and job.state in ENDED_BADLY:
            self.ended_badly_before.add(job.job_id)
            return None
        return job

    def listed_job(self) -> Flow[InventoryJob | None]:
        """Return the job that the list shows; poll the list while the service may still act on an earlier request."""
        try:
            yield from self.list_jobs(RETRY_IDEMPOTENT)
            seconds = yield from self._seconds_left()  # needs the service's time, which the answer has told
            job = yield from self._own_job(is_last=not seconds)
        except (ApiError, TransportError) as error:
            if self.note.posts and self._is_job_missing:
                raise self.outcome_unknown("cannot be read", error) from error
            raise
        if job is None and seconds:
            self._attempt.log(
                f"An earlier try may have submitted {self.name!r}, and the job list does not show it. The list is "
                f"polled for {seconds:.0f} seconds before anything is submitted."
            )
            job = yield from self.poll_list(seconds)
        return job

    def relisted_job(self) -> Flow[InventoryJob | None]:
        """Return the job that the list shows now, if the list was read too long ago."""
        if not (yield from self.is_list_old()):
            return None
        return (yield from self._read_list_again(RETRY_IDEMPOTENT, is_last=True))

    def poll_list(self, seconds: float) -> Flow[InventoryJob | None]:
        """
        Poll the list for ``seconds``, and return the job of this submission.

        The delays measure the time, so that no clock can shorten it. A failed or cancelled job may belong to an earlier
        try and be listed late. So it is returned only after the last poll.
        """
        delays = list(_growing_delays(seconds))
        for number, delay_seconds in enumerate(delays, 1):
            yield from pause(delay_seconds)
            is_last = number == len(delays)
            try:
                job = yield from self._read_list_again(RETRY_IDEMPOTENT if is_last else NO_RETRY, is_last=is_last)
            except (ApiError, TransportError) as error:
                if not is_last and is_transient(error):
                    continue
                raise self.outcome_unknown("cannot be read", error) from error
            if job:
                return job
        own = [job for job in self._listed if self.posts and job.job_id not in self.ended_badly_before]
        return min(own, key=by_preference, default=None)

    def list_jobs(self, retry: RequestRetry) -> Flow[list[InventoryJob]]:
        """Return all jobs of the name; remember which of them were there before this series sent anything."""
        jobs: list[InventoryJob] = []
        for name in self._names:
            jobs += yield from list_jobs_named(name, retry)
        self._listed_at = yield from current_time()
        if not self.note.has_unknown_job:
            self._leave_to_others(job.job_id for job in jobs if job.state.is_terminal)
        if not self.posts:
            self.ended_badly_before |= {job.job_id for job in jobs if job.state in ENDED_BADLY}
        self._listed = [job for job in jobs if job.job_id not in self.note.foreign_ids]
        return jobs

    def is_list_old(self) -> Flow[bool]:
        """Whether the list was read too long ago to rely on it."""
        now = yield from current_time()
        return self._listed_at is None or abs((now - self._listed_at).total_seconds()) > _MAX_LIST_AGE_SECONDS

    @property
    def candidates(self) -> list[InventoryJob]:
        """The listed jobs that may be the one of this submission."""
        ended_before = self.ended_badly_before
        return [job for job in self._listed if job.state not in ENDED_BADLY and job.job_id not in ended_before]

    def outcome_unknown(self, what_the_list_does: str, error: TencentCIError | None) -> SubmitOutcomeUnknownError:
        """Return the error for a submission whose outcome could not be settled."""
        times = {0: "by an earlier try", 1: "once"}.get(self.posts, f"{self.posts} times")
        return SubmitOutcomeUnknownError(
            f"The submission of batch job {self.name!r} was sent {times} without a usable answer, and the job list "
            f"{what_the_list_does}. A retry of this task looks for the job first. Before you submit it in another way, "
            f"look for this name in the CI console. Last error: {error}"
        )

    def _find_noted_job(self, job_id: str) -> Flow[InventoryJob | None]:
        try:
            return (yield from find_job(job_id))
        except (ApiError, TransportError) as error:
            if not is_transient(error):
                raise
            raise LostContactError(
                f"Batch job {job_id}, which an earlier try of this task has submitted, could not be read. It was left "
                f"alone; a retry of this task finds it again. Last error: {error}"
            ) from error

    def _read_list_again(self, retry: RequestRetry, *, is_last: bool) -> Flow[InventoryJob | None]:
        yield from self.list_jobs(retry)
        return (yield from self._own_job(is_last=is_last))

    def _own_job(self, *, is_last: bool) -> Flow[InventoryJob | None]:
        """
        Return the listed job of this submission that is active or has succeeded, the noted one first.

        :param is_last: whether to accept a job that may be another run's. Before the last poll, this run's own job may
            still appear.
        """
        for job in sorted(self.candidates, key=lambda job: (job.job_id != self.note.job_id, by_preference(job))):
            current = yield from read_current_state(job)
            if current.state.is_terminal and not self.note.has_unknown_job and job.job_id != self.note.job_id:
                self._leave_to_others([job.job_id])
            elif current.state not in ENDED_BADLY and (is_last or not self._may_be_another_runs(current)):
                return current
        return None

    def _leave_to_others(self, job_ids: Iterable[str]) -> None:
        """Note jobs that are not of this series; the noted job is."""
        foreign_ids = {*self.note.foreign_ids, *job_ids} - {self.note.job_id}
        self.note = replace(self.note, foreign_ids=tuple(sorted(foreign_ids)))

    def _may_be_another_runs(self, job: InventoryJob) -> bool:
        """Whether a job may belong to a deleted run. Such a job is still accepted, but only at the last poll."""
        if self.note.job_id:
            return job.job_id != self.note.job_id
        sent_at = self.note.posted_at.service if self.note.posts == 1 and self.note.posted_at else None
        if sent_at is None or job.creation_time is None:
            return False
        return (sent_at - job.creation_time).total_seconds() > _CLOCK_TOLERANCE_SECONDS

    def _seconds_left(self) -> Flow[float]:
        """Return for how many seconds the job of an earlier try may still appear, in the list or by its id."""
        timeout = self._attempt.reconcile_timeout
        if self.stored is None:
            return 0.0 if self.is_first else timeout
        if self.stored.posted_at is None or not self._is_job_missing:
            return 0.0
        return max(0.0, timeout - self.stored.posted_at.seconds_until((yield from two_clock_time())))


def two_clock_time() -> Flow[TwoClockTime]:
    """Return the time by this machine's clock and by the service's."""
    return TwoClockTime((yield from current_time()), (yield from service_time()))


def _growing_delays(seconds: float) -> Iterator[float]:
    """Return delays that grow and add up to ``seconds``."""
    delay_seconds = _FIRST_DELAY_SECONDS
    while seconds > 0:
        yield min(delay_seconds, seconds)
        seconds -= delay_seconds
        delay_seconds = min(2 * delay_seconds, _MAX_DELAY_SECONDS)
