"""A task that waits for a batch job, on its side of Airflow: its arguments as frozen values, and its hook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, TencentCIError
from airflow_provider_tencent_ci.waiting.deferral import reconnect

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from airflow_provider_tencent_ci.outcome.file_outcome import FileRules
    from airflow_provider_tencent_ci.waiting.job_wait import WaitOptions
    from airflow_provider_tencent_ci.waiting.process_lease import WorkerLease

__all__ = ["WaitingTask"]


class WaitingTask:
    """
    The parts that the operator and the sensor share. Each of them has an attribute for each of these arguments.

    :ivar poll_interval: the longest time between two polls, in seconds.
    """

    job_id: str | None
    tencent_ci_conn_id: str
    bucket: str | None
    region: str | None
    poll_interval: float
    contact_timeout: float
    cancel_on_kill: bool
    count_files: bool
    progress_interval: float | None
    fail_on: str | float
    on_empty: str
    failures_path: str | None

    _ti: Any = None
    _lease: WorkerLease | None = None
    #: The counts of this process while it waited.
    _progress: ProgressCounter | None = None
    #: The id of a job, and the counts of its files that its trigger made when it had ended.
    _trigger_counts: tuple[str, FileCounts | None] = ("", None)

    @cached_property
    def _hook(self) -> TencentCIHook:
        # Imported late, here and below: a DAG file must parse fast, and each parse pays for all imports at the top.
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

        return TencentCIHook(self.tencent_ci_conn_id, bucket=self.bucket, region=self.region)

    @contextmanager
    def _errors_with_place(self) -> Iterator[None]:
        """Let each error that ends the task say where and for which files, unless it is about an argument."""
        try:
            yield
        except InvalidArgumentError:
            raise
        except TencentCIError as error:
            place = self._hook.place
            error.place = error.at(place).place
            if error.place == place and self._reads and self._reads not in str(error):
                error.place = f"{place.removesuffix(': ')}, reading {self._reads}: "
            raise
        except AirflowTaskTimeout as error:
            place, text = self._hook.place, str(error)
            if place in text:
                raise
            if not text.startswith("execution_timeout"):  # Airflow's own text, which does not say what was going on
                job = f" while waiting for batch job {self.job_id}" if self.job_id else ""
                text = f"execution_timeout is over{job}. {text}"
            raise AirflowTaskTimeout(f"{place}{text}") from error

    @property
    def _reads(self) -> str:
        """Which files the task's own job reads, as far as the task knows that."""
        return ""

    def _reconnect(self) -> None:
        reconnect(self._hook, self.contact_timeout)

    def _take_counts(self, event: dict[str, Any]) -> None:
        """Keep the counts of the event that ended the wait."""
        from airflow_provider_tencent_ci.waiting.resume_event import read_counts

        self._trigger_counts = (event["job_id"], read_counts(event))

    def _count_files(self, context: Context, job: InventoryJob) -> FileCounts:
        """
        Return the counts of a job that has ended: those of the trigger, or else count here.

        :raises TencentCIError: the files could not be counted.
        """
        from airflow_provider_tencent_ci.task_state.stored_counts import StoredCounts
        from airflow_provider_tencent_ci.waiting.job_wait import count_at_end

        job_id, counts = self._trigger_counts
        if counts is not None and job_id == job.job_id:
            return counts
        return self._hook.run(count_at_end(job, self._progress, self._hook.log, StoredCounts.of(context)))

    def _file_rules(self) -> FileRules:
        from airflow_provider_tencent_ci.outcome.file_outcome import FileRules

        return FileRules(self.count_files, self.fail_on, self.on_empty, self.failures_path)

    def _wait_options(self) -> WaitOptions:
        from airflow_provider_tencent_ci.waiting.job_wait import WaitOptions

        rules = self._file_rules()
        return WaitOptions(
            tencent_ci_conn_id=self.tencent_ci_conn_id,
            bucket=self.bucket,
            region=self.region,
            poll_interval=self.poll_interval,
            contact_timeout=self.contact_timeout,
            cancel_on_kill=self.cancel_on_kill,
            count_files=rules.need_totals,
            may_be_empty=self.on_empty == "succeed",
            progress_interval=self.progress_interval if self.count_files else None,
            find_failed=rules.need_search,
        )
