"""Waiting for a batch job that was submitted elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.airflow_names import (
    AirflowFailException,
    AirflowSensorTimeout,
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
from airflow_provider_tencent_ci.exceptions import JobError, LostContactError
from airflow_provider_tencent_ci.lineage.asset_events import WithLineage, record_outcome
from airflow_provider_tencent_ci.links import InventoryJobLink, push_link
from airflow_provider_tencent_ci.notifications.map_index_name import MapIndexName
from airflow_provider_tencent_ci.sensors.trigger_start import StartInTriggerer, why_a_worker_must_begin
from airflow_provider_tencent_ci.waiting.constructor_checks import (
    check_choice,
    check_fail_on,
    deadline_after,
    optional_seconds_of,
    path_text,
    seconds_of,
)
from airflow_provider_tencent_ci.waiting.deferral import (
    Limit,
    backstop,
    broken_off,
    counting_until_execution_timeout,
    first_limit,
    is_over,
    read_job_once,
    restored_execution_timeout,
    try_ends_at,
)
from airflow_provider_tencent_ci.waiting.end_from_trigger import RECORD, success_xcoms
from airflow_provider_tencent_ci.waiting.killed_process import cancel_if_unwanted, start_lease
from airflow_provider_tencent_ci.waiting.resume_event import is_not_started, read_event
from airflow_provider_tencent_ci.waiting.waiting_task import WaitingTask

if TYPE_CHECKING:
    from typing import NoReturn

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context, ObjectStoragePath
    from airflow.sdk import XComArg

    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.sensors.worker_polls import WorkerPolls

__all__ = ["InventoryJobSensor"]


class InventoryJobSensor(WithLineage, MapIndexName, WaitingTask, WithRunDates, UntemplatedTexts, BaseSensorOperator):
    """
    Wait until a batch job (inventory trigger job) of Cloud Infinite has ended.

    ``poke``, ``reschedule`` and deferred mode have the same result. ``Success`` returns the final record, with the
    service's node names, as XCom ``return_value``. ``Failed`` and ``Cancel`` fail the task at once with the service's
    code and message, and use up no retries: waiting again cannot help. XCom ``job`` has the record of each job that has
    ended, also if the task fails. ``timeout`` raises :class:`AirflowSensorTimeout` and does not cancel the job.
    ``soft_fail``, ``never_fail`` and ``silent_fail`` have one result in every mode, too: ``docs/sensor.md`` has the
    table. ``exponential_backoff`` and ``max_wait`` have no effect on a deferred task.

    :param job_id: the job's id, for example the operator's ``.output``; templated.
    :param bucket: the bucket's long name, ``<name>-<APPID>``; by default the connection's.
    :param region: its region; by default the connection's.
    :param tencent_ci_conn_id: a connection of type ``tencent_ci``.
    :param deferrable: wait in the triggerer, which holds no worker; by default ``[operators] default_deferrable``.
        Takes precedence over ``mode``.
    :param poke_interval: seconds (or a timedelta) between two polls. The default, 30, is short compared with the
        minutes that a batch takes.
    :param contact_timeout: seconds (or a timedelta) without one usable answer of the service after which the task
        fails. The default, 600, outlasts short outages. In ``reschedule`` mode this needs Airflow 3.3, whose task state
        store keeps since when the polls fail. Before, only ``timeout`` ends such a wait; the log then says so.
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
    map_index_fields = ("job_id", "bucket", "region", "tencent_ci_conn_id")
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
        self.poll_interval = self.poke_interval  # the name that the trigger has for it
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
        self._began_at: datetime | None = None
        self._try_timeout = self.execution_timeout
        self._worker_polls: WorkerPolls | None = None

    def pre_execute(self, context: Context) -> None:
        super().pre_execute(context)
        self._try_timeout = self.execution_timeout
        self.execution_timeout = restored_execution_timeout(self.execution_timeout, context)

    def execute(self, context: Context) -> Any:
        """
        Wait in the mode that was chosen.

        :return: the job's final record.
        :raises AirflowFailException: the job failed or was cancelled.
        :raises AirflowSensorTimeout: ``timeout`` is over.
        :raises AirflowTaskTimeout: ``execution_timeout`` is over.
        :raises LostContactError: the service was unreachable for ``contact_timeout``.
        :raises AirflowSkipException: one of these, and ``soft_fail`` or ``never_fail`` is set (``docs/sensor.md``).
        """
        if self._is_to_start_there:
            self.log.info("start_from_trigger: a worker starts this task, since %s.", self._why_here())
        return self._apply_flags(lambda: self._begin(context, datetime.now(UTC)))

    def _apply_flags(self, act: Callable[[], Any]) -> Any:
        from airflow_provider_tencent_ci.sensors.failure_flags import FailureFlags

        def placed_act() -> Any:
            with self._errors_with_place():
                return act()

        flags = FailureFlags(self.soft_fail, self.never_fail, self.silent_fail and self.deferrable)
        return flags.apply(placed_act, self._wait_on, lambda reason: self.log.warning("%s", reason))

    def _begin(self, context: Context, began_at: datetime) -> Any:
        from airflow_provider_tencent_ci.core.api.job_id import check_job_id

        self._ti = context["ti"]
        self._lease = start_lease(self._ti)
        self._file_rules().check_path()
        check_job_id(self.job_id)
        with self._hook as hook:
            push_link(context, hook.config)
            self._began_at = began_at
            if not self.deferrable:
                return self._poke_until_done(context)
            if unused := [name for name in ("exponential_backoff", "max_wait") if getattr(self, name)]:
                self.log.info("Without effect while the task is deferred: %s.", ", ".join(unused))
            if event := self._polls(context).poll():
                return self._end(context, event)
            self._defer()

    def _poke_until_done(self, context: Context) -> Any:
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:  # Airflow's text does not say which job
            raise AirflowSensorTimeout(f"{error} {self._goes_on}") from error

    @property
    def _goes_on(self) -> str:
        """Where the job is, and that it was left alone."""
        title = self._worker_polls.title if self._worker_polls else f"Batch job {self.job_id}"
        return f"{self._hook.place}{title} was not cancelled and continues."

    def _defer(self, first_poll_at: datetime | None = None) -> NoReturn:
        """
        Defer the task until its job has ended.

        :param first_poll_at: when the trigger polls first; ``None`` for at once.
        """
        from airflow_provider_tencent_ci.task_state.wait_began_at import push_began_at
        from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger

        trigger = InventoryJobTrigger(
            job_id=self.job_id,
            deadline_at=self._limit.deadline_at,
            success_xcoms=success_xcoms(self, RECORD, {"job": RECORD}) if self.end_from_trigger else None,
            first_poll_at=first_poll_at.isoformat() if first_poll_at else None,
            **asdict(self._wait_options()),
        )
        if self.silent_fail:  # only such a task may be deferred again
            push_began_at(self._ti, self._began_at)
        self.defer(trigger=trigger, method_name=self._limit.method_name, timeout=backstop(self._limit.at))

    def _wait_on(self, error: Exception) -> None:
        """Defer the task again after a failure, as the base class's loop goes on poking."""
        if not self._began_at:  # it has failed before it could wait
            return
        self.log.error("silent_fail is set, so the wait goes on after this failure:", exc_info=error)
        if is_over(self._limit.at):
            raise self._time_over() from error
        self._defer(datetime.now(UTC) + timedelta(seconds=self.poke_interval))

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once; done when the job has ended."""
        if self.cancel_on_kill and self._lease:
            self._lease.renew()
        polls = self._polls(context)
        if event := polls.poll():
            return PokeReturnValue(is_done=True, xcom_value=self._end(context, event))
        polls.count_files(until=datetime.now(UTC) + timedelta(seconds=self.poke_interval))
        return PokeReturnValue(is_done=False)

    def _polls(self, context: Context) -> WorkerPolls:
        # Imported late, here and below: a DAG file must parse fast, and each parse pays for all imports at the top.
        from airflow_provider_tencent_ci.sensors.worker_polls import WorkerPolls

        if self._worker_polls is None:
            rescheduled = context if self.reschedule and not self.deferrable else None
            options = self._wait_options()
            self._worker_polls = WorkerPolls(self._hook.run, self.job_id, options, self.log, rescheduled)
            self._progress = self._worker_polls.progress
        return self._worker_polls

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        End the task as its wait in the triggerer did.

        :param event: see :mod:`airflow_provider_tencent_ci.waiting.resume_event`.
        :return: the job's final record.
        :raises UnexpectedEventError: the event is not from this package; it never counts as success.
        """
        return self._end(context, read_event(event))

    def execute_complete_with_execution_timeout(
        self, context: Context, event: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """End the task as its wait did; the deadline is the end of ``execution_timeout``."""
        if read_event(event)["status"] == "deadline":
            raise self._execution_timeout_over()
        return self.execute_complete(context, event)

    # The former name, stored for tasks that an earlier release deferred. The next release removes it.
    execute_complete_in_time = execute_complete_with_execution_timeout

    def execute_started(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """End the task as its wait in the triggerer did; or start it here, if it could not start there."""
        if is_not_started(event):
            began_at, self._began_at = self._began_at, None
            began_at = began_at or try_started_at(context) or datetime.now(UTC)
            return self._begin(context, began_at)  # type: ignore[no-any-return]
        return self.execute_complete(context, event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume the task. If Airflow gave up the trigger, the state of the job decides, so it is read."""
        from airflow_provider_tencent_ci.task_state.wait_began_at import pushed_began_at

        self._ti = context["ti"]
        self._lease = start_lease(self._ti)
        pushed = pushed_began_at(self._ti) if self.silent_fail else None
        self._began_at = pushed or try_started_at(context) or datetime.now(UTC)
        if self.start_from_trigger:
            # Airflow deletes the results of an earlier run of the task when a worker starts it, and no worker has
            # started it.
            for key in ("return_value", "job"):
                delete_xcom(self._ti, key)
        return self._apply_flags(lambda: self._resume(next_method, next_kwargs, context))

    def _resume(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        if next_method == DEFERRAL_FAILED:
            job = read_job_once(self._hook, self.job_id)
            if job is not None and job.state.is_terminal:
                return self._outcome(context, job)
            if is_deferral_timeout(next_kwargs):
                raise self._time_over()
            raise broken_off(self._hook, self.job_id, next_kwargs or {})
        # Not the base class's own way, which applies soft_fail and never_fail to other failures than its loop does.
        return super(BaseSensorOperator, self).resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Cancel the job of a running task that a person stopped, if ``cancel_on_kill`` is set. Never raises."""
        if self.cancel_on_kill:
            cancel_if_unwanted(self._hook, self._ti, self.job_id, self._lease)

    def _end(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """End the task as a wait did, in whichever process it was."""
        from airflow_provider_tencent_ci.core.api.job_records import InventoryJob

        self._take_counts(event)
        if event["status"] == "deadline":
            raise self._time_over(event["message"])
        if event["status"] == "lost_contact":
            # A poke that fails after the end of timeout times out, too.
            raise self._time_over(event["message"]) if is_over(self._limit.at) else LostContactError(event["message"])
        self._reconnect()
        return self._outcome(context, InventoryJob.from_dict(event["job"]))

    def _outcome(self, context: Context, job: InventoryJob) -> dict[str, Any]:
        from airflow_provider_tencent_ci.outcome.file_outcome import count_and_report_files

        with counting_until_execution_timeout(job):
            count = partial(self._count_files, context)
            outcome = count_and_report_files(self._file_rules(), self._hook, job, count)
        if ti := context.get("ti"):  # users' tests call poke({})
            ti.xcom_push(key="job", value=outcome.record)  # a task that fails has no result
        record_outcome(context, outcome.record)
        try:
            outcome.check(self._hook.place)
        except JobError as error:
            raise AirflowFailException(f"{self._hook.place}{error}") from error
        self.log.info("Batch job %s (%s) succeeded.", job.job_id, job.name)
        return outcome.record

    def _why_here(self) -> str:
        if not self.start_from_trigger:
            return "Airflow can do without from 3.3 on"
        return why_a_worker_must_begin(self) or "Airflow begins mapped tasks, and those of dag.test(), on a worker"

    @property
    def _limit(self) -> Limit:
        """The end of the wait if the job does not end before."""
        began_at = self._began_at or datetime.now(UTC)
        return first_limit(deadline_after(self.timeout, began_at), try_ends_at(self._try_timeout, began_at))

    def _time_over(self, message: str | None = None) -> AirflowSensorTimeout | AirflowTaskTimeout:
        if self._limit.argument == "execution_timeout":
            return self._execution_timeout_over()
        return AirflowSensorTimeout(f"timeout is over. {message or self._goes_on}")

    def _execution_timeout_over(self) -> AirflowTaskTimeout:
        return AirflowTaskTimeout(f"execution_timeout is over. {self._goes_on}")
