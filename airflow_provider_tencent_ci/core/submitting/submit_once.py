"""
Submitting a batch job exactly once, over all tries of a task.

A submission has a name that nobody else uses, ``<readable>-<token>``. Before a job is submitted, the job list is asked
for that name. A ``POST`` whose outcome is not known is not sent again while the service may still act on it: the list
is watched for ``reconcile_timeout``, and only then it is sent once more. Whose job is found is told by what the tries
of the series sent, never by comparing this machine's clock with the service's.

Every ``POST`` is noted before it is sent, where Airflow can keep a note from one try to the next. A later try then
knows whether there was one, and how long ago.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from airflow_provider_tencent_ci.core.api.job_calls import create_job, find_job
from airflow_provider_tencent_ci.core.api.job_name import name_with_token
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import (
    ENDED_BADLY,
    Duplicate,
    DuplicateSearch,
    by_preference,
    cancel_duplicates,
    list_jobs_named,
    read_current_state,
)
from airflow_provider_tencent_ci.core.submitting.submission_note import NoNotes, NoteStore, SubmissionNote, TwoClockTime
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, RETRY_IDEMPOTENT, RequestRetry
from airflow_provider_tencent_ci.core.wire.service_errors import is_transient, was_not_executed
from airflow_provider_tencent_ci.core.wire.steps import current_time, pause, service_time
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    AuthenticationError,
    InvalidRequestError,
    JobExistsError,
    NotFoundError,
    PermissionDeniedError,
    RedirectError,
    SubmissionTakenOverError,
    SubmitOutcomeUnknownError,
    TencentCIError,
    TransportError,
)

# Looks whether something may be submitted now, and raises if not.
BeforeSubmit = Callable[[], Flow[None]]

# Raises if it is too late to send anything.
CheckDeadline = Callable[[], None]

# Is told in a sentence what is being waited for.
Log = Callable[[str], None]

# The service documents neither how late it acts on a request nor how far what it shows lags behind. Gateways give a
# request up after one to two minutes as a rule, and a list that lags longer than some minutes would be out of order.
RECONCILE_TIMEOUT_SECONDS = 300.0

# A try sends at most this many requests of unknown outcome: the first one, and one more after the watch.
_MOST_POSTS = 2

# The pauses of a watch double from the first to the longest: most jobs are listed within seconds.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0

# A look that is older than this when the request is about to be sent is made again: the process may have been frozen,
# or an upload may have taken a while, and another try may have submitted meanwhile.
_STALE_LOOK_SECONDS = 30.0

# A job that was created earlier than its request was sent, both by the service's clock, is probably another run's. Its
# servers may differ by seconds.
_CLOCK_TOLERANCE_SECONDS = 5.0

# What says for certain that no job was made.
_DEFINITE_REFUSALS = (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RedirectError,
)


def nothing_before_submit() -> Flow[None]:
    """Let everything be submitted at any time."""
    yield from ()


def no_limit() -> None:
    """Let a request be sent at any time."""


def tell_nobody(_sentence: str) -> None:
    """Keep it quiet."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    One try to submit.

    :param readable: the readable part of the job's name.
    :param token: the token of this series and request, which the note of an earlier try replaces.
    :param specification: the request.
    :param is_first: whether it is the first try of its series.
    :param reconcile_timeout: seconds for which the service may still act on a request after it was sent.
    :param check: raises if nothing may be submitted now; what is there already is adopted in any case.
    :param check_time: raises if it is too late to send anything; called right before each request is sent.
    :param tell: is told what is being waited for.
    """

    readable: str
    token: str
    specification: InventoryJobSpecification
    is_first: bool
    reconcile_timeout: float = RECONCILE_TIMEOUT_SECONDS
    before_submit: BeforeSubmit = nothing_before_submit
    check_deadline: CheckDeadline = no_limit
    log: Log = tell_nobody


@dataclass(frozen=True, slots=True)
class Submission:
    """
    A job that does what was asked.

    :param adopted: ``True`` if it was found, ``False`` if the service answered the request with it.
    :param posts: how many requests this try sent; 0 if the job was there before.
    :param series: what a later look for duplicates has to know.
    :param duplicates: further jobs of this submission, which are cancelled if they were live.
    """

    job: InventoryJob
    adopted: bool
    posts: int
    series: DuplicateSearch
    duplicates: tuple[Duplicate, ...] = ()


def submit_once(attempt: Attempt, notes: NoteStore) -> Flow[Submission]:
    """
    Submit, unless this try or an earlier one of its series has done so already; adopt the job then.

    :param notes: what the tries of the series know.
    :raises SubmitOutcomeUnknownError: the request was sent, and it is not known whether there is a job.
    :raises SubmissionTakenOverError: another try of the series went on meanwhile; nothing was sent.
    """
    submitting = _Submitting(attempt, notes)
    job = (yield from submitting.known_job()) or (yield from submitting.listed_job())
    if job is None:
        yield from attempt.before_submit()
        job = yield from submitting.posted_job()
    return (yield from submitting.concluded(job))


def submit_new(
    name: str,
    specification: InventoryJobSpecification,
    *,
    reconcile_timeout: float = RECONCILE_TIMEOUT_SECONDS,
    before_submit: BeforeSubmit = nothing_before_submit,
    check_deadline: CheckDeadline = no_limit,
    log: Log = tell_nobody,
) -> Flow[Submission]:
    """
    Submit if no job of this name exists. A request of unknown outcome is not sent again: the name may be anybody's.

    :raises JobExistsError: one exists, in whatever state.
    :raises SubmitOutcomeUnknownError: see :func:`submit_once`.
    """
    attempt = Attempt(name, "", specification, True, reconcile_timeout, before_submit, check_deadline, log)
    submitting = _Submitting(attempt, NoNotes())
    if found := (yield from submitting.jobs_of_the_name(RETRY_IDEMPOTENT)):
        job = min(found, key=by_preference)
        raise JobExistsError(
            f"A batch job named {name!r} exists: {job.job_id}, {job.state.value}. Nothing was submitted. "
            'Choose another name, or on_existing="adopt" to find one\'s own job again.',
            job=job,
        )
    yield from before_submit()
    job = yield from submitting.posted_job()
    return submitting.as_submission(job, DuplicateSearch(name))


def submit_unchecked(
    name: str,
    specification: InventoryJobSpecification,
    *,
    before_submit: BeforeSubmit = nothing_before_submit,
    check_deadline: CheckDeadline = no_limit,
) -> Flow[Submission]:
    """Submit, whatever jobs of this name there are."""
    yield from before_submit()
    check_deadline()
    job = yield from create_job(name, specification)
    return Submission(job, adopted=False, posts=1, series=DuplicateSearch(name))


class _Submitting:
    """
    One try: the steps of a submission, and what has been learned so far.

    ``adopted`` tells whether the job was found, and not answered with.
    """

    def __init__(self, attempt: Attempt, notes: NoteStore) -> None:
        self._attempt = attempt
        self._notes = notes
        self._kept = notes.read()
        self._is_first = notes.is_reliable or attempt.is_first
        # Without a note, an earlier try is taken to have sent one request.
        self._note = self._kept or SubmissionNote(attempt.token, posts=0 if self._is_first else 1)
        self._name = name_with_token(attempt.readable, self._note.token) if attempt.token else attempt.readable
        self._posts = 0
        self._listed: list[InventoryJob] = []
        self._looked_at: datetime | None = None
        self._ended_badly_before: set[str] = set()
        self._unanswered: TencentCIError | None = None
        self._note_before_post = self._note
        self._is_job_missing = self._note.job_id is None
        self.adopted = True

    def known_job(self) -> Flow[InventoryJob | None]:
        """Return the job that is noted, if it lives or has succeeded."""
        job = (yield from find_job(self._note.job_id)) if self._note.job_id else None
        self._is_job_missing = job is None
        if job and job.state in ENDED_BADLY:
            self._ended_badly_before.add(job.job_id)
            return None
        return job

    def listed_job(self) -> Flow[InventoryJob | None]:
        """Return the job that the list shows; watch the list while an earlier request may still be acted upon."""
        try:
            yield from self.jobs_of_the_name(RETRY_IDEMPOTENT)
            seconds = yield from self._seconds_left()  # by the service's time, which an answer has told by now
            job = yield from self._own_job(is_last=not seconds)
        except (ApiError, TransportError) as error:
            if self._note.posts and self._is_job_missing:
                raise self._outcome_unknown("cannot be read", error) from error
            raise
        if job is None and seconds:
            self._attempt.log(
                f"An earlier try may have submitted {self._name!r}, and the job list does not show it. It is watched "
                f"for {seconds:.0f} seconds before anything is submitted."
            )
            job = yield from self._watched_job(seconds)
        return job

    def posted_job(self) -> Flow[InventoryJob]:
        """Send the request, once more after a watch that has shown nothing, and return the job."""
        attempt = self._attempt
        while self._posts < (_MOST_POSTS if attempt.token else 1):
            if (yield from self._is_look_stale()) and (job := (yield from self._look(RETRY_IDEMPOTENT))):
                return job
            attempt.check_deadline()
            yield from self._note_post()
            try:
                job = yield from create_job(self._name, attempt.specification)
            except (ApiError, TransportError) as error:
                if _was_surely_not_created(error):
                    self._take_back_post()
                    if self._unanswered is None:
                        raise
                    raise self._outcome_unknown("does not show it", error) from error
                self._unanswered = error
            else:
                self.adopted = False
                return job
            attempt.log(
                f"The submission of {self._name!r} got no usable answer ({self._unanswered}). The job list is watched "
                f"for the job for up to {attempt.reconcile_timeout:.0f} seconds."
            )
            if found := (yield from self._watched_job(attempt.reconcile_timeout)):
                return found
        raise self._outcome_unknown("does not show it", self._unanswered) from self._unanswered

    def concluded(self, job: InventoryJob) -> Flow[Submission]:
        """Note the job, and see to further ones if there may be any."""
        self._write_if_possible(replace(self._note, job_id=job.job_id))
        was_slow = bool(self._posts) and (yield from self._is_look_stale())
        # Of a request of unknown outcome, the job that was found may be another one's: that of a deleted run, say.
        is_in_doubt = self._unanswered is not None
        may_be_several = self._note.posts > 1 or not self._is_first or was_slow or is_in_doubt
        never_kept = tuple(sorted({*self._note.foreign_ids, *self._ended_badly_before}))
        series = DuplicateSearch(self._name, never_kept, may_be_several)
        if not may_be_several and len(self._candidates) <= 1:
            return self.as_submission(job, series)
        try:
            kept, duplicates = yield from cancel_duplicates(series, job)
        except (ApiError, TransportError) as error:  # the task's end looks once more
            self._attempt.log(f"Whether there is a second batch job named {self._name!r} is not known yet: {error}")
            return self.as_submission(job, replace(series, may_have_duplicates=True))
        if kept.job_id != job.job_id:
            self._write_if_possible(replace(self._note, job_id=kept.job_id))
        return replace(self.as_submission(kept, series), duplicates=duplicates)

    def as_submission(self, job: InventoryJob, series: DuplicateSearch) -> Submission:
        return Submission(job, self.adopted, self._posts, series)

    def jobs_of_the_name(self, retry: RequestRetry) -> Flow[list[InventoryJob]]:
        """Read the list, and note what was there before anything was sent."""
        jobs = yield from list_jobs_named(self._name, retry)
        self._looked_at = yield from current_time()
        if not self._note.posts:
            ended = tuple(sorted(job.job_id for job in jobs if job.state.is_terminal))
            self._note = replace(self._note, foreign_ids=ended)
        if not self._posts:
            self._ended_badly_before |= {job.job_id for job in jobs if job.state in ENDED_BADLY}
        self._listed = [job for job in jobs if job.job_id not in self._note.foreign_ids]
        return jobs

    def _look(self, retry: RequestRetry, *, is_last: bool = True) -> Flow[InventoryJob | None]:
        """Read the list, and return the job of this submission that lives or has succeeded."""
        yield from self.jobs_of_the_name(retry)
        return (yield from self._own_job(is_last=is_last))

    def _own_job(self, *, is_last: bool) -> Flow[InventoryJob | None]:
        """
        Return the listed job of this submission that lives or has succeeded: first the one that is noted.

        :param is_last: whether to take one, too, that may be another run's, while this one's is not shown yet.
        """
        for job in sorted(self._candidates, key=lambda job: (job.job_id != self._note.job_id, by_preference(job))):
            fresh = yield from read_current_state(job)
            if fresh.state.is_terminal and not self._note.posts:
                self._note = replace(self._note, foreign_ids=(*self._note.foreign_ids, job.job_id))
            elif fresh.state not in ENDED_BADLY and (is_last or not self._may_be_another_runs(fresh)):
                return fresh
        return None

    def _may_be_another_runs(self, job: InventoryJob) -> bool:
        """Whether a job may be that of a deleted run. It is never left for that alone, only taken later."""
        if self._note.job_id:
            return job.job_id != self._note.job_id
        sent_at = self._note.posted_at.service if self._note.posts == 1 and self._note.posted_at else None
        if sent_at is None or job.creation_time is None:
            return False
        return (sent_at - job.creation_time).total_seconds() > _CLOCK_TOLERANCE_SECONDS

    @property
    def _candidates(self) -> list[InventoryJob]:
        seen_to_end = self._ended_badly_before
        return [job for job in self._listed if job.state not in ENDED_BADLY and job.job_id not in seen_to_end]

    def _watched_job(self, seconds: float) -> Flow[InventoryJob | None]:
        """
        Look time and again for ``seconds``.

        The pauses themselves are the measure of time: no clock can make them shorter. A job that has ended badly may be
        one of an earlier try that is listed late, so it is taken for this try's only at the end.
        """
        pauses = list(_growing_pauses(seconds))
        for number, pause_seconds in enumerate(pauses, 1):
            yield from pause(pause_seconds)
            is_last = number == len(pauses)
            try:
                job = yield from self._look(RETRY_IDEMPOTENT if is_last else NO_RETRY, is_last=is_last)
            except (ApiError, TransportError) as error:
                if not is_last and is_transient(error):
                    continue
                raise self._outcome_unknown("cannot be read", error) from error
            if job:
                return job
        own = [job for job in self._listed if self._posts and job.job_id not in self._ended_badly_before]
        return min(own, key=by_preference, default=None)

    def _seconds_left(self) -> Flow[float]:
        """Return for how long the job of an earlier try may still come up, in the list or by its id."""
        timeout = self._attempt.reconcile_timeout
        if self._kept is None:
            return 0.0 if self._is_first else timeout
        if self._kept.posted_at is None or not self._is_job_missing:
            return 0.0
        return max(0.0, timeout - self._kept.posted_at.seconds_until((yield from _moment())))

    def _is_look_stale(self) -> Flow[bool]:
        now = yield from current_time()
        return self._looked_at is None or abs((now - self._looked_at).total_seconds()) > _STALE_LOOK_SECONDS

    def _note_post(self) -> Flow[None]:
        """Note that a request is sent, unless another try has noted something since this one began."""
        moment = yield from _moment()
        if self._notes.is_reliable and self._notes.read() != self._kept:
            raise SubmissionTakenOverError(
                f"Another try of this task has taken over the submission of {self._name!r}. This try sent nothing."
            )
        self._note_before_post = self._note
        note = replace(self._note, job_id=None, posts=self._note.posts + 1, posted_at=moment)
        self._notes.write(note)
        self._kept = self._note = note
        self._posts += 1

    def _take_back_post(self) -> None:
        """Note that the request was refused, so that the next try need not watch for its job."""
        self._write_if_possible(self._note_before_post)

    def _write_if_possible(self, note: SubmissionNote) -> None:
        self._note = note
        if self._notes.try_to_write(note, self._kept):
            self._kept = note

    def _outcome_unknown(self, what_the_list_does: str, error: TencentCIError | None) -> SubmitOutcomeUnknownError:
        times = {0: "by an earlier try", 1: "once"}.get(self._posts, f"{self._posts} times")
        return SubmitOutcomeUnknownError(
            f"The submission of batch job {self._name!r} was sent {times} without a usable answer, and the job list "
            f"{what_the_list_does}. A retry of this task looks for the job first. Before you submit it in another way, "
            f"look for this name in the CI console. Last error: {error}"
        )


def _moment() -> Flow[TwoClockTime]:
    return TwoClockTime((yield from current_time()), (yield from service_time()))


def _growing_pauses(seconds: float) -> Iterator[float]:
    """Return pauses that grow and add up to ``seconds``."""
    pause_seconds = _FIRST_PAUSE_SECONDS
    while seconds > 0:
        yield min(pause_seconds, seconds)
        seconds -= pause_seconds
        pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)


def _was_surely_not_created(error: TencentCIError) -> bool:
    """Whether a failed submission left no job behind: it was refused, or answered with a definite no."""
    return was_not_executed(error) or isinstance(error, _DEFINITE_REFUSALS)
