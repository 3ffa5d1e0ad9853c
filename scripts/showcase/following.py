"""Watching a DAG run, and the batch job that it submits, until the run has ended."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState, WorkflowExecution
from airflow_provider_tencent_ci.exceptions import TencentCIError
from showcase.airflow_api import AirflowApi, Task
from showcase.display import Display
from showcase.failures import DemoFailed

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["Batch", "Run", "RunFollower", "SecondsIn"]

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
    """A batch job with the counts of its files so far."""

    job: InventoryJob
    files: list[WorkflowExecution]

    @property
    def done(self) -> int:
        """How many files are done."""
        return sum(file.state is JobState.SUCCESS for file in self.files)

    @property
    def failed(self) -> int:
        """How many files have failed or were cancelled."""
        return sum(file.state in (JobState.FAILED, JobState.CANCEL) for file in self.files)


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
        files = list(self.hook.list_workflow_executions(self.workflow_id, job_id=job_id))
        self.batch = Batch(job, files)
        if job.state.value != before:
            self.display.change("batch job", before, job.state.value)
        self.display.count(self.batch.done, self.batch.failed, len(files))

    def _job_id(self) -> str | None:
        run = self.run
        job_id: str | None = self.api.xcom(run.dag_id, run.run_id, run.submit_task_id, "job_id")
        return job_id
