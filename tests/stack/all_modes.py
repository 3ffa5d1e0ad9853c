"""A run whose tasks wait in all modes at once, each for its own job. An action on the run applies to all of them."""

from __future__ import annotations

import itertools
import os

import psutil

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.stack.runs import wait_for

__all__ = ["BLOCKING", "OPERATORS", "SENSORS", "AllModes", "send"]

SENSORS = ("poke", "sense", "start")
BLOCKING = ("blocking_0", "blocking_2", "poke")
OPERATORS = ("blocking_0", "blocking_2", "deferred_0", "deferred_2")

_STATES = "SELECT task_id, state, try_number FROM task_instance WHERE run_id = %s"
_PROCESSES = "SELECT task_id, pid FROM task_instance WHERE run_id = %s"
_AGE = "SELECT extract(epoch FROM now() - max(start_date)) FROM task_instance WHERE run_id = %s"
_numbers = itertools.count(1)


class AllModes:
    """A new run of such a DAG, read from the database, which answers also while Airflow's API does not."""

    def __init__(
        self, airflow, emulator, database, dag_id="all_modes", tasks=(*OPERATORS, *SENSORS), blocking=BLOCKING
    ):
        self._blocking = blocking
        self._airflow, self._emulator, self._database = airflow, emulator, database
        self.dag_id, self.run_id, self.tasks = dag_id, f"all-{next(_numbers)}", tasks
        wait_for(lambda: airflow.api.has_dag(dag_id), 120, lambda: f"Airflow does not know the DAG {dag_id}")
        self._earlier_jobs = {job.job_id for job in emulator.jobs}
        self._of_sensors = {task_id: self._submit(task_id) for task_id in SENSORS if task_id in tasks}
        airflow.api.trigger(dag_id, self.run_id, conf={"jobs": self._of_sensors})

    @property
    def states(self):
        """The states of its tasks."""
        return {task_id: state for task_id, state, _ in self._database.query(_STATES, self.run_id)}

    @property
    def age_seconds(self):
        """The age of the last started task."""
        [(age_seconds,)] = self._database.query(_AGE, self.run_id)
        return float(age_seconds or 0)

    @property
    def tries(self):
        return {task_id: try_number for task_id, _, try_number in self._database.query(_STATES, self.run_id)}

    @property
    def jobs(self):
        """The states of the jobs of each task, the older one first."""
        made = [job for job in self._emulator.jobs if job.job_id not in self._earlier_jobs]
        made.sort(key=lambda job: job.created_at)
        return {task_id: [job.state for job in made if self._is_of(job, task_id)] for task_id in self.tasks}

    def wait_until_waiting(self):
        """Wait until each task has polled its job: a task that is marked earlier has no process that could cancel."""
        waiting = {task_id: "running" if task_id in self._blocking else "deferred" for task_id in self.tasks}
        wait_for(lambda: self.states == waiting, 180, lambda: f"the states are {self.states}")
        for task_id in self.tasks:
            kind = "" if task_id in self._blocking else ".trigger."  # a sensor polls once before it is deferred
            wait_for(
                lambda task_id=task_id, kind=kind: " is Running." in self._log(task_id, kind),
                90,
                lambda task_id=task_id: f"{task_id} does not wait: {self.states}",
            )

    def wait_for_jobs(self, task_ids, *states, seconds=90):
        """Wait until each of these tasks has jobs in these states."""
        reached = lambda: all(self.jobs[task_id] == [*states] for task_id in task_ids)  # noqa: E731
        wait_for(reached, seconds, lambda: f"the jobs are {self.jobs}, not {states}; the tasks {self.states}")

    def wait_until_said(self, task_id, *texts, seconds=60):
        """Wait until the log of a task's process or trigger contains one of ``texts``."""
        said = lambda: self.times_said(task_id, *texts)  # noqa: E731
        wait_for(said, seconds, lambda: f"{task_id} is {self.states[task_id]}, and does not say {texts}")

    def times_said(self, task_id, *texts):
        """How often the log of a task's processes and triggers contains one of ``texts``."""
        return sum(self._log(task_id).count(text) for text in texts)

    def process(self, task_id):
        """The process of a running task."""
        return dict(self._database.query(_PROCESSES, self.run_id))[task_id]

    def processes(self, task_ids):
        """The processes of running tasks, and their supervisors."""
        pids = [pid for task_id, pid in self._database.query(_PROCESSES, self.run_id) if task_id in task_ids]
        return [*pids, *(psutil.Process(pid).ppid() for pid in pids)]

    def mark(self, state):
        for task_id in self.tasks:
            self._airflow.api.mark(self.dag_id, self.run_id, task_id, state)

    def clear(self):
        for task_id in self.tasks:
            self._airflow.api.clear(self.dag_id, self.run_id, task_id)

    def delete(self):
        self._airflow.api.delete_run(self.dag_id, self.run_id)

    def end(self):
        """Let all its jobs succeed, so that no task continues."""
        for job in self._emulator.jobs:
            if job.job_id not in self._earlier_jobs and job.state == "Running":
                self._emulator.finish_job(job.job_id)

    def _is_of(self, job, task_id):
        if task_id in self._of_sensors:
            return job.job_id == self._of_sensors[task_id]
        return job.name.startswith(f"{self.run_id}-{task_id}-")

    def _log(self, task_id, kind=""):
        logs = self._airflow.home.glob(f"logs/dag_id={self.dag_id}/run_id={self.run_id}/task_id={task_id}/**/*.log*")
        return "".join(path.read_text("utf-8", "replace") for path in logs if path.is_file() and kind in path.name)

    def _submit(self, task_id):
        with TencentCIHook() as hook:
            return hook.trigger_inventory_job(name=task_id, workflow_ids=WORKFLOW_ID, prefix="media/").job_id


def send(pids, number):
    """Send a signal to processes, some of which may have ended."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
