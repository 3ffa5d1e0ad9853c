"""One triggerer process of a real Airflow on PostgreSQL, for measurements inside of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.running_airflow import ROOT, find_scripts
from tests.environment import environment_put_back

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

__all__ = ["AirflowOfTriggerers", "Triggerer", "longest_blocks", "missing_programs", "read_lines", "running"]

# After this time a triggerer is measured even if not all its triggers run.
_LONGEST_SECONDS = 420

_DAG_FILE = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("waits", schedule=None):
    EmptyOperator(task_id="wait")
"""

Lines = list[dict[str, Any]]


def missing_programs() -> str | None:
    """Return the missing requirement, if any."""
    find_scripts()
    from tests.stack import postgresql

    return None if postgresql.programs() else "PostgreSQL's server programs"


class Triggerer:
    """
    A triggerer process with a :class:`.LoopProbe`.

    :ivar samples: the file of the probe.
    :ivar supervisor: the number of the process that talks to the database.
    """

    def __init__(self, samples: Path, supervisor: int) -> None:
        self.samples = samples
        self.supervisor = supervisor

    def defer(self, triggers: Sequence[BaseTrigger]) -> None:
        """Add a deferred task for each trigger; the triggerer starts them by itself."""
        _defer(triggers)

    def read(self) -> Lines:
        """Return the probe's samples so far."""
        return read_lines(self.samples)

    def reach(self, reached: Callable[[Lines], bool], seconds: float = _LONGEST_SECONDS) -> bool:
        """Wait until the samples meet a condition; return whether they did in time."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            if (found := self.read()) and reached(found):
                return True
            time.sleep(0.5)
        return False


def read_lines(path: Path) -> Lines:
    """Return the whole lines that a probe has written so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.endswith("}")]


def longest_blocks(samples: Lines) -> tuple[float, float]:
    """Return the longest block of the loop in seconds, and the most processor time in one."""
    return (
        max(sample["blocked_seconds"] for sample in samples),
        max(sample["blocked_cpu_seconds"] for sample in samples),
    )


class AirflowOfTriggerers:
    """Starts triggerers, one after the other, on one database."""

    def __init__(self, airflow: Any, database: Any) -> None:
        self._airflow, self._database = airflow, database

    @contextmanager
    def triggerer(self) -> Iterator[Triggerer]:
        """Run a triggerer, which has no trigger but the probe of its loop."""
        from benchmarks.probe_triggers import LoopProbe

        self._database.query("DELETE FROM task_instance WHERE map_index >= 0")
        self._database.query('DELETE FROM "trigger"')
        samples = self._airflow.home / f"samples-{time.monotonic_ns()}.jsonl"
        _defer([LoopProbe(str(samples))])
        component = self._airflow.start_triggerer()
        try:
            triggerer = Triggerer(samples, component.process.pid)
            if not triggerer.reach(lambda found: len(found) > 5):
                raise TimeoutError(f"The triggerer did not run its first trigger within {_LONGEST_SECONDS} s.")
            yield triggerer
        finally:
            self._airflow.give_up(component)


@contextmanager
def running(connections: Mapping[str, str]) -> Iterator[AirflowOfTriggerers]:
    """
    Set up Airflow, without a scheduler and without an API server.

    :param connections: environment variables with connections.
    """
    find_scripts()
    from showcase.stack import AirflowStack, free_port

    from tests.stack import postgresql

    with ExitStack() as stack:
        dags = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (dags / "waits.py").write_text(_DAG_FILE, "utf-8")
        programs = postgresql.programs()
        assert programs
        database = stack.enter_context(postgresql.PostgreSQL(programs))
        stack.enter_context(environment_put_back(**connections))
        settings = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.url,
            "AIRFLOW__TRIGGERER__CAPACITY": "20000",
            "PYTHONPATH": str(ROOT),
        }
        airflow = stack.enter_context(AirflowStack(dags, free_port(), settings))
        airflow.finish_database(airflow.begin_database())
        _run("-m", "airflow", "dags", "reserialize")
        _run("-m", "airflow", "dags", "trigger", "waits", "--run-id", "once")
        yield AirflowOfTriggerers(airflow, database)


def _defer(triggers: Sequence[BaseTrigger]) -> None:
    if triggers:
        _run("-m", "benchmarks.deferred_tasks", given=json.dumps([trigger.serialize() for trigger in triggers]))


def _run(*arguments: str, given: str | None = None) -> None:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed: {done.stdout[-2000:]} {done.stderr[-2000:]}")
