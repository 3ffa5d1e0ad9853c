"""Waiting for a batch job that was submitted elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.airflow_names import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
)
from airflow_provider_tencent_ci.compat.run_dates import WithRunDates
from airflow_provider_tencent_ci.compat.task_context import (
    DEFERRAL_FAILED,
    default_deferrable,
    delete_xcom,
    is_deferral_timeout,
    try_started_at,
)
from airflow_provider_tencent_ci.compat.triggerer_features import has_workerless_waits
from airflow_provider_tencent_ci.compat.untemplated_texts import UntemplatedTexts
from airflow_provider_tencent_ci.exceptions import JobError, LostContactError, TencentCIError
from airflow_provider_tencent_ci.lineage.asset_events import WithLineage, record_outcome
from airflow_provider_tencent_ci.links import InventoryJobLink, push_link
from airflow_provider_tencent_ci.notifications.map_index_name import MapIndexName
from airflow_provider_tencent_ci.sensors.trigger_start import (
    StartInTriggerer,
    execution_timeout_comes_first,
    why_a_worker_must_begin,
)
from airflow_provider_tencent_ci.waiting.constructor_checks import (
    check_choice,
    check_fail_on,
    optional_seconds_of,
    path_text,
    seconds_of,
)
from airflow_provider_tencent_ci.waiting.deferral import backstop, first_limit, read_job_once, reconnect, try_ends_at
from airflow_provider_tencent_ci.waiting.end_from_trigger import RECORD, success_xcoms
from airflow_provider_tencent_ci.waiting.stopped_task import cancel_if_unwanted, start_lease
from airflow_provider_tencent_ci.waiting.trigger_events import is_not_started, read_event

if TYPE_CHECKING:
    from typing import NoReturn

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context, ObjectStoragePath
    from airflow.sdk import XComArg

    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
    from airflow_provider_tencent_ci.core.polling.contact_budget import ContactBudget
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.outcome.file_outcome import FileRules
    from airflow_provider_tencent_ci.waiting.job_wait import WaitOptions
    from airflow_provider_tencent_ci.waiting.process_lease import WorkerLease
    from airflow_provider_tencent_ci.waiting.wait_log import WaitLog

__all__ = ["InventoryJobSensor"]


class InventoryJobSensor(WithLineage, MapIndexName, WithRunDates, UntemplatedTexts, BaseSensorOperator):
    """
    Wait until a batch job (inventory trigger job) of Cloud Infinite has ended.

    ``poke``, ``reschedule`` and deferred mode have the same result. ``Success`` returns the final record, with the
    service's node names, as XCom ``return_value``. ``Failed`` and ``Cancel`` fail the task at once with the service's
    code and message, and use up no retries: waiting again cannot help. ``timeout`` raises :class:`AirflowSensorTimeout`
    and does not cancel the job. With ``soft_fail``, ``Failed``, ``Cancel`` and ``timeout`` skip the task.

    :param job_id: the job's id, for example the operator's ``.output``; templated.
    :param bucket: the bucket's long name, ``<name>-<APPID>``; by default the connection's.
    :param region: its region; by default the connection's.
    :param tencent_ci_conn_id: a connection of type ``tencent_ci``.
    :param deferrable: wait in the triggerer, which holds no worker; by default ``[operators] default_deferrable``.
        Takes precedence over ``mode``.
    :param poke_interval: seconds (or a timedelta) between two polls. The default, 30, is short compared with the
        minutes that a batch takes.
    :param contact_timeout: seconds (or a timedelta) without one usable answer of the service after which the task
        fails. The default, 600, outlasts short outages. In ``reschedule`` mode nothing is stored between two polls, so
        only ``timeout`` ends it there.
    :param cancel_on_kill: cancel the job when a person stops the task, by marking or clearing it, while it runs or is
        deferred. Off by default: a sensor only observes. See ``docs/cancel.md``.
    :param count_files: count the job's files when it has ended, and during the wait (``progress_interval``); see
        :class:`~airflow_provider_tencent_ci.operators.inventory_job.TriggerInventoryJobOperator`, as for the next four.
    :param progress_interval: seconds (or a timedelta) between two counts while waiting; ``None`` for none. In
        ``reschedule`` mode nothing is stored between two polls, so only the final count is made.
    :param fail_on: how many files may fail: ``"job"`` (default), ``"any"``, a share or a number.
    :param on_empty: ``"succeed"`` (default), ``"skip"`` or ``"fail"`` if there is no file.
    :param failures_path: where to write the list of failed files; templated.
    :param start_from_trigger: start in the triggerer, which saves the worker that would only defer the task; it implies
        ``deferrable``. This needs Airflow 3.3 or later and a task that is not mapped. Otherwise, and wherever the
        result would differ, a worker starts it. ``job_id`` must be a text, a template, or the ``.output`` of one task.
        See ``docs/waiting.md``.
    :param end_from_trigger: end in the triggerer if the job succeeds, which saves the worker that would only report it.
        This needs Airflow 3.3 or later. Otherwise, and wherever the result would differ (outlets, an
        ``on_success_callback``, ...), a worker ends it. It has an effect only if the task is deferred.
    """

    template_fields: Sequence[str] = ("job_id", "bucket", "region", "tencent_ci_conn_id", "failures_path")
    operator_extra_links: Sequence[BaseOperatorLink] = (InventoryJobLink(),)
    start_trigger_args = StartInTriggerer()
    map_index_fields = ("job_id", "bucket", "region")
    ui_color = "#e8f2ff"

    def __init__(
        self,
        *,
        job_id: str | XComArg,
        bucket: str | XComArg | None = None,
        region: str | XComArg | None = None,
        tencent_ci_conn_id: str | XComArg = "tencent_ci_default",
        deferrable: bool = default_deferrable(),
        poke_interval: float | timedelta = 30,
        contact_timeout: float | timedelta = 600,
        cancel_on_kill: bool = False,
        count_files: bool = True,
        progress_interval: float | timedelta | None = 300,
        fail_on: str | float = "job",
        on_empty: str = "succeed",
        failures_path: str | ObjectStoragePath | XComArg | None = None,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        # Any: a template, or the result of another task, until Airflow renders it.
        self.job_id: Any = job_id
        self.bucket: Any = bucket
        self.region: Any = region
        self.tencent_ci_conn_id: Any = tencent_ci_conn_id
        self.deferrable = deferrable or start_from_trigger
        self.contact_timeout = seconds_of("contact_timeout", contact_timeout)
        self.cancel_on_kill = cancel_on_kill
        self.count_files = count_files
        self.progress_interval = optional_seconds_of("progress_interval", progress_interval)
        self.fail_on = check_fail_on(fail_on)
        self.on_empty = check_choice("on_empty", on_empty, ("succeed", "skip", "fail"))
        self.failures_path: Any = path_text(failures_path)
        self.start_from_trigger = start_from_trigger and has_workerless_waits()
        self.end_from_trigger = end_from_trigger
        self._is_to_start_there = start_from_trigger
        self._ti: Any = None
        self._lease: WorkerLease | None = None

    def execute(self, context: Context) -> Any:
        """
        Wait in the mode that was chosen.

        :return: the job's final record.
        :raises AirflowFailException: the job failed or was cancelled.
        :raises AirflowSensorTimeout: ``timeout`` is over.
        :raises LostContactError: the service was unreachable for ``contact_timeout``.
        """
        if self._is_to_start_there:
            self.log.info("start_from_trigger: a worker starts this task, since %s.", self._why_here())
        return self._begin(context, datetime.now(UTC))

    def _begin(self, context: Context, began_at: datetime) -> Any:
        self._ti = context["ti"]
        self._lease = start_lease(self._ti)
        self._file_rules().check_path()
        with self._hook as hook:
            push_link(context, hook.config)
            if not self.deferrable:
                return super().execute(context)
            job = self._look()
            if job is not None and job.state.is_terminal:
                return self._outcome(context, job)
            self._defer(began_at)

    def _defer(self, began_at: datetime) -> NoReturn:
        """
        Defer the task until its job has ended.

        :param began_at: the start of ``timeout``.
        """
        from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

        wait_ends_at = began_at + timedelta(seconds=self.timeout)
        limit = first_limit(wait_ends_at, try_ends_at(self.execution_timeout, began_at))
        trigger = InventoryJobTrigger(
            job_id=self.job_id,
            deadline_at=limit.deadline_at,
            success_xcoms=success_xcoms(self, RECORD) if self.end_from_trigger else None,
            **asdict(self._wait_options()),
        )
        self.defer(trigger=trigger, method_name=limit.method_name, timeout=backstop(limit.at))

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once; done when the job has ended."""
        if self.cancel_on_kill and self._lease:
            self._lease.renew()
        job = self._look()
        if job is None:
            return PokeReturnValue(is_done=False)
        if not job.state.is_terminal:
            if self._progress and self.mode == "poke":
                until = datetime.now(UTC) + timedelta(seconds=self.poke_interval)
                self._hook.run(self._progress.advance(job, until))
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._outcome(context, job))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        End the task as its wait in the triggerer did.

        :param event: see :mod:`airflow_provider_tencent_ci.waiting.trigger_events`.
        :return: the job's final record.
        :raises UnexpectedEventError: the event is not from this package; it never counts as success.
        """
        from airflow_provider_tencent_ci.core.api.job_records import InventoryJob

        result = read_event(event)
        if result["status"] == "deadline":
            raise AirflowSensorTimeout(result["message"])
        if result["status"] == "lost_contact":
            raise LostContactError(result["message"])
        reconnect(self._hook, self.contact_timeout)
        return self._outcome(context, InventoryJob.from_dict(result["job"]))

    def execute_complete_with_execution_timeout(
        self, context: Context, event: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """End the task as its wait did; the deadline is the end of ``execution_timeout``."""
        result = read_event(event)
        if result["status"] == "deadline":
            raise self._time_out()
        return self.execute_complete(context, event)

    # The former name, stored for tasks that an earlier release deferred. The next release removes it.
    execute_complete_in_time = execute_complete_with_execution_timeout

    def execute_started(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        End the task as its wait did, which started in the triggerer; or start it here, if it could not start there.

        The deadline is the end of ``execution_timeout`` if that is shorter than ``timeout``.
        """
        if is_not_started(event):
            return self._begin(context, try_started_at(context) or datetime.now(UTC))  # type: ignore[no-any-return]
        if execution_timeout_comes_first(self):
            return self.execute_complete_with_execution_timeout(context, event)
        return self.execute_complete(context, event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume the task. If Airflow gave up the trigger, the state of the job decides, so it is read."""
        self._ti = context["ti"]
        self._lease = start_lease(self._ti)
        if self.start_from_trigger:
            # Airflow deletes the result of an earlier run of the task when a worker starts it, and no worker has
            # started it.
            delete_xcom(self._ti, "return_value")
        if next_method == DEFERRAL_FAILED:
            job = read_job_once(self._hook, self.job_id)
            if job is not None and job.state.is_terminal:
                return self._outcome(context, job)
            if is_deferral_timeout(next_kwargs):
                if execution_timeout_comes_first(self):
                    raise self._time_out()
                return super().resume_execution("execute_timed_out", None, context)
        return super().resume_execution(next_method, next_kwargs, context)

    def execute_timed_out(self, _context: Context) -> None:
        """End the task whose ``timeout`` is over without an event of the triggerer."""
        raise AirflowSensorTimeout(
            f"timeout is over while waiting for batch job {self.job_id}, which was left alone and goes on."
        )

    def on_kill(self) -> None:
        """Cancel the job of a running task that a person stopped, if ``cancel_on_kill`` is set. Never raises."""
        if self.cancel_on_kill:
            cancel_if_unwanted(self._hook, self._ti, self.job_id, self._lease)

    def _why_here(self) -> str:
        if not self.start_from_trigger:
            return "Airflow can do without from 3.3 on"
        return why_a_worker_must_begin(self) or "Airflow begins mapped tasks, and those of dag.test(), on a worker"

    def _time_out(self) -> AirflowTaskTimeout:
        return AirflowTaskTimeout(
            f"execution_timeout is over while waiting for batch job {self.job_id}, which was left alone and goes on."
        )

    @cached_property
    def _hook(self) -> TencentCIHook:
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

        return TencentCIHook(self.tencent_ci_conn_id, bucket=self.bucket, region=self.region)

    @cached_property
    def _wait_log(self) -> WaitLog:
        from airflow_provider_tencent_ci.waiting.wait_log import WaitLog

        return WaitLog(self.log)

    @cached_property
    def _contact(self) -> ContactBudget:
        from airflow_provider_tencent_ci.core.polling.contact_budget import ContactBudget

        return ContactBudget(self.contact_timeout)

    @cached_property
    def _progress(self) -> ProgressCounter | None:
        from airflow_provider_tencent_ci.waiting.job_wait import new_progress

        return new_progress(self._wait_options().progress_interval, self.log)

    def _file_rules(self) -> FileRules:
        from airflow_provider_tencent_ci.outcome.file_outcome import FileRules

        return FileRules(self.count_files, self.fail_on, self.on_empty, self.failures_path)

    def _wait_options(self) -> WaitOptions:
        from airflow_provider_tencent_ci.waiting.job_wait import WaitOptions

        return WaitOptions(
            tencent_ci_conn_id=self.tencent_ci_conn_id,
            bucket=self.bucket,
            region=self.region,
            poll_interval=self.poke_interval,
            contact_timeout=self.contact_timeout,
            cancel_on_kill=self.cancel_on_kill,
            count_files=self._file_rules().need_counts,
            may_be_empty=self.on_empty == "succeed",
            progress_interval=self.progress_interval if self.count_files else None,
        )

    def _look(self) -> InventoryJob | None:
        """Return the current job; ``None`` if it could not be read, which is tolerated for ``contact_timeout``."""
        from airflow_provider_tencent_ci.core.api.job_calls import get_job
        from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY
        from airflow_provider_tencent_ci.core.wire.retryable_errors import is_transient
        from airflow_provider_tencent_ci.exceptions import ApiError, TransportError

        try:
            job = self._hook.run(get_job(self.job_id, NO_RETRY))  # the next poke is the retry
        except (ApiError, TransportError) as error:
            if not is_transient(error):
                raise
            self._ride_out(error)
            return None
        self._contact.answered()
        self._wait_log.job_polled(job)
        return job

    def _ride_out(self, error: TencentCIError) -> None:
        from airflow_provider_tencent_ci.core.polling.wait import lost_contact_message

        failing_seconds = self._contact.failed(datetime.now(UTC))
        self._wait_log.poll_failed(error, failing_seconds)
        if self._contact.is_lost(failing_seconds):
            raise LostContactError(lost_contact_message(self.job_id, failing_seconds, error)) from error

    def _outcome(self, context: Context, job: InventoryJob) -> dict[str, Any]:
        from airflow_provider_tencent_ci.outcome.file_outcome import count_and_report_files

        outcome = count_and_report_files(self._file_rules(), self._hook, job)
        record_outcome(context, outcome.record)
        try:
            outcome.check()
        except (JobError, AirflowFailException) as error:
            # The base class turns failures into skips in its own loop only, which a deferrable sensor does not enter.
            may_skip = self.soft_fail or self.never_fail
            raise (AirflowSkipException if may_skip else AirflowFailException)(str(error)) from error
        self.log.info("Batch job %s (%s) succeeded.", job.job_id, job.name)
        return outcome.record
