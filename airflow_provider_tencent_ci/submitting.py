"""Submitting for a task instance: exactly once over all of its tries, whatever became of each."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.compat import is_first_try, run_started_at, task_identity
from airflow_provider_tencent_ci.core import flows
from airflow_provider_tencent_ci.core.capacity import check_capacity
from airflow_provider_tencent_ci.core.flows import Submission
from airflow_provider_tencent_ci.core.identity import submission_token
from airflow_provider_tencent_ci.core.messages import Flow
from airflow_provider_tencent_ci.core.names import name_with_token, readable_name
from airflow_provider_tencent_ci.core.resubmission import check_resubmission
from airflow_provider_tencent_ci.core.specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.targets import check_targets
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, TargetUnusableError, TooManyActiveJobsError
from airflow_provider_tencent_ci.memory import Memory, SubmissionMemory
from airflow_provider_tencent_ci.outcome import check_arguments

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

__all__ = ["checked_specification", "say_what_was_submitted", "specification_of", "submit_for_task"]

_log = logging.getLogger(__name__)

# How far this machine's clock may be ahead of the service's before a job of this very run looks too old for it.
_CLOCK_MARGIN = timedelta(minutes=10)


def checked_specification(task: TriggerInventoryJobOperator) -> InventoryJobSpecification:
    """
    Check all of a task's arguments, as far as that is possible before anything is sent; return what it asks for.

    :raises InvalidArgumentError: an argument is wrong; the message names it.
    """
    if task.on_existing not in ("adopt", "submit", "fail"):
        raise InvalidArgumentError(f'on_existing={task.on_existing!r} must be "adopt", "submit" or "fail".')
    if task.on_duplicate not in ("report", "cancel"):
        raise InvalidArgumentError(f'on_duplicate={task.on_duplicate!r} must be "report" or "cancel".')
    limit = task.max_active_jobs
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidArgumentError(f"max_active_jobs={limit!r} must be a number, at least 1, or None for no limit.")
    check_arguments(task)
    specification = specification_of(task)
    check_resubmission(task, specification)
    return specification


def specification_of(task: TriggerInventoryJobOperator) -> InventoryJobSpecification:
    """
    Return what a task asks for, its templates rendered.

    :raises InvalidArgumentError: an argument of the request is wrong; the message names it.
    """
    return InventoryJobSpecification.from_arguments(
        workflow_ids=task.workflow_ids,
        job=task.job,
        prefix=task.prefix,
        manifest=task.manifest,
        url_file=task.url_file,
        object_key=task.object_key,
        start_time=task.start_time,
        end_time=task.end_time,
    )


def submit_for_task(
    context: Context,
    hook: TencentCIHook,
    specification: InventoryJobSpecification,
    *,
    name: str,
    on_existing: str,
    max_active_jobs: int | None,
    validate: bool = False,
) -> Submission:
    """
    Submit, or find what an earlier try submitted.

    :param name: as the user gave it.
    :param on_existing: ``adopt``, ``submit`` or ``fail``; see the operator.
    :param max_active_jobs: see the operator.
    :param validate: see the operator.
    :raises TargetUnusableError: the workflow or queue cannot be used, and nothing was found; nothing was submitted.
    :raises TooManyActiveJobsError: so many are active, and nothing was found; nothing was submitted.
    """

    def check() -> Flow[None]:
        if validate:
            yield from check_targets(specification)
        yield from check_capacity(max_active_jobs)
        yield from specification.prepare()

    for warning in specification.warnings:
        hook.log.warning("%s", warning)
    if on_existing == "submit":
        return hook.run(flows.submit_unchecked(name, specification, check))
    if on_existing == "fail":
        return hook.run(flows.submit_new(name, specification, check))
    return _submit_once(context, hook, specification, name, check)


def say_what_was_submitted(hook: TencentCIHook, submission: Submission, *, on_duplicate: str) -> None:
    """
    Say what became of a submission, and see to further jobs of it.

    :param on_duplicate: ``report`` or ``cancel``; see the operator.
    """
    job = submission.job
    done = "Found again" if submission.adopted else "Submitted"
    hook.log.info("%s batch job %s, %s (%s).", done, job.job_id, job.name, job.state.value)
    for other in submission.others:
        hook.log.warning(
            "There is a second batch job of this name, %s (%s), created at %s. It is not waited for, and its files are "
            "billed, too.",
            other.job_id,
            other.state.value,
            other.creation_time,
        )
        if on_duplicate == "cancel" and not other.state.is_terminal:
            hook.cancel_quietly(other.job_id)


def _submit_once(
    context: Context, hook: TencentCIHook, specification: InventoryJobSpecification, name: str, check: flows.Check
) -> Submission:
    body = specification.body(None)
    memory = SubmissionMemory.of(context, hashlib.sha256(body).hexdigest(), specification.round)
    known = memory.recall()
    if known and known.job_id and (job := hook.run(flows.find_again(known.job_id))):
        return Submission(job, adopted=True)
    # The remembered token comes first: a change of the task's `retries` between two tries would make another one.
    token = known.token if known else submission_token(task_identity(context), body)
    memory.intend(token)
    started_at = run_started_at(context)
    readable = readable_name(f"{name}-again-{specification.round}" if specification.round else name)
    flow = flows.submit_once(
        name_with_token(readable, token),
        specification,
        created_after=started_at - _CLOCK_MARGIN if started_at else None,
        looks=_looks(context, memory, known),
        check=check,
    )
    try:
        submission = hook.run(flow)
    except (TargetUnusableError, TooManyActiveJobsError):
        if known is None:
            memory.withdraw()  # or the next attempt would look for long for what is not there
        raise
    _keep(memory, token, submission)
    return submission


def _looks(context: Context, memory: SubmissionMemory, known: Memory | None) -> Sequence[float]:
    """Look for long only if an earlier try may have submitted something that the list does not show yet."""
    began_before = known is not None and known.job_id is None
    may_be_hidden = began_before if memory.is_reliable else not is_first_try(context)
    return flows.LATER_TRY_LOOKS if may_be_hidden else flows.FIRST_TRY_LOOKS


def _keep(memory: SubmissionMemory, token: str, submission: Submission) -> None:
    try:
        memory.keep(token, submission.job.job_id)
    except Exception as error:  # the job is there, and a retry would find it in the list
        _log.warning("Could not note batch job %s in the task state store: %s", submission.job.job_id, error)
