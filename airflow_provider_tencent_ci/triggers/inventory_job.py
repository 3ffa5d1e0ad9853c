"""Waiting for a batch job in the triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from airflow_provider_tencent_ci.compat.airflow_names import BaseTrigger, TaskSuccessEvent, TriggerEvent
from airflow_provider_tencent_ci.compat.supervision import must_stop_itself, task_instance_state
from airflow_provider_tencent_ci.compat.task_context import push_xcoms, recorded_job_id
from airflow_provider_tencent_ci.core.polling.cancel_decision import CancelDecision, StoppedTask, decide_cancel
from airflow_provider_tencent_ci.task_state.submission_xcom import recorded_try
from airflow_provider_tencent_ci.task_state.try_order import is_newer_try, try_key
from airflow_provider_tencent_ci.triggerer.preload import preload_client
from airflow_provider_tencent_ci.waiting.job_wait import new_progress
from airflow_provider_tencent_ci.waiting.killed_process import log_why_left
from airflow_provider_tencent_ci.waiting.process_lease import Lease, triggerer_lease
from airflow_provider_tencent_ci.waiting.resume_event import (
    has_succeeded,
    read_counts,
    write_event,
    write_wait_result,
)

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
    from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitResult
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
    from airflow_provider_tencent_ci.waiting.wait_log import WaitLog

__all__ = ["InventoryJobTrigger"]

# For the cancel and the check whether the job has stopped. Airflow gives a triggerer more time than a worker's signal.
_STOP_SECONDS = 20.0

# After that a worker counts, whatever the reason is: the result of a job must not depend on a busy triggerer.
_LONGEST_COUNT_SECONDS = 600.0

# Asyncio keeps no strong reference to its tasks.
_at_work: set[asyncio.Task[None]] = set()


class InventoryJobTrigger(BaseTrigger):
    """
    Wait until a batch job has ended, or the time to wait is over, and yield one event.

    It only reads: at any moment a triggerer may be restarted, or another one may take its triggers. The constructor
    only assigns, since an exception in it would end the whole triggerer. Every argument has a default, since a later
    release may get the arguments of an earlier one. The event is described in
    :mod:`airflow_provider_tencent_ci.waiting.resume_event`.

    :param job_id: the batch job.
    :param tencent_ci_conn_id: the connection; its secrets are read where they are used and never stored here.
    :param bucket: the bucket's long name; by default the connection's.
    :param region: its region; by default the connection's.
    :param poll_interval: the longest time between two polls, in seconds (``docs/polling.md``).
    :param deadline_at: when to stop waiting, as ISO 8601 text in UTC: absolute, so that a restart does not move it.
        ``None`` for never.
    :param contact_timeout: seconds without one usable answer after which the wait gives up (``lost_contact``).
    :param cancel_on_kill: cancel the job when a person marks or clears the deferred task
        (``core/polling/cancel_decision.py``).
    :param count_files: when the job has ended, count its files, so that the worker does not have to; for ten minutes
        at most, and not after ``deadline_at``.
    :param find_failed: before the task ends here, check that no file failed, without counting all.
    :param may_be_empty: whether a job without any file may end the task here.
    :param progress_interval: seconds between two counts during the wait; ``None`` for no counts.
    :param success_xcoms: end the task here if the job succeeds, and push these XComs: by key, ``job_id`` or ``record``
        (``waiting/end_from_trigger.py``). ``None`` to resume the task in any case.
    :param first_poll_at: when to poll first, as ISO 8601 text in UTC; ``None`` for at once.
    """

    def __init__(
        self,
        job_id: str = "",
        tencent_ci_conn_id: str = "tencent_ci_default",
        bucket: str | None = None,
        region: str | None = None,
        poll_interval: float = 30,
        deadline_at: str | None = None,
        contact_timeout: float = 600,
        cancel_on_kill: bool = False,
        success_xcoms: dict[str, str] | None = None,
        count_files: bool = False,
        may_be_empty: bool = True,
        progress_interval: float | None = None,
        first_poll_at: str | None = None,
        find_failed: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_id = job_id
        self.tencent_ci_conn_id = tencent_ci_conn_id
        self.bucket = bucket
        self.region = region
        self.poll_interval = poll_interval
        self.deadline_at = deadline_at
        self.contact_timeout = contact_timeout
        self.cancel_on_kill = cancel_on_kill
        self.success_xcoms = success_xcoms
        self.count_files = count_files
        self.may_be_empty = may_be_empty
        self.progress_interval = progress_interval
        self.first_poll_at = first_poll_at
        self.find_failed = find_failed
        self._is_over = False
        self._config: ServiceConfig | None = None
        self._progress: ProgressCounter | None = None
        self._lease: Lease | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, all of them JSON values."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "job_id": self.job_id,
                "tencent_ci_conn_id": self.tencent_ci_conn_id,
                "bucket": self.bucket,
                "region": self.region,
                "poll_interval": self.poll_interval,
                "deadline_at": self.deadline_at,
                "contact_timeout": self.contact_timeout,
                "cancel_on_kill": self.cancel_on_kill,
                "success_xcoms": self.success_xcoms,
                "count_files": self.count_files,
                "may_be_empty": self.may_be_empty,
                "progress_interval": self.progress_interval,
                "first_poll_at": self.first_poll_at,
                "find_failed": self.find_failed,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event. An error here says nothing about the job, so the event is ``lost_contact``."""
        try:
            with self._holding_lease():
                await preload_client()
                waited = await self._wait()
                event = await self._success_event(waited) or TriggerEvent(waited)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError as error:
            if must_stop_itself(error):
                await self.on_kill()
            raise
        except Exception as error:  # a failed trigger would skip the task's own handling
            event = TriggerEvent(self._could_not_wait(error))  # type: ignore[no-untyped-call]
        self._is_over = True
        yield event

    async def on_kill(self) -> None:
        """
        Cancel the job, with ``cancel_on_kill`` and if a person ended the task; once, also if this is called again.

        Airflow 3.3 interrupts this after about a second, again and again; so it is done in a task of its own.
        """
        if self.cancel_on_kill and not self._is_over:
            self._is_over = True
            await run_uncancellable(self._stop(self._is_surely_mine()))

    async def _wait(self) -> dict[str, Any]:
        from airflow_provider_tencent_ci.core.polling.wait import WaitResult
        from airflow_provider_tencent_ci.metrics.recording import wait_ended
        from airflow_provider_tencent_ci.transport.endpoint_state import service_time_now

        if self.first_poll_at:
            await asyncio.sleep((datetime.fromisoformat(self.first_poll_at) - datetime.now(UTC)).total_seconds())
        wait = self._new_wait()
        config = await self._connect(wait)
        result = config if isinstance(config, WaitResult) else await self._wait_with(config, wait)
        wait_ended(result, None if isinstance(config, WaitResult) else service_time_now(config))
        return write_wait_result(self.job_id, result, await self._counts(result))

    def _new_wait(self) -> Wait:
        from airflow_provider_tencent_ci.core.polling.wait import Wait
        from airflow_provider_tencent_ci.hooks.connection_config import place_of

        deadline_at = datetime.fromisoformat(self.deadline_at) if self.deadline_at else None
        return Wait(
            self.job_id,
            deadline_at=deadline_at,
            contact_timeout=self.contact_timeout,
            observer=self._observer(),
            place=place_of(self.tencent_ci_conn_id, self.bucket),
        )

    def _observer(self) -> WaitLog:
        from airflow_provider_tencent_ci.waiting.wait_log import WaitLog

        return WaitLog(self.log)

    async def _connect(self, wait: Wait) -> ServiceConfig | WaitResult:
        """Read the connection, for as long as it takes; return how the wait ends if that is longer than it may."""
        from airflow_provider_tencent_ci.core.api.job_id import check_job_id
        from airflow_provider_tencent_ci.triggerer.connection_retry import retry_until_wait_ends

        check_job_id(self.job_id)
        return await retry_until_wait_ends(self._read_config, wait, self.poll_interval)

    async def _wait_with(self, config: ServiceConfig, wait: Wait) -> WaitResult:
        from airflow_provider_tencent_ci.triggerer.file_counter import background_file_counts
        from airflow_provider_tencent_ci.triggerer.shared_poller import wait_together

        wait.place = config.place
        self._progress = progress = new_progress(self.progress_interval, self.log)
        with background_file_counts(config, wait, progress) if progress else nullcontext():
            return await wait_together(config, wait, self.poll_interval)

    async def _counts(self, result: WaitResult) -> FileCounts | None:
        """Return the counts of the job's files, if the job has ended and its task needs them."""
        from airflow_provider_tencent_ci.triggerer.file_counter import count_in_triggerer
        from airflow_provider_tencent_ci.waiting.job_wait import count_at_end

        if result.job is None or not result.job.state.is_terminal:
            return None
        self._is_over = True  # a kill has nothing to cancel any more
        if not self.count_files:
            return None
        try:
            async with asyncio.timeout(self._seconds_to_count()):
                count = count_at_end(result.job, self._progress, self.log)
                return await count_in_triggerer(await self._read_config(), count)
        except TimeoutError:
            why = "That took too long for a triggerer."
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        self.log.warning("The files of batch job %s were not counted here; a worker counts them. %s", self.job_id, why)
        return None

    def _seconds_to_count(self) -> float:
        """Until the deadline at most: soon after it, Airflow ends the deferral by itself."""
        if not self.deadline_at:
            return _LONGEST_COUNT_SECONDS
        seconds_left = (datetime.fromisoformat(self.deadline_at) - datetime.now(UTC)).total_seconds()
        return min(seconds_left, _LONGEST_COUNT_SECONDS)

    async def _read_config(self) -> ServiceConfig:
        """Read the connection, once: what follows the wait need not hope that it can be read again."""
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

        if self._config is None:
            hook = TencentCIHook(self.tencent_ci_conn_id, bucket=self.bucket, region=self.region)
            self._config = await hook.read_config()
        return self._config

    async def _success_event(self, event: dict[str, Any]) -> TriggerEvent | None:
        """Return the event that ends the task in the triggerer; ``None`` if a worker has to end it."""
        # Only a real triggerer says whose trigger it is. dag.test() would resume the task with a bare word.
        if self.success_xcoms is not None and self.task_instance is not None and has_succeeded(event):
            try:
                record = self._final_record(event)
                if record is not None and await self._has_no_failed_file(event):
                    return await self._success(event["job_id"], record, self.success_xcoms)
            except Exception as error:  # a worker will try again
                self.log.warning("The task could not be ended in the triggerer: %s", error)
        return None

    def _final_record(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return the record with its counts; ``None`` if a file failed, or there must be one: a worker reports that."""
        record: dict[str, Any] = event["job"]
        if not self.count_files:
            return record
        from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
        from airflow_provider_tencent_ci.metrics.recording import files_counted
        from airflow_provider_tencent_ci.outcome.closing_summary import closing_table, empty_warning, record_with_files

        counts = read_counts(event)
        if counts is None or counts.failed or not (counts.total or self.may_be_empty):
            return None
        job = InventoryJob.from_dict(record)
        self.log.info("%s", closing_table(job, counts))
        if not counts.total:
            self.log.warning("%s", empty_warning(job, "succeed"))
        files_counted(counts)
        return record_with_files(job, counts, None)

    async def _has_no_failed_file(self, event: dict[str, Any]) -> bool:
        if not self.find_failed:
            return True
        from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
        from airflow_provider_tencent_ci.core.files.fail_on import search_failed
        from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

        job = InventoryJob.from_dict(event["job"])
        async with AsyncTransport(await self._read_config()) as transport:
            search = await transport.run(search_failed(job, "any", "succeed" if self.may_be_empty else "fail"))
        return not (search.failed or search.is_empty)

    async def _success(self, job_id: str, record: dict[str, Any], xcoms: dict[str, str]) -> TriggerEvent:
        values = {"job_id": job_id, "record": record}
        pushed = {key: values[value] for key, value in xcoms.items()}
        await sync_to_async(push_xcoms, thread_sensitive=False)(self.task_instance, pushed)
        self.log.info("Batch job %s (%s) succeeded.", job_id, record.get("Name"))
        return TaskSuccessEvent()

    def _could_not_wait(self, error: Exception) -> dict[str, Any]:
        self.log.warning("Cannot wait for batch job %s: %s", self.job_id, error)
        message = f"Cannot wait for batch job {self.job_id}, which was not cancelled: {type(error).__name__}: {error}"
        return write_event("lost_contact", self.job_id, None, message)

    @contextmanager
    def _holding_lease(self) -> Iterator[None]:
        """Hold a lease, if there may be something to decide by it."""
        if self.cancel_on_kill and self.task_instance is not None:
            with triggerer_lease(self.task_instance) as self._lease:
                yield
        else:
            yield

    def _is_surely_mine(self) -> bool:
        """Whether Airflow has certainly not ended this wait by itself, nor handed it over to another triggerer."""
        has_time = not self.deadline_at or datetime.now(UTC) < datetime.fromisoformat(self.deadline_at)
        return has_time and self._lease is not None and self._lease.is_held()

    async def _stop(self, is_surely_mine: bool) -> None:
        from airflow_provider_tencent_ci.core.polling.cancel_job import cancel_and_confirm, describe_cancel
        from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
        from airflow_provider_tencent_ci.triggerer.connection_retry import retry_within

        try:
            task = await self._ask_about_task(is_surely_mine)
            decision = decide_cancel(task)
            if decision is not CancelDecision.CANCEL:
                log_why_left(self.log, self.job_id, task, decision)
                return
            config = await retry_within(_STOP_SECONDS, self._read_config)
            # A request that hangs must leave time for another one.
            hurried = replace(config, request_timeout=min(config.request_timeout, _STOP_SECONDS / 4))
            async with AsyncTransport(hurried) as transport:
                job = await transport.run(cancel_and_confirm(self.job_id, within_seconds=_STOP_SECONDS))
            self.log.info("%s", describe_cancel(job))
        except Exception as error:
            self.log.error("Could not cancel batch job %s for certain; it may go on. %s", self.job_id, error)

    async def _ask_about_task(self, is_surely_mine: bool) -> StoppedTask:
        """Ask Airflow about the task; raises without an answer, which leaves the job alone."""
        ti: Any = self.task_instance
        if ti is None:
            raise LookupError("Airflow did not say which task the trigger belongs to.")
        recorded = await sync_to_async(recorded_try, thread_sensitive=False)(ti)
        return StoppedTask(
            await sync_to_async(task_instance_state, thread_sensitive=False)(ti),
            is_deferred=True,
            only_a_person=is_surely_mine,
            job_id=self.job_id,
            recorded_job_id=await sync_to_async(recorded_job_id, thread_sensitive=False)(ti),
            has_newer_try=recorded is not None and is_newer_try(recorded, try_key(ti)),
        )


async def run_uncancellable(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end, however often the caller is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    _at_work.add(task)
    task.add_done_callback(_at_work.discard)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
