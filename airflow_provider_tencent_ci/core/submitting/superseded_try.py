"""A superseded try sends nothing: an old one that is still running when a newer one has submitted."""

from __future__ import annotations

from airflow_provider_tencent_ci.core.submitting.submission_note import NoteStore, SubmissionNote
from airflow_provider_tencent_ci.exceptions import SubmissionTakenOverError


def check_not_superseded(notes: NoteStore, last_seen: SubmissionNote | None, name: str) -> None:
    """
    Check, right before a ``POST``, that no other try has written a note meanwhile.

    :param last_seen: the note as this try read or wrote it last.
    :param name: the name of the batch job, for the error.
    :raises SubmissionTakenOverError: another try has; nothing was sent.
    """
    if notes.is_reliable and notes.read() != last_seen:
        raise SubmissionTakenOverError(
            f"Another try of this task has taken over the submission of {name!r}. This try sent nothing."
        )
