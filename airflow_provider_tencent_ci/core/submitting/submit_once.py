"""
Submit a batch job exactly once, over all tries of a task: idempotency for a ``POST`` that has no idempotency key.

How it works:

1. The job gets a name that no other submission has, ``<readable>-<token>`` (``submission_token.py``).
2. Each ``POST`` is noted before it is sent, where Airflow can keep a note from one try to the next
   (``submission_note.py``). So a later try knows whether there was a ``POST``, and how long ago.
3. Before a ``POST``, the try searches for the job: by the noted job id, then by its name in the job list. If it finds
   the job, it adopts it (``submission_search.py``).
4. If an earlier ``POST`` has an unknown outcome, the try polls the list for ``reconcile_timeout`` first. The service
   may act on that request during this time.
5. ``before_submit`` checks the arguments and uploads the input. Then the ``POST`` is sent.
6. If the outcome of this ``POST`` is unknown, the try polls the list for ``reconcile_timeout``, and only then sends it
   once more.
7. If more than one ``POST`` may have made a job, the try keeps one job and cancels the others (``duplicate_jobs.py``).

The requests that a try has sent decide whether a found job is its own. This machine's clock is never compared with the
service's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airflow_provider_tencent_ci.core.api.job_calls import create_job
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import (
    Duplicate,
    DuplicateSearch,
    by_preference,
    cancel_duplicates,
)
from airflow_provider_tencent_ci.core.submitting.refused_submission import Refusals
from airflow_provider_tencent_ci.core.submitting.submission_note import NoNotes, NoteStore, SubmissionNote
from airflow_provider_tencent_ci.core.submitting.submission_search import SubmissionSearch, two_clock_time
from airflow_provider_tencent_ci.core.submitting.submit_attempt import (
    RECONCILE_TIMEOUT_SECONDS,
    Attempt,
    BeforeSubmit,
    CheckDeadline,
    Log,
    log_nothing,
    no_deadline,
    nothing_before_submit,
)
from airflow_provider_tencent_ci.core.submitting.superseded_try import check_not_superseded
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, RETRY_IDEMPOTENT
from airflow_provider_tencent_ci.core.wire.retryable_errors import was_not_executed
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    AuthenticationError,
    InvalidRequestError,
    JobExistsError,
    NotFoundError,
    PermissionDeniedError,
    RedirectError,
    TencentCIError,
    TransportError,
)

# A try sends at most this many requests of unknown outcome: the first one, and one more after the list was polled.
_MAX_POSTS = 2

# Errors that say for certain that no job was made.
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

    :param adopted: ``True`` if it was found, ``False`` if it came with the answer to this try's request.
    :param posts: how many requests this try sent; 0 if the job was there before.
    :param series: what a later search for duplicates has to know.
    :param duplicates: further jobs of this submission; those that were active are cancelled.
    :param ended_badly_before: ids of the jobs of earlier tries that failed or were cancelled.
    """

    job: InventoryJob
    adopted: bool
    posts: int
    series: DuplicateSearch
    duplicates: tuple[Duplicate, ...] = ()
    ended_badly_before: tuple[str, ...] = ()


def submit_once(attempt: Attempt, notes: NoteStore) -> Flow[Submission]:
    """
    Submit, unless this try or an earlier one of its series has done so already; then adopt the job.

    :param notes: what the tries of the series know.
    :raises SubmitOutcomeUnknownError: the request was sent, and it is not known whether there is a job.
    :raises SubmissionTakenOverError: another try of the series went on meanwhile; nothing was sent.
    :raises LostContactError: the job that an earlier try has noted could not be read.
    """
    search = SubmissionSearch(attempt, notes)
    submitting = _Submitting(attempt, notes, search)
    job = (yield from search.noted_job()) or (yield from search.listed_job())
    if job is None:
        yield from attempt.before_submit()
        job = yield from submitting.post_job()
    return (yield from submitting.keep_one_job(job))


def submit_new(
    name: str,
    specification: InventoryJobSpecification,
    *,
    reconcile_timeout: float = RECONCILE_TIMEOUT_SECONDS,
    before_submit: BeforeSubmit = nothing_before_submit,
    check_deadline: CheckDeadline = no_deadline,
    log: Log = log_nothing,
) -> Flow[Submission]:
    """
    Submit if no job of this name exists.

    A request of unknown outcome is not sent again: another process may use the same name.

    :raises JobExistsError: one exists, in whatever state.
    :raises SubmitOutcomeUnknownError: see :func:`submit_once`.
    """
    attempt = Attempt(name, "", specification, True, reconcile_timeout, before_submit, check_deadline, log)
    search = SubmissionSearch(attempt, NoNotes())
    if found := (yield from search.list_jobs(RETRY_IDEMPOTENT)):
        job = min(found, key=by_preference)
        raise JobExistsError(
            f"A batch job named {name!r} exists: {job.job_id}, {job.state.value}. Nothing was submitted. "
            'Choose another name, or use on_existing="adopt" to find your own job again.',
            job=job,
        )
    yield from before_submit()
    submitting = _Submitting(attempt, NoNotes(), search)
    job = yield from submitting.post_job()
    return submitting.as_submission(job, DuplicateSearch(name))


def submit_unchecked(
    name: str,
    specification: InventoryJobSpecification,
    *,
    before_submit: BeforeSubmit = nothing_before_submit,
    check_deadline: CheckDeadline = no_deadline,
) -> Flow[Submission]:
    """Submit without a search for jobs of this name."""
    yield from before_submit()
    job = yield from create_job(name, specification, check_before_send=check_deadline)
    return Submission(job, adopted=False, posts=1, series=DuplicateSearch(name))


class _Submitting:
    """The steps of one try that send requests or write notes."""

    def __init__(self, attempt: Attempt, notes: NoteStore, search: SubmissionSearch) -> None:
        self._attempt = attempt
        self._notes = notes
        self._search = search
        self._unanswered: TencentCIError | None = None
        self._note_before_post = search.note
        self._is_adopted = True

    def post_job(self) -> Flow[InventoryJob]:
        """
        Send the ``POST`` and return the job.

        After an unknown outcome, poll the list; if the list does not show the job, send the ``POST`` once more. After a
        refusal that may pass, pause and send it again. Each time all is checked once more: the pause may have been
        long, and another try may have submitted.
        """
        attempt, search, refusals = self._attempt, self._search, Refusals()
        while search.posts < (_MAX_POSTS if attempt.token else 1):
            if job := (yield from search.relisted_job()):
                return job
            attempt.check_deadline()
            yield from self._write_note_of_post()
            try:
                job = yield from create_job(search.name, attempt.specification, NO_RETRY)
            except (ApiError, TransportError) as error:
                if _was_certainly_not_created(error):
                    self._take_back_note_of_post()
                    if (yield from refusals.pause(error)):
                        continue
                    if self._unanswered is None:
                        raise
                    raise search.outcome_unknown("does not show it", error) from error
                self._unanswered, refusals = error, Refusals()
            else:
                self._is_adopted = False
                search.note = replace(search.note, answered=search.note.answered + 1)
                return job
            attempt.log(
                f"The submission of {search.name!r} got no usable answer ({self._unanswered}). The job list is polled "
                f"for the job for up to {attempt.reconcile_timeout:.0f} seconds."
            )
            if found := (yield from search.poll_list(attempt.reconcile_timeout)):
                return found
        raise search.outcome_unknown("does not show it", self._unanswered) from self._unanswered

    def keep_one_job(self, job: InventoryJob) -> Flow[Submission]:
        """Note the job. If there may be more than one, keep one and cancel the others."""
        search = self._search
        self._try_to_write_note(replace(search.note, job_id=job.job_id, noted_by=self._attempt.try_key))
        was_slow = bool(search.posts) and (yield from search.is_list_old())
        # After a request of unknown outcome, the job that was found may be another one's, such as a deleted run's.
        is_in_doubt = self._unanswered is not None
        may_be_several = search.note.posts > 1 or not search.is_first or was_slow or is_in_doubt
        never_kept = tuple(sorted({*search.note.foreign_ids, *search.ended_badly_before}))
        # Only a later try without a store may have adopted a job of a deleted run.
        knows_all_tries = search.is_first or not self._is_adopted
        series = DuplicateSearch(search.name, never_kept, may_be_several, knows_all_tries=knows_all_tries)
        if not may_be_several and len(search.candidates) <= 1:
            return self.as_submission(job, series)
        try:
            kept, duplicates = yield from cancel_duplicates(series, job)
        except (ApiError, TransportError) as error:  # the end of the task searches once more
            self._attempt.log(
                f"It is not known yet whether there is a second batch job named {search.name!r}. Last error: {error}"
            )
            return self.as_submission(job, replace(series, may_have_duplicates=True))
        if kept.job_id != job.job_id:
            self._try_to_write_note(replace(search.note, job_id=kept.job_id))
        return replace(self.as_submission(kept, series), duplicates=duplicates)

    def as_submission(self, job: InventoryJob, series: DuplicateSearch) -> Submission:
        ended_badly = tuple(sorted(self._search.ended_badly_before))
        return Submission(job, self._is_adopted, self._search.posts, series, ended_badly_before=ended_badly)

    def _write_note_of_post(self) -> Flow[None]:
        """Note that a request is sent; refuse if another try has written a note since this one began."""
        search = self._search
        posted_at = yield from two_clock_time()
        check_not_superseded(self._notes, search.stored, search.name)
        self._note_before_post = search.note
        note = replace(
            search.note, job_id=None, posts=search.note.posts + 1, posted_at=posted_at, noted_by=self._attempt.try_key
        )
        self._notes.write(note)
        search.stored = search.note = note
        search.posts += 1

    def _take_back_note_of_post(self) -> None:
        """Note that the request was refused, so that the next try need not poll for its job."""
        self._search.posts -= 1
        self._try_to_write_note(self._note_before_post)

    def _try_to_write_note(self, note: SubmissionNote) -> None:
        self._search.note = note
        if self._notes.try_to_write(note, self._search.stored):
            self._search.stored = note


def _was_certainly_not_created(error: TencentCIError) -> bool:
    """Whether a failed submission left no job behind: it was not executed, or the answer is a definite refusal."""
    return was_not_executed(error) or isinstance(error, _DEFINITE_REFUSALS)
