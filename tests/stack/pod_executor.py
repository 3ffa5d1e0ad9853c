"""
An executor that starts what ``KubernetesExecutor`` would start in a pod, as processes of this machine.

Its command is that of the Kubernetes provider 10.16.1 (``pod_generator.py``), with the workload that the scheduler
made. ``tests/stack/pods.py`` strikes these processes as Kubernetes strikes those of a pod. It also decides what the
executor learns, with a word in the file of the pod: nothing, or the end of a pod that still lives.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from airflow.executors.base_executor import BaseExecutor

__all__ = ["REPORTED", "UNSEEN", "PodExecutor", "orders"]

UNSEEN = "unseen"  # the executor is not told that the pod has ended
REPORTED = "reported"  # the executor is told that the pod has ended, although it lives


def orders(home: Path) -> Path:
    """Return the folder with the word for the executor, and the output, of each pod, named after its main process."""
    return home / "pods"


class PodExecutor(BaseExecutor):
    """A process group for each task, in the session of the scheduler, which the running Airflow ends as a whole."""

    is_local = False

    def start(self):
        self._pods = {}
        self._orders = orders(Path(os.environ["AIRFLOW_HOME"]))
        self._orders.mkdir(exist_ok=True)

    def sync(self):
        for key, process in list(self._pods.items()):
            self._look_after(key, process)

    def end(self):
        """Leave the pods alone: a scheduler that ends does not end them."""

    def terminate(self):
        """Leave the pods alone."""

    def _process_workloads(self, workload_items):
        for workload in workload_items:
            del self.queued_tasks[workload.key]
            self.running.add(workload.key)
            self._pods[workload.key] = self._started(workload)

    def _started(self, workload):
        command = ["-m", "airflow.sdk.execution_time.execute_workload", "--json-string", workload.model_dump_json()]
        log = self._orders / f"{workload.ti.id}-{workload.ti.try_number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        log.rename(self._orders / f"{process.pid}.log")
        return process

    def _look_after(self, key, process):
        status, order = process.poll(), self._order(process.pid)
        if status is None and order != REPORTED:
            return
        del self._pods[key]
        (self._orders / str(process.pid)).unlink(missing_ok=True)  # a later process may have the same number
        if order == REPORTED or (status and order != UNSEEN):
            self.fail(key)
        elif order != UNSEEN:  # a pod that succeeded changes nothing: the provider reports the task's own state
            self.running.discard(key)

    def _order(self, pid):
        try:
            return (self._orders / str(pid)).read_text("utf-8")
        except FileNotFoundError:
            return None
