"""The operator that submits a batch job, and waits for it with ``wait_for_completion``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.task_context import DEFERRAL_FAILED, is_deferral_timeout, recorded_job_id
from airflow_provider_tencent_ci.exceptions import LostContactError, WaitTimeoutError
from airflow_provider_tencent_ci.lineage.asset_events import WithLineage, record_outcome
from airflow_provider_tencent_ci.links import InventoryJobLink, push_link
from airflow_provider_tencent_ci.notifications.map_index_name import MapIndexName
from airflow_provider_tencent_ci.operators.task_process import TaskProcess
from airflow_provider_tencent_ci.submission.job_file import read_job
from airflow_provider_tencent_ci.task_state.submission_xcom import recorded_request
from airflow_provider_tencent_ci.waiting.constructor_checks import deadline_after
from airflow_provider_tencent_ci.waiting.deferral import (
    Deferral,
    backstop,
    counting_until_execution_timeout,
    end_of_resumed_try,
    ended_job,
    execution_timeout_over,
    first_limit,
    restored_execution_timeout,
    try_ends_at,
)
from airflow_provider_tencent_ci.waiting.end_from_trigger import JOB_ID, RECORD, success_xcoms
from airflow_provider_tencent_ci.waiting.killed_process import (
    cancel_if_unwanted,
    warn_of_unknown_job,
)
from airflow_provider_tencent_ci.waiting.resume_event import read_capacity, read_event

if TYPE_CHECKING:
    from typing import NoReturn

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.submitting.submit_once import Submission

__all__ = ["TriggerInventoryJobOperator"]


class TriggerInventoryJobOperator(WithLineage, MapIndexName, TaskProcess):
    """
    Submit a batch job (inventory trigger job) of Cloud Infinite, exactly once, and wait for it if you want to.

    The job is named ``<readable>-<token>``. All tries of a task instance have the same token; a cleared task gets a new
    one. So a retry finds the job of an earlier try in the service's list and adopts it, however that try ended. The
    token is made from the request, with its templates rendered. So the request must be the same in each try.

    XCom: ``return_value`` and ``job_id`` (the JobId), ``job_name``, ``job_url``, ``submission`` (the request, for the
    process that resumes the task); if it waited also ``job``, the last record with the service's node names. With
    ``resubmit_rounds`` also ``rounds``, all JobIds; then ``job_id`` is that of the last one, and
    ``return_value`` and ``job`` are about the first.

    Give ``workflow_ids`` or ``job``, and exactly one of ``prefix``, ``manifest``, ``url_file``, ``object_key``. An
    empty text counts as not given. All are templated, and are judged when the task runs.

    :param workflow_ids: for ``Type=Workflow``: the workflow's id, or several.
    :param job: for ``Type=Job``: the nodes of ``Operation`` by the service's names (``Tag``, ``JobParam``,
        ``Output``, ``QueueId``, ...), or the name or URL of a ``.json`` or ``.yaml`` file with them
        (``docs/type_job.md``).
    :param prefix: objects whose key starts so; ``/`` for the whole bucket.
    :param manifest: the ``manifest.json`` of a COS inventory.
    :param url_file: a text object with one object URL on each line.
    :param object_key: one object.
    :param start_time: only objects last modified at or after this time: a datetime, ISO 8601 text or a template, with
        an offset. The service's default is the epoch.
    :param end_time: only objects last modified at or before this time. The service's default is now.
    :param name: the readable part of the job's name, reduced to the characters that the service takes; by default
        DAG and task id, of a mapped task also its index and what it reads (``night-transcode-0-media_news``).
    :param bucket: the bucket's long name, ``<name>-<APPID>``; by default the connection's.
    :param region: its region; by default the connection's.
    :param tencent_ci_conn_id: a connection of type ``tencent_ci``.
    :param on_existing: ``"adopt"`` (default) adopts the job that an earlier try submitted. ``"submit"`` switches
        this off, and the search for jobs, too. It uses ``name`` as it stands: a retry submits again, and every file is
        billed again. ``"fail"`` uses ``name`` as it stands, too, and fails if any job of this name exists.
    :param reconcile_timeout: seconds (or a timedelta) for which the service may still act on a request that it has not
        answered. The operator polls the job list for this time before it sends the request once more, at most, and
        before a later try sends one. The default, 300, is more than the limits of usual gateways. The service's
        documentation states neither its gateways' limits nor how late its list is.
    :param wait_for_completion: wait until the job has ended, and fail if it did not succeed.
    :param deferrable: wait in the triggerer, which holds no worker; by default ``[operators] default_deferrable``.
        Without ``wait_for_completion`` it has no effect.
    :param poll_interval: seconds (or a timedelta); the longest time between two polls. Polls are more frequent right
        after the start, and around the time at which earlier jobs of the workflow ended. Each delay has a random part.
        The default, 30, is short against the minutes that a batch takes.
    :param wait_timeout: seconds (or a timedelta) to wait from the submission, or from finding the job again. Then the
        task fails and the job goes on. Each retry waits for the same time again, so with ``retries=2`` the task may
        take three times as long. By default as long as it takes.
    :param contact_timeout: seconds (or a timedelta) without one usable answer of the service after which the wait
        fails and leaves the job alone. The default, 600, outlasts short outages.
    :param max_active_jobs: submit only while fewer batch jobs of the bucket are submitted, running or paused, also
        those of other tasks; wait for that as ``deferrable`` says. Tasks that check at the same moment may exceed the
        limit: use a pool for these. By default there is no limit, and no request for it.
    :param validate: before submitting, check that the workflow (``Type=Job``: the queue) exists and is active. The
        error says what there is instead. It needs ``ci:DescribeMediaWorkflows`` (``ci:DescribeMediaQueues``).
    :param cancel_on_kill: cancel the job when a person stops the task, by marking or clearing it, or when its
        ``execution_timeout`` is over, whether it runs or is deferred. An evicted worker and a stopped triggerer leave
        the job alone.
    :param count_files: when it waited: count the job's files at the end (one request for a hundred of them), log
        how they ended, and add ``Files`` to the record in XCom. ``False`` asks only what the other rules need:
        nothing for ``fail_on="job"``, the failed files for ``"any"`` or a number, all for a share or a
        ``failures_path``. See ``docs/outcome.md`` for these five.
    :param progress_interval: seconds (or a timedelta) between two counts while waiting, each a line in the log, by
        default five minutes; ``None`` for none.
    :param fail_on: when too many files failed, although the job succeeded: ``"job"`` (default): never; ``"any"``: one;
        a share such as ``0.05``: at least 5 %; a number such as ``10``: at least ten. It fails without retries.
    :param on_empty: what a job without any file is that succeeded: ``"succeed"`` (default), ``"skip"`` or ``"fail"``.
    :param failures_path: where to write all failed files, as JSON Lines: an ``ObjectStoragePath``, or a path or URL for
        it (``s3://connection@bucket/failed/``). A text that ends in ``/`` gets a file named after the job.
    :param resubmit_rounds: submit the files that failed again, and only those, as a batch job of their own, at most
        this number of times. The default is 0. Each file of a round is processed, and may be billed, again. Then
        ``fail_on`` judges the files that still failed. It needs ``cos:PutObject``, since the service reads the files'
        names from an object in the bucket. See ``docs/resubmit.md``.
    :param url_list_prefix: where in the bucket these objects are put. A batch over the whole bucket would take
        them for media.
    :param end_from_trigger: end a deferred task in the triggerer if the job succeeds, which saves the worker that would
        be started only to say so (Airflow 3.3 and later); where the result would not be the same (outlets, an
        ``on_success_callback``, ...), a worker ends it. See ``docs/waiting.md``.
    """

    operator_extra_links: Sequence[BaseOperatorLink] = (InventoryJobLink(),)
    ui_color = "#d6e8ff"

    def pre_execute(self, context: Context) -> None:
        super().pre_execute(context)
        self.execution_timeout = restored_execution_timeout(self.execution_timeout, context)

    def execute(self, context: Context) -> str:
        """
        Submit, or find the job that an earlier try submitted; then wait, with ``wait_for_completion``.

        :return: the JobId.
        :raises InvalidArgumentError: an argument is wrong; nothing was sent.
        :raises TargetUnusableError: ``validate`` and the workflow or queue does not exist, or is paused.
        :raises JobExistsError: ``on_existing="fail"`` and there is a job of this name.
        :raises SubmitOutcomeUnknownError: it is not known whether there is a job now; check in the CI console before
            submitting again.
        :raises JobError: it waited, and the job failed or was cancelled.
        :raises AirflowFailException: it waited, and too many files failed (``fail_on``), or there was none.
        :raises FilesUnknownError: it waited, and ``fail_on`` or ``on_empty`` is about files that could not be counted.
        :raises WaitTimeoutError: ``wait_timeout`` is over; the job goes on.
        :raises LostContactError: it waited, and got no answer for ``contact_timeout``; the job goes on.
        :raises AirflowTaskTimeout: ``execution_timeout`` is over; the job is cancelled if ``cancel_on_kill``.
        """
        self._begin(context, try_ends_at(self.execution_timeout))  # Airflow counts from here, too
        with self._stopped_by_execution_timeout(), self._errors_with_place():
            return self._run(context)

    def execute_with_capacity(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """
        Submit after the wait for ``max_active_jobs``; if another task was quicker, the task waits again.

        :raises LostContactError: the number of active jobs could not be read for ``contact_timeout``; nothing was
            submitted.
        :raises AirflowTaskTimeout: ``execution_timeout`` is over; nothing was submitted.
        """
        # Imported late, here and below: a DAG file must parse fast, and each parse pays for all imports at the top.
        from airflow_provider_tencent_ci.core.submitting.max_active_jobs import CapacityStatus
        from airflow_provider_tencent_ci.waiting.former_deferral import former_capacity_wait

        result = read_capacity(event)
        if result.status is CapacityStatus.LOST_CONTACT:
            raise LostContactError(result.message)
        if result.status is CapacityStatus.DEADLINE:
            raise self._out_of_time()
        return self._submit_after_capacity(context, Deferral.pulled(context) or former_capacity_wait(context["ti"]))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """
        End the task as its wait did.

        :param event: see :mod:`airflow_provider_tencent_ci.waiting.resume_event`.
        :return: the JobId.
        :raises UnexpectedEventError: the event is not from this package; it never counts as success.
        """
        from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
        from airflow_provider_tencent_ci.submission.late_duplicates import cancel_late_duplicates

        result = read_event(event)
        self._take_counts(result)
        self.job_id = result["job_id"]
        if result["status"] == "lost_contact":
            raise LostContactError(result["message"])
        job = InventoryJob.from_dict(result["job"] or {})
        if result["status"] == "deadline":
            if job.job_id:
                cancel_late_duplicates(self._hook, context, job)
            raise WaitTimeoutError(result["message"])
        self._reconnect()
        return self._finish(context, job)

    def execute_complete_with_execution_timeout(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """End the task as its wait did; the deadline is the end of ``execution_timeout``."""
        result = read_event(event)
        if result["status"] == "deadline":
            self.job_id = result["job_id"]
            raise execution_timeout_over(self._hook, self.job_id)
        return self.execute_complete(context, event)

    # The former name, stored for tasks that an earlier release deferred. The next release removes it.
    execute_complete_in_time = execute_complete_with_execution_timeout

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume the task, also if Airflow has ended its deferral without an event of this package."""
        deferral = Deferral.pulled(context)
        self._begin(context, end_of_resumed_try(self.execution_timeout, context, deferral))
        request = recorded_request(self._ti) or self._former_request(context)
        self._is_submission_pushed = bool(request)
        for field, value in request.items():
            setattr(self, field, value)  # also for Airflow's view of the rendered templates
        with self._stopped_by_execution_timeout(), self._errors_with_place():
            if next_method == DEFERRAL_FAILED and deferral and deferral.waits_for == "capacity":
                if is_deferral_timeout(next_kwargs):
                    return self._submit_after_capacity(context, deferral)
            elif next_method == DEFERRAL_FAILED and (job_id := recorded_job_id(self._ti)):
                self.job_id = job_id
                return self._complete_without_event(context, next_kwargs or {}, deferral)
            return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Cancel the job of a running task that a person stopped, with ``cancel_on_kill``. Never raises."""
        if not self.cancel_on_kill or self._has_timed_out:
            return
        if self.job_id:
            cancel_if_unwanted(self._hook, self._ti, self.job_id, self._lease, has_submitted=self._is_submission_pushed)
        elif self._ti is not None:
            warn_of_unknown_job(self.log, self._readable_name)

    def _former_request(self, context: Context) -> dict[str, Any]:
        """Store the request of a task that an earlier release deferred; that release stored none."""
        from airflow_provider_tencent_ci.waiting.former_deferral import push_former_submission

        if not self.resubmit_rounds or recorded_job_id(self._ti) is None:
            return {}
        self._read_request(context)
        push_former_submission(self._ti, self.request())
        return recorded_request(self._ti)

    def _run(self, context: Context) -> str:
        with self._hook as hook:
            push_link(context, hook.config)
            self._read_request(context)
            return self._submit_and_wait(context, self._checked_specification(context))

    def _read_request(self, context: Context) -> None:
        """Read the part of the request that is not in the arguments yet."""
        self.job = read_job(self.job, context, self.get_template_env)

    def _submit_after_capacity(self, context: Context, deferral: Deferral | None) -> str:
        """Submit the round that had to wait for ``max_active_jobs``; without one, the task's own request."""
        from airflow_provider_tencent_ci.submission.rounds import pending_round

        self._check_time()
        self._reconnect()
        if deferral and deferral.round:
            again = pending_round(self._round_options(), context, self._hook, deferral.round)
            if again:
                with self._hook:
                    return self._submit_and_wait(context, again)
            if job_id := recorded_job_id(self._ti):  # the whole batch must not be submitted again
                self.job_id = job_id
                return self._finish(context, self._hook.get_inventory_job(job_id))
        return self._run(context)

    def _submit_and_wait(self, context: Context, specification: InventoryJobSpecification) -> str:
        submission = self._submit(context, specification)
        if not self.wait_for_completion:
            record_outcome(context, submission.job.to_dict())
            return submission.job.job_id
        # A worker ends a round, whose result is that of all rounds, and a task that has to search for duplicates.
        needs_worker = bool(specification.round) or submission.series.may_have_duplicates
        return self._wait_for(context, submission.job, specification.round, needs_worker=needs_worker)

    def _submit(self, context: Context, specification: InventoryJobSpecification) -> Submission:
        from airflow_provider_tencent_ci.submission.rounds import push_round
        from airflow_provider_tencent_ci.submission.submitter import log_submission, submit_for_task
        from airflow_provider_tencent_ci.task_state.submission_xcom import push_submission

        self._check_time()
        submission = submit_for_task(
            context,
            self._hook,
            specification,
            self._submit_options(),
            wait_for_capacity=lambda: self._wait_for_capacity(context, specification.round),
            check_deadline=self._check_time_left,
            wrap_flow=self._renewing_lease,
        )
        job = submission.job
        self.job_id = job.job_id
        context["ti"].xcom_push(key="job_id", value=job.job_id)
        context["ti"].xcom_push(key="job_name", value=job.name)
        push_submission(context["ti"], self.request(), submission.series)
        self._is_submission_pushed = True
        push_round(self._round_options(), context, specification.round, job.job_id)
        log_submission(self._hook, context, submission)
        return submission

    def _wait_for(self, context: Context, job: InventoryJob, round_number: int, *, needs_worker: bool) -> str:
        if job.state.is_terminal:
            return self._finish(context, job)
        wait_ends_at = deadline_after(self.wait_timeout, datetime.now(UTC))
        if self.deferrable:
            self._defer(context, job.job_id, wait_ends_at, round_number, needs_worker=needs_worker)
        return self.execute_complete(context, self._wait_in_process(job.job_id, wait_ends_at))

    def _wait_in_process(self, job_id: str, wait_ends_at: datetime | None) -> dict[str, Any]:
        """Wait here, as the trigger would in the triggerer; return the same event."""
        from airflow_provider_tencent_ci.waiting.job_wait import new_progress, wait_in_process

        options, place = self._wait_options(), self._hook.config.place
        self._progress = new_progress(options.progress_interval, self.log)
        waiting = wait_in_process(options, job_id, wait_ends_at, self.log, self._progress, place)
        return self._hook.run(self._renewing_lease(waiting))

    def _defer(
        self,
        context: Context,
        job_id: str,
        wait_ends_at: datetime | None,
        round_number: int,
        *,
        needs_worker: bool,
    ) -> NoReturn:
        """
        Defer the task until its job has ended.

        :param needs_worker: whether a worker has to end the task, even where the trigger could.
        """
        from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

        limit = first_limit(wait_ends_at, self._try_ends_at)
        ends_there = self.end_from_trigger and not needs_worker
        trigger = InventoryJobTrigger(
            job_id=job_id,
            deadline_at=limit.deadline_at,
            success_xcoms=success_xcoms(self, JOB_ID, {"job": RECORD}) if ends_there else None,
            **asdict(self._wait_options()),
        )
        Deferral("job", limit.argument, self._try_ends_at, round_number).push(context)
        self.defer(trigger=trigger, method_name=limit.method_name, timeout=backstop(limit.at))

    def _finish(self, context: Context, job: InventoryJob) -> str:
        """End as the job and its files ended, or submit the failed files again, or wait for the job that is kept."""
        from airflow_provider_tencent_ci.submission.late_duplicates import cancel_late_duplicates
        from airflow_provider_tencent_ci.submission.rounds import finish_or_start_round, last_round

        kept = cancel_late_duplicates(self._hook, context, job)
        if kept.job_id != job.job_id:
            # Another process may have cancelled this job as a duplicate of that one.
            self.log.warning("The task waits for batch job %s instead of %s.", kept.job_id, job.job_id)
            self.job_id = kept.job_id
            return self._wait_for(context, kept, last_round(context), needs_worker=True)
        self._has_job_ended = True
        with counting_until_execution_timeout(job):
            count = partial(self._count_files, context)
            outcome, again = finish_or_start_round(
                self._round_options(), self._file_rules(), context, self._hook, job, count
            )
        context["ti"].xcom_push(key="job", value=outcome.record)
        if again:
            self._has_job_ended = False
            self.job_id = None  # there may be one that is not known yet, should the task be stopped
            return self._submit_and_wait(context, again)
        record_outcome(context, outcome.record)
        outcome.check(self._hook.place)
        self.log.info("Batch job %s (%s) succeeded.", outcome.job.job_id, outcome.job.name)
        return outcome.job.job_id

    def _complete_without_event(self, context: Context, reason: dict[str, Any], deferral: Deferral | None) -> str:
        """End the task whose trigger Airflow gave up as its job ended; defer it again if the job has not ended."""
        job = ended_job(self._hook, self.job_id or "", reason, deferral)
        if job is not None:
            return self._finish(context, job)
        round_number = deferral.round if deferral else 0
        wait_ends_at = deadline_after(self.wait_timeout, datetime.now(UTC))
        self._defer(context, self.job_id or "", wait_ends_at, round_number, needs_worker=bool(round_number))
