"""
Tries of one task instance as processes that can be killed.

Each try is a fork of this process which runs the operator's ``execute`` for real, over HTTP, while Airflow's task state
store and XCom are files outside of it. A pause of the client does not sleep: it advances its own clock and the
emulator's, so a lag of a minute costs no time.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import requests

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.submission import rounds
from airflow_provider_tencent_ci.task_state import submission_xcom

__all__ = ["Die", "Kept", "Tries"]

Die = Callable[[str], None]

# Late imports of a try are done here, once for all forks: they would take most of the time of a fork.
for _module in (
    "core.submitting.submit_once",
    "submission.submitter",
    "triggers.inventory_job",
):
    import_module(f"airflow_provider_tencent_ci.{_module}")
for _module in ("connection", "dag", "serialized_dag"):
    import_module(f"airflow.models.{_module}")

DEFERRED, DONE, FAILED = "deferred", "done", "failed"


@dataclass
class Kept:
    """
    The data that outlives a try.

    :param folder: where the files are.
    :param has_store: whether this Airflow has a task state store (3.3 and later).
    """

    folder: Path
    has_store: bool

    def read(self, name: str) -> Any:
        path = self.folder / name
        return json.loads(path.read_text("utf-8")) if path.exists() else None

    @property
    def log(self) -> str:
        """The log of all tries."""
        path = self.folder / "log"
        return path.read_text("utf-8") if path.exists() else ""

    def say(self, text: str) -> None:
        with (self.folder / "log").open("a", encoding="utf-8") as log:
            log.write(text + "\n")

    def forget_xcoms(self) -> None:
        """Clear the XComs, as Airflow does when a try starts."""
        for path in self.folder.glob("xcom-*"):
            path.unlink()

    def write(self, name: str, value: Any) -> None:
        """Write in one step, as a database does."""
        path = self.folder / name
        path.with_suffix(".new").write_text(json.dumps(value), "utf-8")
        path.with_suffix(".new").replace(path)


@dataclass
class Tries:
    """
    One task instance.

    :param arguments: more arguments of the operator.
    :param first: the number of the first try of this attempt series.
    :param retries: the task's number of retries; between two tries it does not change Airflow's own count.
    :param run_started_at: the start of the DAG run, which Airflow moves when any of its tasks is cleared.
    """

    emulator: Emulator
    kept: Kept
    arguments: dict[str, Any] = field(default_factory=dict)
    run_id: str = "scheduled__2026-01-02"
    first: int = 1
    retries: int = 1000
    run_started_at: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    number: int = 0

    def start(self, kill_at: str | None = None, nth: int = 1, fail_at: str | None = None) -> int:
        """
        Start the next try, and return its process id.

        It kills itself when it reaches ``kill_at`` for the ``nth`` time, and fails at ``fail_at``.
        """
        self.number += 1
        ahead = timedelta(seconds=self.emulator.state()["ahead_seconds"])
        pid = os.fork()
        if pid == 0:
            try:
                self._run(kill_at, nth, fail_at, MachineClock(ahead))
            finally:
                os._exit(1)
        return pid

    def finish(self, pid: int, seconds: float = 60) -> str:
        """Wait for a try's end; return its outcome, ``killed`` if it had none."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return self.kept.read("outcome") or "no outcome" if os.WIFEXITED(status) else "killed"
            time.sleep(0.002)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise AssertionError("a try did not end")

    def run(self, kill_at: str | None = None, nth: int = 1, fail_at: str | None = None) -> str:
        return self.finish(self.start(kill_at, nth, fail_at))

    def _run(self, kill_at: str | None, nth: int, fail_at: str | None, clock: MachineClock) -> None:
        seen: Counter[str] = Counter()

        def die(point: str) -> None:
            seen[point] += 1
            if point == kill_at and seen[point] == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            if point == fail_at:
                raise RuntimeError(f"This try ends {point}.")

        self.kept.folder.mkdir(exist_ok=True)
        self.kept.write("outcome", None)
        self.kept.forget_xcoms()
        for module in (rounds, submission_xcom):
            module.own_xcom = lambda _ti, key: self.kept.read(f"xcom-{key}")
        os.environ["AIRFLOW_CONN_TENCENT_CI_DEFAULT"] = self.emulator.connection_json()
        TencentCIHook.log = Log(self.kept)
        patch_transport(self.emulator.url, die, clock)
        if self.kept.has_store:
            patch_memory(die)
        outcome = self._execute(die)
        die("after deferring")
        self.kept.write("outcome", outcome)
        os._exit(0)

    def _execute(self, die: Die) -> str:
        task = TriggerInventoryJobOperator(
            task_id="submit", workflow_ids=WORKFLOW_ID, prefix="media/", retries=self.retries, **self.arguments
        )
        context = self._context(task, die)
        try:
            self.kept.write("returned", task.execute.__wrapped__(task, context))
        except BaseException as error:
            if type(error).__name__ == "TaskDeferred":
                return DEFERRED
            self.kept.write("error", f"{type(error).__name__}: {error}")
            return FAILED
        return DONE

    def _context(self, task: Any, die: Die) -> Any:
        ti = SimpleNamespace(
            dag_id="nightly",
            run_id=self.run_id,
            task_id="submit",
            map_index=-1,
            try_number=self.first - 1 + self.number,
            max_tries=self.first - 1 + 1000,
            xcom_push=lambda key, value: self._push(key, value, die),
        )
        context = {
            "ti": ti,
            "task": task,
            "dag_run": SimpleNamespace(start_date=self.run_started_at),
        }
        if self.kept.has_store:
            context["task_state_store"] = FileStore(self.kept, die)
        return context

    def _push(self, key: str, value: Any, die: Die) -> None:
        die(f"before the XCom {key}")
        self.kept.write(f"xcom-{key}", value)
        die(f"after the XCom {key}")


@dataclass
class FileStore:
    """A task state store."""

    kept: Kept
    die: Die

    def get(self, key: str, default: Any = None) -> Any:
        found = self.kept.read(f"store-{key}")
        return default if found is None else found

    def set(self, key: str, value: Any) -> None:
        self.kept.write(f"store-{key}", value)
        self.die(f"after the store's {key}")


@dataclass
class Log:
    """The hook's logger."""

    kept: Kept

    def info(self, message: str, *arguments: object) -> None:
        self.kept.say(message % arguments)

    debug = warning = error = info


@dataclass
class MachineClock:
    """
    The clock of the machine of a try; it runs as fast as the emulator's.

    :param ahead: how far it was advanced.
    """

    ahead: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def patch_transport(url: str, die: Die, clock: MachineClock) -> None:
    """Kill the process around requests and pauses; let pauses move the clocks."""
    from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport

    send = BlockingTransport._send

    def dying_send(self: Any, action: Any) -> Any:
        die(f"before the {action.request.method}")
        try:
            return send(self, action)
        finally:
            die(f"after the {action.request.method}")

    def pause(seconds: float) -> None:
        die("before a pause")
        requests.post(f"{url}/_emulator/clock", json={"advance_seconds": seconds}, timeout=10).raise_for_status()
        clock.ahead += timedelta(seconds=seconds)

    original = BlockingTransport.__init__

    def with_emulated_pauses(self: Any, config: Any, **options: Any) -> None:
        original(self, config, **{**options, "now": clock.now, "sleep": pause})

    BlockingTransport._send = dying_send  # type: ignore[method-assign]
    BlockingTransport.__init__ = with_emulated_pauses  # type: ignore[method-assign]


def patch_memory(die: Die) -> None:
    """Kill the process around writes to the task state store."""
    from airflow_provider_tencent_ci.task_state.submission_memory import SubmissionMemory

    for name in ("write", "try_to_write"):
        original = getattr(SubmissionMemory, name)

        def dying(self: Any, *arguments: Any, _name: str = name, _original: Any = original) -> Any:
            die(f"before {_name}")
            result = _original(self, *arguments)
            die(f"after {_name}")
            return result

        setattr(SubmissionMemory, name, dying)
