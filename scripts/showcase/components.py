"""Airflow's processes: each with its own session and log file, so that all of them can be stopped and read."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from showcase.failures import DemoFailed
from showcase.process_guard import guard_session, release_session

__all__ = ["Component", "stop_all"]

Sessions = Mapping[int, subprocess.Popen[bytes]]

_STOP_SECONDS = 4.0
_KILL_SECONDS = 5.0
_LOG_LINES = 25


@dataclass(frozen=True, slots=True)
class Component:
    """
    One ``airflow`` command as a process.

    :param name: the command, as messages call it.
    :param process: the process, which leads a session.
    :param log: where its output goes.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, home: Path, *command: str) -> Component:
        """Start ``airflow <command>`` of this environment."""
        name = " ".join(word for word in command if not word.startswith("-"))
        log = _free_name(home, name.replace(" ", "-"))
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=home,
                start_new_session=True,
            )
        guard_session(process.pid)
        return cls(name, process, log)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and to all its child processes."""
        _signal({self.process.pid: self.process}, number)

    def pids(self) -> list[int]:
        """Return its live processes."""
        return list(_members({self.process.pid: self.process}))

    def check(self) -> None:
        """Raise if it has ended; a server never ends by itself."""
        status = self.process.poll()
        if status is not None:
            raise self.failure(f"ended with status {status}")

    def finish(self, seconds: float) -> None:
        """Wait for its end."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self.failure(f"is not done after {seconds:.0f} s") from None
        if status:
            raise self.failure(f"failed with status {status}")

    def failure(self, what: str) -> DemoFailed:
        """Return the error with the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return DemoFailed("\n".join([f"airflow {self.name} {what}. The end of its log:", *(f"  {x}" for x in lines)]))


def stop_all(components: Iterable[Component]) -> None:
    """Stop processes with their child processes: with SIGTERM, and after some seconds with SIGKILL."""
    sessions = {component.process.pid: component.process for component in components}
    _signal(sessions, signal.SIGTERM)
    kill_at = time.monotonic() + _STOP_SECONDS
    while _goes_on(sessions) and time.monotonic() < kill_at + _KILL_SECONDS:
        if time.monotonic() > kill_at:
            _signal(sessions, signal.SIGKILL)
        time.sleep(0.1)
    if not _goes_on(sessions):
        for pid in sessions:
            release_session(pid)


def _free_name(home: Path, name: str) -> Path:
    """Return an unused path for a log file: there may be two triggerers."""
    numbered = (home / (f"{name}-{number}.log" if number > 1 else f"{name}.log") for number in itertools.count(1))
    return next(path for path in numbered if not path.exists())


def _goes_on(sessions: Sessions) -> bool:
    for leader in sessions.values():
        leader.poll()  # or it would remain a zombie process
    return any(True for _ in _members(sessions))


def _signal(sessions: Sessions, number: signal.Signals) -> None:
    for pid in _members(sessions):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _members(sessions: Sessions) -> Iterator[int]:
    """Yield the live processes of sessions. Process groups are not enough: Airflow gives each task its own."""
    for process in psutil.process_iter(["status"]):
        try:
            if os.getsid(process.pid) in sessions and process.info["status"] != psutil.STATUS_ZOMBIE:
                yield process.pid
        except (ProcessLookupError, PermissionError):
            continue
