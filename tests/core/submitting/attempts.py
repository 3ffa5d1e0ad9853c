"""An attempt for tests of a submission, with a record that is kept in memory."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.submitting.submission_note import SubmissionNote
from airflow_provider_tencent_ci.core.submitting.submit_attempt import Attempt
from airflow_provider_tencent_ci.core.submitting.submit_once import Submission, submit_once
from airflow_provider_tencent_ci.core.wire.messages import Flow, Request, Response
from tests.core.script import Script, respond

_DETAIL = re.compile(b"<JobsDetail>.*?</JobsDetail>", re.DOTALL)

TOKEN = "0123456789abcdef"
NAME = f"nightly-{TOKEN}"


class Listing(Script):
    """A script that also answers a read by id with a job of its last page."""

    _last_page = b""

    def _respond(self, step: Request) -> Response:
        job_id = step.path.rpartition("/")[2] if step.method == "GET" and step.path.count("/") > 1 else ""
        details = [one for one in _DETAIL.findall(self._last_page) if f"<JobId>{job_id}</JobId>".encode() in one]
        if job_id and details:
            return respond(b"<Response>" + details[0] + b"</Response>")
        response = super()._respond(step)
        if step.method == "GET" and not job_id:
            self._last_page = response.body
        return response


class Notes:
    """
    The record of one series.

    :param note: the record of an earlier try.
    :param reliable: whether the record outlives a try, as on Airflow 3.3 and later.
    """

    def __init__(self, note: SubmissionNote | None = None, *, reliable: bool = True) -> None:
        self.note = note
        self.is_reliable = reliable
        self.written: list[SubmissionNote] = []

    def read(self) -> SubmissionNote | None:
        return self.note if self.is_reliable else None

    def write(self, note: SubmissionNote) -> None:
        self.written.append(note)
        self.note = note

    def try_to_write(self, note: SubmissionNote, kept: SubmissionNote | None) -> bool:
        if self.is_reliable and self.note != kept:
            return False
        self.write(note)
        return True


def submitting(
    specification: InventoryJobSpecification, notes: Notes | None = None, *, is_first: bool = True, **options: Any
) -> Flow[Submission]:
    """Return the submission of a job named :data:`NAME`."""
    return submit_once(Attempt("nightly", TOKEN, specification, is_first, **options), notes or Notes())
