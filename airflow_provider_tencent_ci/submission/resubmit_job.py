"""
The failed files of a job that has ended, submitted again by a person; what a task does by itself is in ``rounds.py``.

The job's id takes the place of the task run in the token, so each call for one job means the same submission: a later
one finds the job of the first one in the list. On the machine of an earlier call a note tells what that has sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.core.api.job_name import readable_name, readable_part
from airflow_provider_tencent_ci.core.api.job_records import JOB_TYPES, InventoryJob
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import ENDED_BADLY
from airflow_provider_tencent_ci.core.submitting.round_request import Resubmission, check_one_workflow, url_list_key
from airflow_provider_tencent_ci.core.submitting.submission_note import SubmissionNote
from airflow_provider_tencent_ci.core.submitting.submission_token import TaskIdentity, submission_token
from airflow_provider_tencent_ci.core.submitting.submit_attempt import Attempt
from airflow_provider_tencent_ci.core.submitting.submit_once import Submission, submit_once
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures
from airflow_provider_tencent_ci.task_state.state_store import SubmissionMemory

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.wire.messages import Flow
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["failed_files_again", "round_of", "submit_again"]

_LIST_OF_A_ROUND = re.compile("(?P<start>.*/failed-)(?P<round>[0-9]{1,6})[.]txt", re.DOTALL)
_AGAIN = re.compile("(?P<first>.*)-again-(?P<round>[0-9]{1,6})", re.DOTALL)


def round_of(hook: TencentCIHook, job: InventoryJob) -> InventoryJob | None:
    """
    Return the job with which a task has submitted the failed files of ``job`` again (``resubmit_rounds``).

    Such a job names the list of the round as its input. One that failed or was cancelled has no result that counts.

    :param job: its record. It has ended.
    """
    found = _LIST_OF_A_ROUND.fullmatch(str(job.input.get("UrlFile", "")))
    key = f"{found['start']}{int(found['round']) + 1}.txt" if found else f"/{url_list_key('', job.name, 1)}"
    with closing(hook.list_inventory_jobs(start_creation_time=job.creation_time)) as later:  # type: ignore[type-var]
        return next((one for one in later if one.state not in ENDED_BADLY and _reads(one, key)), None)


def _reads(job: InventoryJob, key: str) -> bool:
    return f"/{job.input.get('UrlFile', '')}".endswith(key)


def failed_files_again(hook: TencentCIHook, job: InventoryJob, url_list_prefix: str) -> tuple[Resubmission, int] | None:
    """
    Return the request for the failed files of a job, and how many there are; ``None`` if no file failed.

    :param job: its record. It has ended.
    :param url_list_prefix: where in the bucket the list of files is put.
    :raises InvalidArgumentError: its files cannot be submitted again; the message says why.
    """
    if job.type not in JOB_TYPES:
        raise InvalidArgumentError(f"Batch job {job.job_id} is of type {job.type!r}, which cannot be submitted again.")
    check_one_workflow(job.operation)
    failures = InventoryJobFailures.of_job(hook, job)
    if not failures:
        return None
    _, round_number = _name_and_round(job)
    specification = InventoryJobSpecification(job.type, job.input, job.operation)
    key = url_list_key(url_list_prefix, job.job_id, round_number)
    url_list = failures.url_list(hook.config.bucket, hook.config.region)
    return Resubmission.of(specification, round_number, key, url_list), len(failures)


def submit_again(job: InventoryJob, again: Resubmission, store: Any, log: Callable[[str], None]) -> Flow[Submission]:
    """
    Submit the failed files of a job, unless an earlier call has done so; then return the job of that call.

    :param again: of :func:`failed_files_again`.
    :param store: keeps notes of this machine, with ``get(key)`` and ``set(key, value)``.
    :param log: logs what the submission waits for.
    :raises SubmitOutcomeUnknownError: the request was sent, and it is not known whether there is a job.
    """
    name, round_number = _name_and_round(job)
    request = again.body(None)
    token = submission_token(TaskIdentity("", job.job_id, "tencent-ci resubmit", -1, 0), request)
    attempt = Attempt(
        readable=readable_name(f"{name}-again-{round_number}"),
        token=token,
        specification=again,
        is_first=False,
        before_submit=again.upload_inputs,
        log=log,
    )
    return submit_once(attempt, _Notes(store, token, hashlib.sha256(request).hexdigest(), round_number))


class _Notes(SubmissionMemory):
    """
    The notes of earlier calls on this machine.

    Without a note, a call on another machine may have sent something long ago: its job counts, but nothing is waited
    for.
    """

    is_reliable = False

    def __init__(self, store: Any, token: str, request: str, round_number: int) -> None:
        super().__init__(store, 0, request, round_number)
        self._without_note = SubmissionNote(token, posts=1)

    def read(self) -> SubmissionNote:
        return super().read() or self._without_note


def _name_and_round(job: InventoryJob) -> tuple[str, int]:
    """Return the readable name of the first job of the files, and the number of the next submission."""
    name = readable_part(job.name) or job.job_id
    if found := _AGAIN.fullmatch(name):
        return found["first"], int(found["round"]) + 1
    return name, 1
