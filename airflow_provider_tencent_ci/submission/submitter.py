"""Submitting for a task instance, exactly once over all of its tries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.compat.task_context import is_first_try, task_identity
from airflow_provider_tencent_ci.core.api.job_name import readable_name
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.workflows_and_queues import check_targets
from airflow_provider_tencent_ci.core.submitting import submit_once
from airflow_provider_tencent_ci.core.submitting.active_jobs import check_capacity
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import Duplicate
from airflow_provider_tencent_ci.core.submitting.resubmission import check_resubmission
from airflow_provider_tencent_ci.core.submitting.submission_token import submission_token
from airflow_provider_tencent_ci.core.submitting.submit_attempt import Attempt, no_deadline
from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.outcome.file_outcome import check_arguments
from airflow_provider_tencent_ci.task_state.state_store import SubmissionMemory
from airflow_provider_tencent_ci.task_state.stored_request import specification_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

__all__ = [
    "checked_specification",
    "say_what_was_submitted",
    "say_which_duplicates",
    "submit_for_task",
]


def checked_specification(task: TriggerInventoryJobOperator) -> InventoryJobSpecification:
    """
    Check all of a task's arguments, as far as that is possible before anything is sent; return what it asks for.

    :raises InvalidArgumentError: an argument is wrong; the message names it.
    """
    limit = task.max_active_jobs
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidArgumentError(f"max_active_jobs={limit!r} must be a number, at least 1, or None for no limit.")
    check_arguments(task)
    specification = specification_of(task)
    check_resubmission(task, specification)
    return specification


def submit_for_task(
    context: Context,
    hook: TencentCIHook,
    specification: InventoryJobSpecification,
    *,
    name: str,
    on_existing: str,
    max_active_jobs: int | None,
    reconcile_timeout: float,
    validate: bool = False,
    check_deadline: Callable[[], None] = no_deadline,
) -> Submission:
    """
    Submit, or find what this try or an earlier one submitted.

    :param name: as the user gave it.
    :param on_existing: ``adopt``, ``submit`` or ``fail``; see the operator.
    :param max_active_jobs: see the operator.
    :param reconcile_timeout: see the operator; in seconds.
    :param validate: see the operator.
    :param check_time: raises if it is too late to submit anything; called right before each request is sent.
    :raises TargetUnusableError: the workflow or queue cannot be used, and nothing was found; nothing was submitted.
    :raises TooManyActiveJobsError: ``max_active_jobs`` are active, and nothing was found; nothing was submitted.
    :raises SubmitOutcomeUnknownError: the request was sent, and it is not known whether there is a job.
    :raises SubmissionTakenOverError: another try of the task submits; nothing was sent.
    """

    def before_submit() -> Flow[None]:
        if validate:
            yield from check_targets(specification)
        yield from check_capacity(max_active_jobs)
        yield from specification.upload_inputs()

    for warning in specification.warnings:
        hook.log.warning("%s", warning)
    if on_existing == "submit":
        return hook.run(
            submit_once.submit_unchecked(
                name, specification, before_submit=before_submit, check_deadline=check_deadline
            )
        )
    if on_existing == "fail":
        flow = submit_once.submit_new(
            name,
            specification,
            reconcile_timeout=reconcile_timeout,
            before_submit=before_submit,
            check_deadline=check_deadline,
            log=hook.log.warning,
        )
        return hook.run(flow)
    body = specification.body(None)
    attempt = Attempt(
        readable=readable_name(f"{name}-again-{specification.round}" if specification.round else name),
        token=submission_token(task_identity(context), body),
        specification=specification,
        is_first=is_first_try(context),
        reconcile_timeout=reconcile_timeout,
        before_submit=before_submit,
        check_deadline=check_deadline,
        log=hook.log.warning,
    )
    memory = SubmissionMemory.of(context, hashlib.sha256(body).hexdigest(), specification.round)
    return hook.run(submit_once.submit_once(attempt, memory))


def say_what_was_submitted(hook: TencentCIHook, context: Context, submitted: Submission) -> None:
    """Say in the log which job there is now, whether it was found, and which others there were."""
    job = submitted.job
    done = "Found again" if submitted.adopted else "Submitted"
    hook.log.info("%s batch job %s, %s (%s).", done, job.job_id, job.name, job.state.value)
    if not submitted.posts and is_first_try(context):
        hook.log.warning(
            "This is the first try of the task, and its batch job was there already: the DAG run was deleted and made "
            "again while the job was running, or the task was started twice."
        )
    say_which_duplicates(hook, job.job_id, submitted.duplicates)


def say_which_duplicates(hook: TencentCIHook, kept_id: str, duplicates: Sequence[Duplicate]) -> None:
    """Name each further job of a submission in the log."""
    for duplicate in duplicates:
        job = duplicate.job
        if job.state.is_terminal:
            what = "has ended"
        elif duplicate.cancel_error is None:
            what = "was told to stop"
        else:
            what = f"could not be cancelled ({duplicate.cancel_error}); cancel it in the CI console"
        hook.log.warning(
            "Batch job %s is a second one of this submission, created at %s. It %s. Batch job %s is kept. Files that "
            "both have processed are billed twice.",
            job.job_id,
            job.creation_time,
            what,
            kept_id,
        )
