"""Watching a DAG run, and the batch job that it submits, until the run has ended."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, WorkflowExecution
from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.file_survey import survey_files
from airflow_provider_tencent_ci.exceptions import TencentCIError
from showcase.airflow_api import AirflowApi, Task
from showcase.display import Display
from showcase.failures import DemoFailed

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["Batch", "Run", "RunFollower", "SecondsIn"]

# Of each state, in the table at the end.
MOST_FILES = 60

_LOOK_SECONDS = 0.4
_ENDED = ("success", "failed")

SecondsIn = defaultdict[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Run:
    """Which DAG run to follow, and the task in it that submits."""

    dag_id: str
    run_id: str
    submit_task_id: str


@dataclass(frozen=True, slots=True)
class Batch:
    """
    A batch job with the counts of its files.

    :param files: some of the files: those that failed first.
    """

    job: InventoryJob
    counts: FileCounts
    files: tuple[WorkflowExecution, ...] = ()

    @property
    def failed(self) -> int:
        """How many files have failed or were cancelled."""
        return self.counts.failed + self.counts.cancelled


@dataclass(slots=True)
class RunFollower:
    """
    Follow a DAG run and show each change.

    :param api: Airflow.
    :param hook: the service.
    :param run: what to follow.
    :param workflow_id: the workflow whose executions are the batch's files.
    :param display: where to show it.
    :param ask_seconds: how often to ask the service; less often if it takes long to answer.
    :param batch: the last read state of the batch job.
    :param seconds_in: how long each task was in each state, as observed here.
    """

    api: AirflowApi
    hook: TencentCIHook
    run: Run
    workflow_id: str
    display: Display
    ask_seconds: float
    batch: Batch | None = None
    seconds_in: SecondsIn = field(default_factory=lambda: defaultdict(float))
    _tasks: dict[str, Task] = field(default_factory=dict)
    _looked_at: float = 0.0
    _ask_at: float = 0.0

    def follow(self, check: Callable[[], None], seconds: float) -> str:
        """
        Return the run's last state, ``success`` or ``failed``.

        :param check: raises if a component that the run needs has ended.
        :param seconds: how long it may take.
        """
        deadline = time.monotonic() + seconds
        self._looked_at = time.monotonic()
        while True:
            check()
            state = self.api.run_state(self.run.dag_id, self.run.run_id)
            self._look_at_tasks()
            self._ask_the_service(at_once=state in _ENDED)
            if state in _ENDED:
                return state
            if time.monotonic() > deadline:
                raise DemoFailed(f"The DAG run has not ended after {seconds:.0f} s; it is {state!r}.")
            time.sleep(_LOOK_SECONDS)

    def _look_at_tasks(self) -> None:
        now = time.monotonic()
        for task in self.api.tasks(self.run.dag_id, self.run.run_id):
            before = self._tasks.get(task.task_id)
            if before:
                self.seconds_in[task.task_id, before.state] += now - self._looked_at
            if before is None or before.state != task.state:
                self._show(task, before)
            self._tasks[task.task_id] = task
        self._looked_at = now

    def _show(self, task: Task, before: Task | None) -> None:
        self.display.change(task.task_id, before.state if before else "", task.state)
        if task.state in ("failed", "up_for_retry"):
            for line in self.api.log_errors(self.run.dag_id, self.run.run_id, task.task_id, task.try_number):
                self.display.error(f"  {line}")

    def _ask_the_service(self, *, at_once: bool) -> None:
        asked_at = time.monotonic()
        if asked_at < self._ask_at and not at_once:
            return
        try:
            self._read_batch()
        except TencentCIError as error:
            self.display.error(f"The service could not be asked: {error}")
        took = time.monotonic() - asked_at
        self._ask_at = asked_at + max(self.ask_seconds, 10 * took)

    def _read_batch(self) -> None:
        job_id = self.batch.job.job_id if self.batch else self._job_id()
        if not job_id:
            return
        before = self.batch.job.state.value if self.batch else ""
        job = self.hook.get_inventory_job(job_id)
        survey = self.hook.run(survey_files(job))
        self.batch = Batch(job, survey.counts)
        if job.state.value != before:
            self.display.change("batch job", before, job.state.value)
        doubt = "" if survey.is_complete else "about " if survey.is_estimate else "at least "
        self.display.count(survey.counts.succeeded, self.batch.failed, survey.counts.total, doubt)

    def count_files(self) -> Batch | None:
        """Return the batch with the counts of all files, and some of these for a table; ``None`` if there is none."""
        try:
            return self._count_files(self.batch.job) if self.batch else None
        except TencentCIError as error:
            self.display.error(f"The files could not be counted: {error}")
            return self.batch

    def _count_files(self, job: InventoryJob) -> Batch:
        survey = self.hook.run(survey_files(job))
        with self.display.counting_all(job, survey.counts.total if survey.is_estimate else 0) as observe:
            counts = self.hook.run(count_files(job, observe=observe))
        return Batch(job, counts, (*self._first_files(job, "Failed"), *self._first_files(job, "Success")))

    def _first_files(self, job: InventoryJob, state: str) -> list[WorkflowExecution]:
        executions = self.hook.list_workflow_executions(self.workflow_id, job_id=job.job_id, states=state)
        return list(islice(executions, MOST_FILES))

    def _job_id(self) -> str | None:
        run = self.run
        job_id: str | None = self.api.xcom(run.dag_id, run.run_id, run.submit_task_id, "job_id")
        return job_id
