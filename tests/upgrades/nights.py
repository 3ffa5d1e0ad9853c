"""The DAG whose tasks were deferred, or failed, under the release before: one text for both releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = ["DAG_ID", "FIRST_NIGHT", "PREFIX", "SECOND_NIGHT", "TASKS", "WORKFLOW", "dag_text"]

DAG_ID = "nights"
WORKFLOW = "w00000000000000000000000000000001"
PREFIX = "media/"

# The runs of two nights that follow each other, by the ends of their intervals.
FIRST_NIGHT, SECOND_NIGHT = "2026-11-25T18:00:00+00:00", "2026-11-26T18:00:00+00:00"

# Task by task; each was recorded with an emulator of its own. DEFERRED are the operator's arguments of most.
TASKS = {
    "waiting": "operator('waiting', **DEFERRED)",
    "limited": "operator('limited', **DEFERRED, execution_timeout=CENTURY)",
    "late": "operator('late', **DEFERRED, execution_timeout=SHORT)",
    "first_round": "operator('first_round', **DEFERRED, **ROUNDS)",
    "second_round": "operator('second_round', **DEFERRED, **ROUNDS)",
    "capacity": "operator('capacity', **DEFERRED, max_active_jobs=1)",
    "capacity_of_round": "operator('capacity_of_round', **DEFERRED, **ROUNDS, max_active_jobs=1)",
    "ends_there": "operator('ends_there', **DEFERRED, end_from_trigger=True)",
    "mapped": "mapped_operator('mapped', **DEFERRED)",
    "decorated": "decorated('decorated')",
    "failed": "operator('failed', wait_for_completion=True, wait_timeout=0.3)",
    "failed_mapped": "mapped_operator('failed_mapped', wait_for_completion=True, wait_timeout=0.3)",
    "sensor": "sensor('sensor')",
    "limited_sensor": "sensor('limited_sensor', execution_timeout=CENTURY)",
    "started": "sensor('started', start_from_trigger=True)",
}

_TEXT = """
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

# A century, so that the wait is not over when a test resumes it.
CENTURY, SHORT = timedelta(days=36500), timedelta(seconds=10)
COMMON = {"poll_interval": 0.2, "retries": 3, "retry_delay": timedelta(0), **THESE_ARGUMENTS}
REQUEST = {"start_time": "{{ data_interval_start }}", "workflow_ids": "WORKFLOW_ID"}
DEFERRED = {"wait_for_completion": True, "deferrable": True}
ROUNDS = THESE_ROUNDS


def operator(task_id, **arguments):
    TriggerInventoryJobOperator(task_id=task_id, prefix="media/", **REQUEST, **COMMON, **arguments)


def mapped_operator(task_id, **arguments):
    partial = TriggerInventoryJobOperator.partial(task_id=task_id, **REQUEST, **COMMON, **arguments)
    partial.expand(prefix=["media/"])


def decorated(task_id):
    @task.tencent_ci_inventory_job(task_id=task_id, **COMMON, **DEFERRED, **ROUNDS)
    def function(data_interval_start=None):
        return {"workflow_ids": "WORKFLOW_ID", "prefix": "media/", "start_time": data_interval_start}

    function()


def sensor(task_id, **arguments):
    InventoryJobSensor(
        task_id=task_id,
        job_id="{{ var.value.job_id }}",
        deferrable=True,
        timeout=CENTURY.total_seconds(),
        poke_interval=0.2,
        retries=3,
        retry_delay=timedelta(0),
        **arguments,
    )


timetable = CronDataIntervalTimetable("0 2 * * *", timezone="Asia/Shanghai")
with DAG("nights", schedule=timetable, start_date=datetime(2026, 11, 1), catchup=True):
    THESE_TASKS
"""


def dag_text(
    rounds: dict[str, object], tasks: Iterable[str] = TASKS, arguments: Mapping[str, object] = MappingProxyType({})
) -> str:
    """
    Return the text of the DAG's file.

    :param rounds: the arguments that submit failed files once more.
    :param tasks: the ids of the tasks to have.
    :param arguments: more arguments of the operators.
    """
    lines = "\n    ".join(TASKS[task_id] for task_id in tasks)
    text = _TEXT.replace("THESE_ROUNDS", repr(rounds)).replace("THESE_ARGUMENTS", repr(dict(arguments)))
    return text.replace("THESE_TASKS", lines).replace("WORKFLOW_ID", WORKFLOW)
