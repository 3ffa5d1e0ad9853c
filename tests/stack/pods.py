"""Tasks in pods that are only processes (``pod_executor.py``), and what strikes a pod in a cluster."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

import psutil

from tests.stack.all_modes import AllModes, send
from tests.stack.pod_executor import REPORTED, UNSEEN, orders
from tests.stack.runs import wait_for

__all__ = ["PODS_DAGS", "STRIKES", "PodRun"]

# The tasks of each DAG, named after what strikes them. Airflow misses a pod that vanished only after 30 seconds.
_TASKS = {
    "blocking": ("evicted", "out_of_memory", "gone", "vanished", "reported"),
    "deferred": ("evicted", "out_of_memory", "gone", "reported"),
    "last_try": ("evicted", "reported"),
}

# A task that has its result waits while the folder has a file for its run.
PODS_DAGS = f"""
import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator

def hold(context, result):
    while (Path(os.environ["AIRFLOW_HOME"]) / "pods" / context["run_id"]).exists():
        time.sleep(0.2)


for mode, task_ids in {_TASKS!r}.items():
    with DAG(f"pods_{{mode}}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        for task_id in task_ids:
            TriggerInventoryJobOperator(
                task_id=task_id, name="{{{{ run_id }}}}-{{{{ ti.task_id }}}}", executor="PodExecutor",
                retries=0 if mode == "last_try" else 3, retry_delay=timedelta(seconds=1), prefix="media/",
                workflow_ids="w00000000000000000000000000000001", wait_for_completion=True,
                deferrable=mode == "deferred", poll_interval=1, post_execute=hold,
            )
"""


# Time for the operator's on_kill.
GRACE_SECONDS = 3


class Pod:
    """
    The processes of a task: the main one, which supervises it, and the task's own.

    :param task: the process id of the task.
    """

    def __init__(self, home, task):
        self._task = psutil.Process(task)
        self._main = self._task.parent()
        self._order = orders(home) / str(self._main.pid)
        self._members = [self._main, *self._main.children(recursive=True)]

    @property
    def lives(self):
        return any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in self._members)

    def evict(self):
        """SIGTERM to the main process's group, as from ``dumb-init``; SIGKILL to all when the grace period is over."""
        os.killpg(self._main.pid, signal.SIGTERM)
        output = self._order.with_suffix(".log")
        passed_on = lambda: "forwarding to task subprocess" in output.read_text("utf-8", "replace")  # noqa: E731
        wait_for(passed_on, 30, lambda: "the signal has not reached the task")
        time.sleep(GRACE_SECONDS)
        self.kill()

    def kill_task(self):
        """SIGKILL to the process that needs the most memory."""
        send([self._task.pid], signal.SIGKILL)

    def kill(self):
        """SIGKILL to all processes at once."""
        send([member.pid for member in self._members], signal.SIGKILL)

    def vanish(self):
        """The same, and the executor learns nothing of it."""
        self._order.write_text(UNSEEN, "utf-8")
        self.kill()

    def be_reported(self):
        """The executor learns that the pod has ended, and it lives: it was deleted by force, or its node is cut off."""
        self._order.write_text(REPORTED, "utf-8")


# By the task that is struck.
STRIKES = {
    "evicted": Pod.evict,
    "out_of_memory": Pod.kill_task,
    "gone": Pod.kill,
    "vanished": Pod.vanish,
    "reported": Pod.be_reported,
}


class PodRun(AllModes):
    """A new run of one of the DAGs."""

    def __init__(self, airflow, emulator, database, mode):
        blocking = () if mode == "deferred" else _TASKS[mode]
        super().__init__(airflow, emulator, database, f"pods_{mode}", _TASKS[mode], blocking)
        self._home = airflow.home

    def strike(self, ready=lambda task_id: True):
        """Strike each pod in its way, as soon as its task is ready; return the pods."""
        pods = {}

        def all_are_struck():
            for task_id in self.tasks:
                if task_id not in pods and ready(task_id):
                    pods[task_id] = Pod(self._home, self.process(task_id))
                    STRIKES[task_id](pods[task_id])
            return len(pods) == len(self.tasks)

        wait_for(all_are_struck, 120, lambda: f"{list(pods)} are struck; {self.states}")
        return pods

    def wait_for_tries(self, number, state):
        """Wait until each task is in this try, and in this state."""
        expected = dict.fromkeys(self.tasks, state), dict.fromkeys(self.tasks, number)
        wait_for(lambda: (self.states, self.tries) == expected, 120, lambda: f"{self.states}, {self.tries}")

    @contextmanager
    def held_at_their_end(self):
        """Hold each task when it has its result, which Airflow does not have yet."""
        hold = orders(self._home) / self.run_id
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()
