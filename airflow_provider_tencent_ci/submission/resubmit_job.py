"""
The failed files of a job that has ended, submitted again by a person; what a task does by itself is in ``rounds.py``.

The job's id takes the place of the task run in the token, so each call for one job means the same submission: a later
one finds the job of the first one in the list. On the machine of an earlier call a note tells what that has sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.core.api.job_name import readable_name, readable_part
from airflow_provider_tencent_ci.core.api.job_records import JOB_TYPES, InventoryJob
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.url_list import keys_of_part, parts_needed, write_url_list
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import ENDED_BADLY
from airflow_provider_tencent_ci.core.submitting.round_parts import RoundPart
from airflow_provider_tencent_ci.core.submitting.round_request import (
    Resubmission,
    check_one_workflow,
    url_list_folder,
)
from airflow_provider_tencent_ci.core.submitting.submission_note import SubmissionNote
from airflow_provider_tencent_ci.core.submitting.submission_token import TaskIdentity, submission_token
from airflow_provider_tencent_ci.core.submitting.submit_attempt import Attempt
from airflow_provider_tencent_ci.core.submitting.submit_once import Submission, submit_once
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures
from airflow_provider_tencent_ci.task_state.submission_memory import SubmissionMemory

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.wire.messages import Flow
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.outcome.commands import CommandPlace

__all__ = [
    "FailedFilesAgain",
    "check_may_submit_again",
    "failed_files_again",
    "resubmission_among",
    "resubmission_of",
    "submit_again",
]

_AGAIN = re.compile("(?P<first>.*)-again-(?P<round>[0-9]{1,6})(-[0-9]{1,6})?", re.DOTALL)


def resubmission_of(hook: TencentCIHook, job: InventoryJob) -> InventoryJob | None:
    """
    Return the youngest job with which the failed files of ``job`` were submitted again, by its task or by the command.

    :param job: its record. It has ended.
    :return: ``None`` if there is none, or none among the youngest 1,000 jobs since then.
    """
    return resubmission_among(job, _jobs_of_lists_since(hook, job, most=1_000))


def resubmission_among(job: InventoryJob, jobs: Iterable[InventoryJob]) -> InventoryJob | None:
    """
    Return the first of some jobs with which the failed files of ``job`` were submitted again.

    :param job: its record. It has ended.
    :return: ``None`` if there is none.
    """
    return _first_living(jobs, _folder_and_round_after(job), _folder_and_round_of_command(job))


def _first_living(jobs: Iterable[InventoryJob], *kinds: tuple[str, int]) -> InventoryJob | None:
    """Return the first job over a list of one of these folders and rounds. One that ended badly has no result."""
    living = (one for one in jobs if one.state not in ENDED_BADLY)
    return next((one for one in living if any(_is_of(one, *kind) for kind in kinds)), None)


def _jobs_of_lists_since(hook: TencentCIHook, job: InventoryJob, most: int | None = None) -> list[InventoryJob]:
    """Return the jobs over lists of failed files that were created since a job, of the youngest ``most`` jobs."""
    with closing(hook.list_inventory_jobs(start_creation_time=job.creation_time)) as later:  # type: ignore[type-var]
        return [one for one in islice(later, most) if RoundPart.of_job(one)]


def _running_part(job: InventoryJob, lists: Iterable[InventoryJob]) -> InventoryJob | None:
    """Return the live job of a later part of the same round; its task may still submit the files of both again."""
    place = RoundPart.of_job(job)
    if place is None or place.is_last:
        return None
    of_round = (one for one in lists if _is_of(one, _folder_of(job), place.round))
    return next((one for one in of_round if one.job_id != job.job_id and not one.state.is_terminal), None)


def check_may_submit_again(hook: TencentCIHook, job: InventoryJob, place: CommandPlace, url_list_prefix: str) -> None:
    """
    Check that a job has ended, and neither its task nor another command has submitted its failed files again.

    :param place: the arguments of the command in the message.
    :param url_list_prefix: where this command puts the list; a job whose list is there is its own.
    :raises InvalidArgumentError: one of these; the message names the command that helps.
    """
    if not job.state.is_terminal:
        raise InvalidArgumentError(
            f"Batch job {job.job_id} is {job.state.value}: its failed files can be submitted again when it has ended. "
            f"Follow it: {place.command('tail', job.job_id)}"
        )
    lists = _jobs_of_lists_since(hook, job)
    if again := _first_living(lists, _folder_and_round_after(job)):
        raise InvalidArgumentError(
            f"The task of batch job {job.job_id} has submitted its failed files again, as {again.job_id}. Submit those "
            f"that failed there: {place.command('resubmit', again.job_id)}"
        )
    own_folder = f"/{url_list_folder(url_list_prefix, job.job_id)}"
    again = _first_living(lists, _folder_and_round_of_command(job))
    if again and _folder_of(again) != own_folder:
        raise InvalidArgumentError(
            f"The failed files of batch job {job.job_id} were submitted again with another --url-list-prefix, as "
            f"{again.job_id} ({again.state.value}). Nothing was submitted. See: {place.command('show', again.job_id)}"
        )
    if part := _running_part(job, lists):
        raise InvalidArgumentError(
            f"Batch job {job.job_id} is a part of a round, and another part is {part.state.value}: {part.job_id}. "
            "Their task may submit the failed files of both again. Submit them when the round has ended. Follow it: "
            f"{place.command('tail', part.job_id)}"
        )


def _folder_and_round_after(job: InventoryJob) -> tuple[str, int]:
    """Return the folder with the lists of the task that submitted a job, and the number of the round after the job."""
    if place := RoundPart.of_job(job):
        return _folder_of(job), place.round + 1
    return f"/{url_list_folder('', job.name)}", 1


def _folder_and_round_of_command(job: InventoryJob) -> tuple[str, int]:
    """Return the same for the command: the end of its folder, whatever ``--url-list-prefix`` is, and the number."""
    return f"/{url_list_folder('', job.job_id)}", _name_and_round(job)[1]


def _is_of(job: InventoryJob, folder: str, round_number: int) -> bool:
    place = RoundPart.of_job(job)
    return place is not None and place.round == round_number and _folder_of(job).endswith(folder)


def _folder_of(job: InventoryJob) -> str:
    return "/" + str(job.input["UrlFile"]).rpartition("/")[0] + "/"


@dataclass(frozen=True, slots=True)
class FailedFilesAgain:
    """
    The failed files of a job, to be submitted again in as many parts as they need.

    :param job: its record.
    :param failures: its failed files.
    :param folder: where in the bucket the lists are put.
    :param bucket: the bucket's long name.
    :param region: its region.
    """

    job: InventoryJob
    failures: InventoryJobFailures
    folder: str
    bucket: str
    region: str

    def first_part(self) -> Resubmission:
        """
        Return the request for the first part; it has all files, if one list has room for them.

        :raises InvalidArgumentError: a key cannot stand in a list.
        """
        parts = parts_needed(self.failures.keys, self.bucket, self.region)
        place = RoundPart(_name_and_round(self.job)[1], 1, parts)
        return self._request(place, keys_of_part(self.failures, place.part, place.parts))

    def part_after(self, submitted: InventoryJob) -> Resubmission | None:
        """Return the request for the part that follows; ``None`` if that was the last one."""
        place = RoundPart.of_job(submitted) or RoundPart(1)
        with_keys = ((part, keys_of_part(self.failures, part.part, part.parts)) for part in place.following)
        return next((self._request(part, keys) for part, keys in with_keys if keys), None)

    def _request(self, place: RoundPart, keys: list[str]) -> Resubmission:
        specification = InventoryJobSpecification(self.job.type, self.job.input, self.job.operation)
        url_list = write_url_list(keys, self.bucket, self.region)
        return Resubmission.of(specification, place.round, self.folder, place, url_list)


def failed_files_again(hook: TencentCIHook, job: InventoryJob, url_list_prefix: str) -> FailedFilesAgain | None:
    """
    Return the failed files of a job; ``None`` if no file failed.

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
    folder = url_list_folder(url_list_prefix, job.job_id)
    return FailedFilesAgain(job, failures, folder, hook.config.bucket, hook.config.region)


def submit_again(job: InventoryJob, again: Resubmission, store: Any, log: Callable[[str], None]) -> Flow[Submission]:
    """
    Submit a part of the failed files of a job, unless an earlier call has done so; then return the job of that call.

    :param again: see :class:`FailedFilesAgain`. A part may be submitted once the part before it has succeeded.
    :param store: keeps notes of this machine, with ``get(key)`` and ``set(key, value)``.
    :param log: logs what the submission waits for.
    :raises SubmitOutcomeUnknownError: the request was sent, and it is not known whether there is a job.
    """
    name, _ = _name_and_round(job)
    token = submission_token(TaskIdentity("", job.job_id, "tencent-ci resubmit", -1, 0), again.identity)
    attempt = Attempt(
        readable=readable_name(f"{name}-again-{again.label}"),
        token=token,
        specification=again,
        is_first=False,
        before_submit=again.upload_inputs,
        log=log,
    )
    return submit_once(attempt, _Notes(store, token, hashlib.sha256(again.identity).hexdigest(), again.label))


class _Notes(SubmissionMemory):
    """
    The notes of earlier calls on this machine.

    Without a note, a call on another machine may have sent something long ago: its job counts, but nothing is waited
    for.
    """

    is_reliable = False

    def __init__(self, store: Any, token: str, request: str, label: str) -> None:
        super().__init__(store, 0, request, label)
        self._without_note = SubmissionNote(token, posts=1)

    def read(self) -> SubmissionNote:
        return super().read() or self._without_note


def _name_and_round(job: InventoryJob) -> tuple[str, int]:
    """Return the readable name of the first job of the files, and the number of the next submission."""
    name = readable_part(job.name) or job.job_id
    if found := _AGAIN.fullmatch(name):
        return found["first"], int(found["round"]) + 1
    return name, 1
