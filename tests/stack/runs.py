"""A run of one of the DAGs, with its tasks and their batch jobs."""

from __future__ import annotations

import itertools
import os
import time

__all__ = ["Run", "wait_for"]

_numbers = itertools.count(1)


# A wait ends as soon as its condition holds, so a high limit costs nothing. The limits are for an idle machine; on a
# busy one the start of a task alone has taken more than a minute.
_PATIENCE = 4


def wait_for(reached, seconds, what):
    """
    Wait until ``reached()``.

    :param seconds: how long this may take on an idle machine.
    :param what: returns the actual value for the message.
    """
    ends_at = time.monotonic() + seconds * _PATIENCE
    while not reached():
        assert time.monotonic() < ends_at, f"after {seconds * _PATIENCE} s: {what()}"
        time.sleep(0.3)


class Run:
    """A new run of a DAG, whose task ``submit`` is tested."""

    def __init__(self, airflow, emulator, dag_id, **params):
        self.api, self.emulator, self.dag_id = airflow.api, emulator, dag_id
        self._home = airflow.home
        self.run_id = f"run-{next(_numbers)}"
        self._earlier_jobs = {job.job_id for job in emulator.jobs}
        wait_for(lambda: self.api.has_dag(dag_id), 120, lambda: f"Airflow does not know the DAG {dag_id}")
        self.api.trigger(dag_id, self.run_id, conf=params)

    @property
    def states(self):
        """The states of its instances of ``submit``."""
        return [task.state for task in self.api.tasks(self.dag_id, self.run_id) if task.task_id == "submit"]

    @property
    def jobs(self):
        """This run's jobs, the older one first."""
        made = [job for job in self.emulator.jobs if job.job_id not in self._earlier_jobs]
        return sorted(made, key=lambda job: job.created_at)

    @property
    def job_states(self):
        return [job.state for job in self.jobs]

    @property
    def details(self):
        return self.api.task(self.dag_id, self.run_id, "submit")

    def wait_for_state(self, state, tasks=1, seconds=90):
        wait_for(lambda: self.states == [state] * tasks, seconds, lambda: f"the states are {self.states}, not {state}")

    def wait_for_jobs(self, *states, seconds=60):
        wait_for(lambda: self.job_states == list(states), seconds, lambda: f"jobs: {self.job_states}, not {states}")

    def wait_until_asked_about(self):
        """Wait until the trigger runs: a task that is marked earlier has no process that could cancel."""
        asked = self.emulator.count("list")
        wait_for(lambda: self.emulator.count("list") > asked + 1, 90, lambda: "nobody asks about the job")

    def wait_for_try(self, number):
        wait_for(lambda: self.details["try_number"] == number, 120, lambda: f"this is not try {number}: {self.details}")

    def wait_for_job_id(self, job_id):
        """Wait until the task has pushed the JobId."""
        wait_for(lambda: self._pushed() == job_id, 60, lambda: f"the JobId is {self._pushed()}, not {job_id}")

    def times_said(self, text):
        """How often the logs of its tasks and triggers contain ``text``."""
        logs = self._home.glob(f"logs/dag_id={self.dag_id}/run_id={self.run_id}/**/*.log*")
        return sum(path.read_text("utf-8", "replace").count(text) for path in logs if path.is_file())

    def doubts(self):
        """Say whether a process left a job because it could not tell who ended the task."""
        return f"the job goes on; doubts in the logs: {self.times_said('is not cancelled and continues')}"

    def mark(self, state):
        self.api.mark(self.dag_id, self.run_id, "submit", state)

    def delete_and_make_again(self):
        """Delete the run, and create another one with its id."""
        self.api.delete_run(self.dag_id, self.run_id)
        self.api.trigger(self.dag_id, self.run_id)

    def clear(self, task_id="submit"):
        self.api.clear(self.dag_id, self.run_id, task_id)

    def signal(self, number):
        """Send a signal to the process in which the task runs."""
        wait_for(lambda: self.details["pid"], 60, lambda: f"no process executes the task: {self.details}")
        os.kill(self.details["pid"], number)

    def _pushed(self):
        return self.api.xcom(self.dag_id, self.run_id, "submit", "job_id")
