"""
A plugin of Airflow that writes down when a worker process begins and ends to run a task.

Airflow tells it in the worker process itself, once in each, before the DAG file is parsed; a triggerer that ends or
starts a task by itself never comes here.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from structlog.contextvars import get_contextvars

__all__ = ["VARIABLE", "WorkerStartsPlugin"]

# The environment variable with the path of the file to write to.
VARIABLE = "BENCHMARKS_WORKER_STARTS"

# A marker of this class says that it is a task's process. Its module is too large to be imported by every component.
_TASK_PROCESS = "TaskRunnerMarker"


class _Listener:
    @hookimpl
    def on_starting(self, component: Any) -> None:
        if type(component).__name__ == _TASK_PROCESS:
            _note("start")

    @hookimpl
    def before_stopping(self, component: Any) -> None:
        if type(component).__name__ == _TASK_PROCESS:
            _note("stop")


def _note(what: str) -> None:
    """Append one line, small enough to be written in one piece whoever else writes."""
    known = get_contextvars()
    entry = {
        "what": what,
        "pid": os.getpid(),
        "at": time.time(),
        "dag_id": known["dag_id"],
        "task_id": known["task_id"],
    }
    with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


class WorkerStartsPlugin(AirflowPlugin):
    """See the module."""

    name = "worker_starts"
    listeners = (_Listener(),) if VARIABLE in os.environ else ()
