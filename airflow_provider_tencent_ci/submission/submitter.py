"""Submitting for a task instance, exactly once over all of its tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.compat.task_context import is_first_try, task_identity
from airflow_provider_tencent_ci.core.api.job_name import readable_name
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.workflows_and_queues import check_targets
from airflow_provider_tencent_ci.core.submitting import submit_once
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import Duplicate
from airflow_provider_tencent_ci.core.submitting.max_active_jobs import check_capacity
from airflow_provider_tencent_ci.core.submitting.submission_token import submission_token
from airflow_provider_tencent_ci.core.submitting.submit_attempt import Attempt
from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import TencentCIError, TooManyActiveJobsError
from airflow_provider_tencent_ci.metrics.recording import duplicates_found, submission_ended, submission_failed
from airflow_provider_tencent_ci.task_state.submission_memory import SubmissionMemory
from airflow_provider_tencent_ci.task_state.try_order import try_key

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = [
    "SubmitOptions",
    "WrapFlow",
    "log_duplicates",
    "log_submission",
    "submit_for_task",
]


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """
    How a task submits; see the operator's arguments of the same names.

    :param name: the readable part of the job's name, or all of it where ``on_existing`` is not ``adopt``.
    :param former_name: the readable part that an earlier release gave to this job's name; empty if it is the same.
    :param on_existing: ``adopt``, ``submit`` or ``fail``.
    :param reconcile_timeout: in seconds.
    :param max_active_jobs: ``None`` for no limit.
    :param validate: whether to check the workflow or the queue first.
    """

    name: str
    former_name: str
    on_existing: str
    reconcile_timeout: float
    max_active_jobs: int | None
    validate: bool


WrapFlow = Callable[[Flow[Submission]], Flow[Submission]]


def submit_for_task(
    context: Context,
    hook: TencentCIHook,
    specification: InventoryJobSpecification,
    options: SubmitOptions,
    *,
    wait_for_capacity: Callable[[], None],
    check_deadline: Callable[[], None],
    wrap_flow: WrapFlow,
) -> Submission:
    """
    Submit as soon as ``max_active_jobs`` allows, or find what this try or an earlier one submitted.

    :param wait_for_capacity: called while ``max_active_jobs`` are active; returns when there may be room, or defers
        the task.
    :param check_deadline: raises if it is too late to submit anything; called right before each request is sent.
    :param wrap_flow: returns the flow to run for the submission, such as one that renews a lease in its pauses.
    :raises TargetUnusableError: the workflow or queue cannot be used, and nothing was found; nothing was submitted.
    :raises SubmitOutcomeUnknownError: the request was sent, and it is not known whether there is a job.
    :raises SubmissionTakenOverError: another try of the task submits; nothing was sent.
    """
    for warning in specification.warnings:
        hook.log.warning("%s", warning)
    while True:
        flow = wrap_flow(_submission_flow(context, hook, specification, options, check_deadline))
        try:
            submission = hook.run(flow)
        except TooManyActiveJobsError as error:
            hook.log.info("%s Waiting until there are fewer.", error)
        except TencentCIError as error:
            submission_failed(error)
            raise
        else:
            submission_ended(submission)
            return submission
        wait_for_capacity()


def _submission_flow(
    context: Context,
    hook: TencentCIHook,
    specification: InventoryJobSpecification,
    options: SubmitOptions,
    check_deadline: Callable[[], None],
) -> Flow[Submission]:
    """Return the flow for ``on_existing``; it raises ``TooManyActiveJobsError`` before anything is submitted."""

    def before_submit() -> Flow[None]:
        if options.validate:
            yield from check_targets(specification)
        yield from check_capacity(options.max_active_jobs)
        yield from specification.upload_inputs()

    if options.on_existing == "submit":
        return submit_once.submit_unchecked(
            options.name, specification, before_submit=before_submit, check_deadline=check_deadline
        )
    if options.on_existing == "fail":
        return submit_once.submit_new(
            options.name,
            specification,
            reconcile_timeout=options.reconcile_timeout,
            before_submit=before_submit,
            check_deadline=check_deadline,
            log=hook.log.warning,
        )
    attempt = Attempt(
        readable=_readable_part(options.name, specification),
        former_readable=_readable_part(options.former_name, specification) if options.former_name else "",
        token=submission_token(task_identity(context), specification.identity),
        specification=specification,
        is_first=is_first_try(context),
        reconcile_timeout=options.reconcile_timeout,
        before_submit=before_submit,
        check_deadline=check_deadline,
        log=hook.log.warning,
        try_key=try_key(context["ti"]),
    )
    memory = SubmissionMemory.of(context, specification)
    if warning := memory.describe_other_request(attempt.try_key):
        hook.log.warning("%s", warning)
    return submit_once.submit_once(attempt, memory)


def _readable_part(name: str, specification: InventoryJobSpecification) -> str:
    return readable_name(f"{name}-again-{specification.label}" if specification.label else name)


def log_submission(hook: TencentCIHook, context: Context, submitted: Submission) -> None:
    """Say in the log which job there is now, whether it was found, and which others there were."""
    job = submitted.job
    done = "Found again" if submitted.adopted else "Submitted"
    hook.log.info("%s batch job %s, %s (%s).", done, job.job_id, job.name, job.state.value)
    if not submitted.posts and is_first_try(context):
        hook.log.warning(
            "This is the first try of the task, and its batch job was there already. Either the DAG run was deleted "
            "and made again while the job was running, or Airflow started this try twice, or another Airflow runs the "
            "same DAG on this bucket: then give each Airflow its own [tencent_ci] deployment."
        )
    if submitted.ended_badly_before and not submitted.adopted:
        hook.log.warning(
            "An earlier try's batch job has failed or was cancelled (%s), so this try has submitted its files "
            "again. Those that were processed before are billed again.",
            ", ".join(submitted.ended_badly_before),
        )
    log_duplicates(hook, job.job_id, submitted.duplicates)


def log_duplicates(hook: TencentCIHook, kept_id: str, duplicates: Sequence[Duplicate]) -> None:
    """Name each further job of a submission in the log, and count them."""
    duplicates_found(duplicates)
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
