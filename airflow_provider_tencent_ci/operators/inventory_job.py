"""Submitting a batch job, and waiting for it if asked to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.compat.task_context import (
    DEFERRAL_FAILED,
    default_deferrable,
    is_deferral_timeout,
    recorded_job_id,
)
from airflow_provider_tencent_ci.exceptions import LostContactError, WaitTimeoutError
from airflow_provider_tencent_ci.lineage.asset_events import WithLineage, note_outcome
from airflow_provider_tencent_ci.links import InventoryJobLink, push_link
from airflow_provider_tencent_ci.notifications.map_index_name import Telling
from airflow_provider_tencent_ci.operators.resubmission_arguments import ResubmittingOperator
from airflow_provider_tencent_ci.submission.job_file import WithJobFile, read_job
from airflow_provider_tencent_ci.waiting.cancellation import (
    begin_lease,
    cancel_of_killed_task,
    cancel_or_say,
    say_what_may_be_left,
)
from airflow_provider_tencent_ci.waiting.deferral import (
    Deferral,
    begin_time_anew,
    defer_until_ended,
    end_of_resumed_try,
    ended_job,
    execution_timeout_over,
    is_over,
    reconnect,
    try_ends_at,
)
from airflow_provider_tencent_ci.waiting.durations import check_choice, seconds_of
from airflow_provider_tencent_ci.waiting.trigger_events import read_capacity, read_event

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
    from airflow_provider_tencent_ci.waiting.process_lease import WorkerLease

__all__ = ["TriggerInventoryJobOperator"]


class TriggerInventoryJobOperator(WithJobFile, WithLineage, Telling, ResubmittingOperator):
    """
    Submit a batch job (inventory trigger job) of Cloud Infinite, exactly once, and wait for it if asked to.

    The job is named ``<readable>-<token>``. The token is the same for all tries of this task instance and new after
    it is cleared, so that a retry finds the job of an earlier try in the service's list and takes it over, whatever
    became of that try. The request, with its templates rendered, takes part in the token: keep anything that
    changes from try to try out of it.

    XCom: ``return_value`` and ``job_id`` (the JobId), ``job_name``, ``job_url``, ``submission`` (the request, for the
    process that resumes the task); if it waited also ``job``, the last record with the service's node names. With
    ``on_partial_failure="resubmit_failed"`` also ``rounds``, all JobIds; then ``job_id`` is that of the last one, and
    ``return_value`` and ``job`` are about the first.

    Give ``workflow_ids`` or ``job``, and exactly one of ``prefix``, ``manifest``, ``url_file``, ``object_key``. An
    empty text counts as not given. All are templated, and are judged when the task runs.

    :param workflow_ids: for ``Type=Workflow``: the workflow's id, or several.
    :param job: for ``Type=Job``: the nodes of ``Operation`` by the service's names (``Tag``, ``JobParam``,
        ``Output``, ``QueueId``, ...), or the name of a ``.json`` or ``.yaml`` file with them (``docs/type_job.md``).
    :param prefix: objects whose key starts so; ``/`` for the whole bucket.
    :param manifest: the ``manifest.json`` of a COS inventory.
    :param url_file: a text object with one object URL on each line.
    :param object_key: one object.
    :param start_time: only objects last modified at or after this time: a datetime, ISO 8601 text or a template, with
        an offset. The service's default is the epoch.
    :param end_time: only objects last modified at or before this time. The service's default is now.
    :param name: the readable part of the job's name, reduced to the characters that the service takes; by default
        DAG and task id.
    :param bucket: the bucket's long name, ``<name>-<APPID>``; by default the connection's.
    :param region: its region; by default the connection's.
    :param tencent_ci_conn_id: a connection of type ``tencent_ci``.
    :param on_existing: ``"adopt"`` (default) takes over the job that an earlier try submitted. ``"submit"`` switches
        this off, the look-ups included, and uses ``name`` as it stands: a retry submits again, and every file is
        billed again. ``"fail"`` uses ``name`` as it stands, too, and fails if any job of this name exists.
    :param reconcile_timeout: seconds (or a timedelta) for which the service may still act on a request that it has not
        answered. For that long the job list is watched before the request is sent once more, at most, and before a
        later try sends one. The default, 300, outlasts the gateways' own limits; neither these nor how far the list
        lags behind is documented.
    :param wait_for_completion: wait until the job has ended, and fail if it did not succeed.
    :param deferrable: wait in the triggerer, which holds no worker; by default ``[operators] default_deferrable``.
        Without ``wait_for_completion`` it has no effect.
    :param poll_interval: seconds (or a timedelta); the longest time between two questions. They are more frequent right
        after the start and around the time at which earlier jobs of the workflow have ended, and never in step. The
        default, 30, is short against the minutes that a batch takes.
    :param wait_timeout: seconds (or a timedelta) to wait from the submission, or from finding the job again. Then the
        task fails and the job goes on; a retry waits on. By default as long as it takes.
    :param contact_timeout: seconds (or a timedelta) without one usable answer of the service after which the wait
        fails and leaves the job alone. The default, 600, outlasts short outages.
    :param max_active_jobs: submit only while fewer batch jobs of the bucket are submitted, running or paused, whoever
        submitted them; wait for that as ``deferrable`` says. Tasks that look at the same moment may exceed it: bound
        these with a pool. By default there is no limit, and no request to find out.
    :param validate: before submitting, look whether the workflow (``Type=Job``: the queue) exists and is active, for an
        error that says what is there. It needs ``ci:DescribeMediaWorkflows`` (``ci:DescribeMediaQueues``).
    :param cancel_on_kill: cancel the job when a person stops the task, by marking or clearing it, or when its
        ``execution_timeout`` is over, whether it runs or is deferred. An evicted worker and a stopped triggerer leave
        the job alone.
    :param count_files: when it waited: count the job's files at the end (one request for a hundred of them), say in the
        log what became of them, and add ``Files`` to the record in XCom. See ``docs/outcome.md`` for these five.
    :param progress_interval: seconds (or a timedelta) between two counts while waiting, each a line in the log, by
        default five minutes; ``None`` for none.
    :param fail_on: when too many files failed, although the job succeeded: ``"job"`` (default): never; ``"any"``: one;
        a share such as ``0.05``: at least 5 %; a number such as ``10``: at least ten. It fails without retries.
    :param on_empty: what a job without any file is that succeeded: ``"succeed"`` (default), ``"skip"`` or ``"fail"``.
    :param failures_path: where to write all failed files, as JSON Lines: a path or URL for Airflow's object storage
        (``s3://connection@bucket/failed/{{ ds }}.jsonl``); one that ends in ``/`` gets a file named after the job.
    :param end_from_trigger: end a deferred task in the triggerer if the job succeeds, which saves the worker that would
        be started only to say so (Airflow 3.3 and later); where the result would not be the same (outlets, an
        ``on_success_callback``, ...), a worker ends it. See ``docs/waiting.md``.
    :param kwargs: ``on_partial_failure``, ``resubmit_rounds``, ``url_list_prefix``: see ``ResubmittingOperator``.
    """

    template_fields: Sequence[str] = (
        "workflow_ids",
        "job",
        "prefix",
        "manifest",
        "url_file",
        "object_key",
        "start_time",
        "end_time",
        "name",
        "bucket",
        "region",
        "tencent_ci_conn_id",
        "failures_path",
        "url_list_prefix",
    )
    # None, but for job (job_files.py): a manifest's key ends in .json, and Airflow would look for such a file.
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {"job": "json"}
    operator_extra_links: Sequence[BaseOperatorLink] = (InventoryJobLink(),)
    ui_color = "#d6e8ff"

    def __init__(
        self,
        *,
        workflow_ids: str | Sequence[str] | None = None,
        job: Mapping[str, Any] | str | None = None,
        prefix: str | None = None,
        manifest: str | None = None,
        url_file: str | None = None,
        object_key: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        name: str | None = None,
        bucket: str | None = None,
        region: str | None = None,
        tencent_ci_conn_id: str = "tencent_ci_default",
        on_existing: str = "adopt",
        reconcile_timeout: float | timedelta = 300,
        wait_for_completion: bool = False,
        deferrable: bool = default_deferrable(),
        poll_interval: float | timedelta = 30,
        wait_timeout: float | timedelta | None = None,
        contact_timeout: float | timedelta = 600,
        max_active_jobs: int | None = None,
        validate: bool = False,
        cancel_on_kill: bool = True,
        count_files: bool = True,
        progress_interval: float | timedelta | None = 300,
        fail_on: str | float = "job",
        on_empty: str = "succeed",
        failures_path: str | None = None,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.workflow_ids = workflow_ids
        self.job = job
        self.prefix = prefix
        self.manifest = manifest
        self.url_file = url_file
        self.object_key = object_key
        self.start_time = start_time
        self.end_time = end_time
        self.name = name
        self.bucket = bucket
        self.region = region
        self.tencent_ci_conn_id = tencent_ci_conn_id
        self.on_existing = check_choice("on_existing", on_existing, ("adopt", "submit", "fail"))
        self.reconcile_timeout = seconds_of("reconcile_timeout", reconcile_timeout)
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.wait_timeout = wait_timeout
        self.contact_timeout = contact_timeout
        self.max_active_jobs = max_active_jobs
        self.validate = validate
        self.cancel_on_kill = cancel_on_kill
        self.count_files = count_files
        self.progress_interval = progress_interval
        self.fail_on = fail_on
        self.on_empty = on_empty
        self.failures_path = failures_path
        self.end_from_trigger = end_from_trigger
        self.job_id: str | None = None
        self._ti: Any = None
        self._lease: WorkerLease | None = None
        self._has_timed_out = False
        self._try_ends_at: datetime | None = None

    def pre_execute(self, context: Context) -> None:
        super().pre_execute(context)
        begin_time_anew(self, context)

    def execute(self, context: Context) -> str:
        """
        Submit, or find what an earlier try submitted; then wait, if asked to.

        :return: the JobId.
        :raises InvalidArgumentError: an argument is wrong; nothing was sent.
        :raises TargetUnusableError: ``validate`` and the workflow or queue does not exist, or is paused.
        :raises JobExistsError: ``on_existing="fail"`` and there is a job of this name.
        :raises SubmitOutcomeUnknownError: it is not known whether there is a job now; look before submitting again.
        :raises JobError: it waited, and the job failed or was cancelled.
        :raises AirflowFailException: it waited, and too many files failed (``fail_on``), or there was none.
        :raises FilesUnknownError: it waited, and ``fail_on`` or ``on_empty`` is about what could not be found out.
        :raises WaitTimeoutError: ``wait_timeout`` is over; the job goes on.
        :raises LostContactError: it waited, and could not ask for ``contact_timeout``; the job goes on.
        :raises AirflowTaskTimeout: ``execution_timeout`` is over; the job is cancelled if ``cancel_on_kill``.
        """
        self._ti = context["ti"]
        self._try_ends_at = try_ends_at(self, None)  # Airflow counts from here, too
        self._lease = begin_lease(self._ti)
        with self._stopped_by_execution_timeout():
            return self._run(context)

    def execute_with_capacity(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """
        Go on after waiting for ``max_active_jobs``; another task may have been quicker, and then it is waited again.

        :raises LostContactError: it could not be asked for ``contact_timeout``; nothing was submitted.
        :raises AirflowTaskTimeout: ``execution_timeout`` is over; nothing was submitted.
        """
        from airflow_provider_tencent_ci.core.submitting.active_jobs import CapacityStatus

        result = read_capacity(event)
        if result.status is CapacityStatus.LOST_CONTACT:
            raise LostContactError(result.message)
        if result.status is CapacityStatus.DEADLINE:
            raise self._out_of_time()
        return self._go_on(context, Deferral.recall(context))

    def _go_on(self, context: Context, deferral: Deferral | None) -> str:
        """Submit what had to wait for ``max_active_jobs``."""
        from airflow_provider_tencent_ci.submission.rounds import pending_round

        self._check_time()
        self._reconnect()
        if deferral and deferral.round and (again := pending_round(self, context, self._hook, deferral.round)):
            with self._hook:
                return self._submit_and_wait(context, again)
        return self._run(context)

    def _run(self, context: Context) -> str:
        from airflow_provider_tencent_ci.submission.submitter import checked_specification

        with self._hook as hook:
            push_link(context, hook.config)
            self.job = read_job(self, context)
            return self._submit_and_wait(context, checked_specification(self))

    def _submit_and_wait(self, context: Context, specification: InventoryJobSpecification) -> str:
        from airflow_provider_tencent_ci.triggers.task_triggers import operator_trigger

        trigger = operator_trigger(self, is_last_word=specification.round == 0)
        submission = self._submit(context, specification)
        if not self.wait_for_completion:
            note_outcome(context, submission.job.to_dict())
            return submission.job.job_id
        if submission.series.may_have_duplicates:
            trigger.success_xcoms = None  # a worker ends the task, which looks for duplicates
        return self._wait_for(context, submission.job, trigger, specification.round)

    def _wait_for(self, context: Context, job: InventoryJob, trigger: InventoryJobTrigger, round_number: int) -> str:
        from airflow_provider_tencent_ci.triggers.task_triggers import operator_deadline_at

        if job.state.is_terminal:
            return self._finish(context, job)
        trigger.job_id = job.job_id
        trigger.deadline_at = operator_deadline_at(self)
        if self.deferrable:
            defer_until_ended(self, context, trigger, self._try_ends_at, round_number)
        return self.execute_complete(context, self._wait(trigger))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """
        End the task as its wait did.

        :param event: see :mod:`airflow_provider_tencent_ci.waiting.trigger_events`.
        :return: the JobId.
        :raises UnexpectedEventError: the event is none of ours; it never passes for success.
        """
        from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
        from airflow_provider_tencent_ci.submission.duplicate_check import kept_job

        result = read_event(event)
        self.job_id = result["job_id"]
        if result["status"] == "lost_contact":
            raise LostContactError(result["message"])
        job = InventoryJob.from_dict(result["job"] or {})
        if result["status"] == "deadline":
            if job.job_id:
                kept_job(self._hook, context, job)
            raise WaitTimeoutError(result["message"])
        self._reconnect()
        return self._finish(context, job)

    def _finish(self, context: Context, job: InventoryJob) -> str:
        from airflow_provider_tencent_ci.submission.duplicate_check import kept_job
        from airflow_provider_tencent_ci.submission.rounds import last_round
        from airflow_provider_tencent_ci.triggers.task_triggers import operator_trigger

        kept = kept_job(self._hook, context, job)
        if kept.job_id == job.job_id:
            return super()._finish(context, job)
        # Another process may have cancelled this job as a duplicate of that one.
        self.log.warning("Batch job %s is waited for in the place of %s.", kept.job_id, job.job_id)
        self.job_id = kept.job_id
        return self._wait_for(context, kept, operator_trigger(self, is_last_word=False), last_round(context))

    def execute_complete_in_time(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """End the task as its wait did, where a deadline stands for the end of ``execution_timeout``."""
        result = read_event(event)
        if result["status"] == "deadline":
            self.job_id = result["job_id"]
            raise execution_timeout_over(self.job_id)
        return self.execute_complete(context, event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume the task, also where Airflow and no event of ours has ended its deferral."""
        from airflow_provider_tencent_ci.task_state.stored_request import restore_request

        self._ti = context["ti"]
        deferral = Deferral.recall(context)
        self._try_ends_at = end_of_resumed_try(self, context, deferral)
        self._lease = begin_lease(self._ti)
        restore_request(self, self._ti)
        with self._stopped_by_execution_timeout():
            if next_method == DEFERRAL_FAILED and deferral and deferral.waits_for == "capacity":
                if is_deferral_timeout(next_kwargs):
                    return self._go_on(context, deferral)
            elif next_method == DEFERRAL_FAILED and (job_id := recorded_job_id(self._ti)):
                self.job_id = job_id
                return self._complete_without_event(context, next_kwargs or {}, deferral)
            return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Cancel the job of a running task that a person stopped, if asked to. Never raises."""
        if not self.cancel_on_kill or self._has_timed_out:
            return
        if self.job_id:
            cancel_of_killed_task(self._hook, self._ti, self.job_id, self._lease, has_submitted=True)
        elif self._ti is not None:
            say_what_may_be_left(self.log, self._look_for)

    @contextmanager
    def _stopped_by_execution_timeout(self) -> Iterator[None]:
        """Cancel the job when ``execution_timeout`` is over: the time is the task's, as against ``wait_timeout``."""
        try:
            yield
        except AirflowTaskTimeout:
            has_nothing_to_stop = self._has_timed_out
            self._has_timed_out = True  # Airflow calls on_kill next
            if self.cancel_on_kill and not has_nothing_to_stop:
                cancel_or_say(self._hook, self.job_id, self._look_for)
            raise

    def _complete_without_event(self, context: Context, reason: dict[str, Any], deferral: Deferral | None) -> str:
        """End the task after Airflow gave up its trigger. What became of the job counts, so it is asked about first."""
        from airflow_provider_tencent_ci.triggers.task_triggers import operator_trigger

        job = ended_job(self._hook, self.job_id or "", reason, deferral)
        if job is not None:
            return self._finish(context, job)
        round_number = deferral.round if deferral else 0
        trigger = operator_trigger(self, is_last_word=round_number == 0)
        trigger.job_id = self.job_id or ""
        defer_until_ended(self, context, trigger, self._try_ends_at, round_number)

    def _out_of_time(self) -> AirflowTaskTimeout:
        """Return the error of a try whose time is over before a submission: there is no job that would have to stop."""
        self._has_timed_out = True
        return AirflowTaskTimeout("execution_timeout is over. Nothing more was submitted.")

    def _check_time(self) -> None:
        if is_over(self._try_ends_at):
            raise self._out_of_time()

    def _reconnect(self) -> None:
        reconnect(self._hook, seconds_of("contact_timeout", self.contact_timeout))

    @property
    def _look_for(self) -> str:
        return self.name or f"{self.dag_id}-{self.task_id}"

    @cached_property
    def _hook(self) -> TencentCIHook:
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

        return TencentCIHook(self.tencent_ci_conn_id, bucket=self.bucket, region=self.region)

    def _submit(self, context: Context, specification: InventoryJobSpecification) -> Submission:
        from airflow_provider_tencent_ci.core.api.job_name import readable_name
        from airflow_provider_tencent_ci.submission.capacity_wait import submit_when_possible
        from airflow_provider_tencent_ci.submission.rounds import note_round
        from airflow_provider_tencent_ci.submission.submitter import say_what_was_submitted
        from airflow_provider_tencent_ci.task_state.stored_request import push_submission

        self._check_time()
        name = self.name or readable_name(self._look_for)
        submission = submit_when_possible(self, context, self._hook, specification, name, self._try_ends_at)
        job = submission.job
        self.job_id = job.job_id
        context["ti"].xcom_push(key="job_id", value=job.job_id)
        context["ti"].xcom_push(key="job_name", value=job.name)
        push_submission(context["ti"], self, submission.series)
        note_round(self, context, specification, job.job_id)
        say_what_was_submitted(self._hook, context, submission)
        return submission

    def _wait(self, trigger: InventoryJobTrigger) -> dict[str, Any]:
        """Wait in this process, as the trigger would in the triggerer; return the same event."""
        waiting = trigger.waiting(self.log)
        return self._hook.run(
            self._lease.renewed_meanwhile(waiting) if self._lease and self.cancel_on_kill else waiting
        )
