"""
The child processes of this process end with it, for each kind of end: Ctrl-C, SIGTERM, SIGKILL.

PostgreSQL and the components of Airflow run in sessions of their own, so that they can be stopped in order. A killed
process cannot stop its children. So it has a guard: a second process in a session of its own, which no Ctrl-C reaches.
The guard gets the list of child processes and folders over a pipe. When the process is gone, the kernel closes the
pipe, and the guard ends the remaining processes and removes the folders.

Run as a program (``python process_guard.py``), this file is the guard. It reads lines from its standard input, each a
list in JSON: ``["session", pid]``, ``["folder", path]``, and the same with ``"no "`` before the first word when it has
ended.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psutil

__all__ = ["guard_folder", "guard_session", "release_folder", "release_session"]

# How long a database server may take for an immediate shutdown, in which it frees its shared memory.
_QUIT_SECONDS = 3.0
_END_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class _Guard:
    """The guard's process, and the end of the pipe that is this process's."""

    process: subprocess.Popen[bytes]
    pipe: int


_guard: _Guard | None = None


def guard_session(pid: int) -> None:
    """
    End a session when this process is gone.

    :param pid: the process that leads the session.
    """
    _tell("session", pid)


def release_session(pid: int) -> None:
    """Forget a session: it has ended, and its number may be reused."""
    _tell("no session", pid)


def guard_folder(path: Path) -> None:
    """Remove a folder when this process is gone, and end each process that uses it."""
    _tell("folder", str(path))


def release_folder(path: Path) -> None:
    """Forget a folder: it is gone."""
    _tell("no folder", str(path))


def _tell(word: str, value: int | str) -> None:
    global _guard
    if _guard is None:
        if word.startswith("no "):
            return
        _guard = _start()
    os.write(_guard.pipe, json.dumps([word, value]).encode() + b"\n")


def _start() -> _Guard:
    # With this process's AIRFLOW_HOME the guard itself would belong to that folder.
    environment = {name: value for name, value in os.environ.items() if name != "AIRFLOW_HOME"}
    orders, pipe = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", __file__],
        stdin=orders,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        start_new_session=True,
    )
    os.close(orders)
    atexit.register(_dismiss)
    return _Guard(process, pipe)


def _dismiss() -> None:
    """Close the pipe, and wait until nothing is left."""
    global _guard
    guard, _guard = _guard, None
    if guard is not None:
        os.close(guard.pipe)
        guard.process.wait(2 * _END_SECONDS)


def _leave_to_parent() -> None:
    """Close a forked child's copy of the pipe: the guard waits until no process has it open."""
    global _guard
    guard, _guard = _guard, None
    if guard is not None:
        os.close(guard.pipe)
        guard.process.returncode = 0  # it is no child of this process


os.register_at_fork(after_in_child=_leave_to_parent)


def _main(orders: TextIO) -> None:
    """Run as the guard, until the pipe is closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions: set[int] = set()
    folders: set[str] = set()
    for line in orders:
        word, value = json.loads(line)
        held: set[int] | set[str] = sessions if word.endswith("session") else folders
        (held.discard if word.startswith("no ") else held.add)(value)
    _end(sessions, folders)


def _end(sessions: set[int], folders: set[str]) -> None:
    """End the remaining processes, and remove the folders."""
    if not sessions and not folders:
        return
    _quit_databases(folders)
    began_at = time.monotonic()
    while time.monotonic() < began_at + _END_SECONDS:
        left = list(_left(sessions, folders))
        if not left:
            break
        patient = time.monotonic() < began_at + _QUIT_SECONDS
        for process, name in left:
            if not (patient and name.startswith("postgres")):
                with contextlib.suppress(psutil.Error):
                    process.kill()
        time.sleep(0.1)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _quit_databases(folders: set[str]) -> None:
    for folder in folders:
        for file in Path(folder).glob("*/postmaster.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(file.read_text("utf-8").split("\n", 1)[0]), signal.SIGQUIT)


def _left(sessions: set[int], folders: set[str]) -> Iterator[tuple[psutil.Process, str]]:
    """Yield the live processes, with their names, that are in one of the sessions or belong to one of the folders."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if os.getsid(process.pid) in sessions or _belongs(process, folders):
                yield process, process.name()


def _belongs(process: psutil.Process, folders: set[str]) -> bool:
    if not folders:
        return False
    with contextlib.suppress(psutil.Error):
        works_in = Path(process.cwd())
        if any(works_in.is_relative_to(folder) for folder in folders):
            return True
    with contextlib.suppress(psutil.Error):
        return process.environ().get("AIRFLOW_HOME") in folders
    return False


if __name__ == "__main__":
    _main(sys.stdin)
