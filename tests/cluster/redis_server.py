"""A temporary Redis server on the loopback, without files on disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from showcase.process_guard import guard_folder, guard_session, release_folder, release_session
from showcase.stack import HOST, free_port

from tests.stack.runs import wait_for

__all__ = ["RedisServer"]

_PROGRAM = "redis-server"


class RedisServer:
    """
    An empty server; it is removed at the end.

    :raises RuntimeError: this machine has no Redis server.
    """

    def __init__(self) -> None:
        program = shutil.which(_PROGRAM)
        if program is None:
            raise RuntimeError(f"A cluster needs {_PROGRAM}, such as Debian's package of that name.")
        self._program = program
        self._home = tempfile.TemporaryDirectory(prefix="tencent-ci-redis-")
        guard_folder(Path(self._home.name))
        self._port = free_port()

    @property
    def url(self) -> str:
        """The URL of the server for Celery."""
        return f"redis://{HOST}:{self._port}/0"

    def __enter__(self) -> Self:
        options = (
            "--bind",
            HOST,
            "--port",
            str(self._port),
            "--dir",
            self._home.name,
            "--save",
            "",
            "--appendonly",
            "no",
        )
        self._process = subprocess.Popen(
            [self._program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        guard_session(self._process.pid)
        wait_for(self._answers, 30, lambda: f"{_PROGRAM} does not listen; its status is {self._process.poll()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)
        release_session(self._process.pid)
        self._home.cleanup()
        release_folder(Path(self._home.name))

    def _answers(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex((HOST, self._port)) == 0
