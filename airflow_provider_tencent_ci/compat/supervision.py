"""How Airflow, 2.11 to 3.3, supervises tasks and triggers: their states, and when it gives a process up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from airflow.configuration import conf

from airflow_provider_tencent_ci.core.polling.cancel_decision import REMOVED

__all__ = [
    "Supervision",
    "must_stop_itself",
    "supervision_of_triggers",
    "supervision_of_worker",
    "task_instance_state",
    "was_given_up",
    "workers_have_database",
]


@dataclass(frozen=True, slots=True)
class Supervision:
    """
    When Airflow gives up a silent process.

    :param limit_seconds: how long it waits for a heartbeat.
    :param answers: how many answers, one after the other, prove that a heartbeat was sent since the first of them.
    :param shortest_seconds: how far they have to be apart for that.
    """

    limit_seconds: float
    answers: int
    shortest_seconds: float


def supervision_of_worker() -> Supervision:
    """
    Return how long a task's process may be silent (Airflow 3).

    The process does not see the heartbeats: its supervisor, the parent process, sends them. The supervisor does one
    thing at a time. It serves the process, then sends a heartbeat if the shortest interval is over, and ends the
    process after some failed ones in a row (sdk/execution_time/supervisor.py). So of two intervals between answers at
    least one had an attempt, and of as many attempts as it lets fail, and one more, one succeeded.
    """
    failures = conf.getint("workers", "max_failed_heartbeats", fallback=3)
    return Supervision(
        limit_seconds=conf.getfloat("scheduler", "task_instance_heartbeat_timeout", fallback=300),
        answers=2 * failures + 1,
        shortest_seconds=conf.getfloat("workers", "min_heartbeat_interval", fallback=5),
    )


def supervision_of_triggers() -> Supervision:
    """
    Return how long a triggerer may be silent before another one takes its triggers over.

    Between two answers it checks every second which triggers it owns, and stops the others.
    """
    limit_seconds = conf.getfloat("triggerer", "triggerer_health_check_threshold", fallback=30)
    return Supervision(limit_seconds, answers=4, shortest_seconds=1)


def task_instance_state(ti: Any) -> str | None:
    """
    Return the state of a task instance as Airflow's database has it now; ``None`` if it has none; blocks.

    :param ti: anything with ``dag_id``, ``task_id``, ``run_id`` and ``map_index``.
    :return: ``REMOVED`` if there is no such task instance.
    """
    if workers_have_database():
        return _state_in_database(ti)
    # Imported late, here and below: each version of Airflow has only some of these.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    of_run = states.get(ti.run_id) or {}
    return _text(of_run.get(ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}", REMOVED))


def workers_have_database() -> bool:
    """Whether tasks and triggers can read Airflow's database: on 2.11."""
    return find_spec("airflow.sdk") is None


def was_given_up(ti: Any) -> bool:
    """
    Whether Airflow itself has ended the running try of a task instance, if workers can read the database; blocks.

    If the scheduler fails a task without a message from its process, it writes the reason into the audit log. An older
    process of the task that fails later writes ``failed`` with its try number; a person's action has none.

    :param ti: the task instance, as its own process has it.
    """
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    where = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
    with create_session() as session:
        by_scheduler = Log.event.in_(("heartbeat timeout", "state mismatch"))
        by_older_process = (Log.event == "failed") & Log.try_number.isnot(None)
        noted = session.query(Log.id).filter_by(**where).filter(by_scheduler | by_older_process)
        return noted.filter(Log.dttm >= ti.start_date).first() is not None


def must_stop_itself(error: asyncio.CancelledError) -> bool:
    """
    Whether a cancelled trigger itself must do the work of its ``on_kill``.

    Before 3.3 Airflow does not call it. 3.3 cancels a trigger again every second, and skips ``on_kill`` if the second
    cancel comes too early, as for some of a hundred tasks that are marked together (seen on 3.3.2). The error names a
    user's action in its own words (jobs/triggerer_job_runner.py). This text means only that the triggerer no longer
    owns the trigger.

    :param error: the error of the cancelled trigger.
    """
    from airflow.triggers.base import BaseTrigger

    return not hasattr(BaseTrigger, "on_kill") or "__airflow_user_action__" in map(str, error.args)


def _state_in_database(ti: Any) -> str | None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    where = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
    with create_session() as session:
        row = session.query(TaskInstance.state).filter_by(**where).one_or_none()
    return _text(row[0]) if row else REMOVED


def _text(state: Any) -> str | None:
    return str(getattr(state, "value", state)) if state is not None else None
