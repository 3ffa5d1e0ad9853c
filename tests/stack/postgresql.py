"""A temporary PostgreSQL server: a new database cluster on the loopback, run by an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg2
from showcase.process_guard import guard_folder, release_folder
from showcase.stack import HOST, free_port

__all__ = ["PostgreSQL", "programs"]

_START_SECONDS = 60
_ORDINARY_USER = "postgres"  # made by Debian's package; the server refuses to run as root


class PostgreSQL:
    """
    A server with an empty database ``airflow``; at the end it and its files are gone.

    :param programs: the folder of ``initdb`` and ``pg_ctl``.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = _ORDINARY_USER if os.geteuid() == 0 else None
        self._home = Path(tempfile.mkdtemp(prefix="tencent-ci-postgresql-"))
        guard_folder(self._home)  # in which the server works
        self._port = free_port()

    @property
    def url(self) -> str:
        """The URL of the database for SQLAlchemy and Airflow."""
        return f"postgresql+psycopg2://airflow@{HOST}:{self._port}/airflow"

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, if it has any."""
        address = {"host": HOST, "port": self._port, "user": "airflow", "dbname": "airflow"}
        with closing(psycopg2.connect(**address)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def dump(self) -> str:
        """Return the whole content of the database, as text."""
        arguments = ["--host", HOST, "--port", str(self._port), "--username=airflow", "airflow"]
        done = subprocess.run([self._programs / "pg_dump", *arguments], capture_output=True, timeout=60, check=True)
        return done.stdout.decode("utf-8", "replace")

    def __enter__(self) -> Self:
        if self._user:
            shutil.chown(self._home, self._user)
        self._run("initdb", "--username=airflow", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        # A temporary database need not survive a power failure.
        options = f"-h {HOST} -p {self._port} -k '' -F -c synchronous_commit=off -c full_page_writes=off"
        log = str(self._home / "log")
        self._run("pg_ctl", "start", "--wait", f"--timeout={_START_SECONDS}", f"--options={options}", f"--log={log}")
        self._run("createdb", "--host", HOST, "--port", str(self._port), "--username=airflow", "airflow")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._run("pg_ctl", "stop", "--mode=immediate")
        finally:
            shutil.rmtree(self._home, ignore_errors=True)
            release_folder(self._home)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            env={**os.environ, "PGDATA": str(self._home / "data")},
            cwd=self._home,
            user=self._user,
            group=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # no pipe: the server inherits it and keeps it open
            stderr=None,
            timeout=2 * _START_SECONDS,
            check=False,
        )
        if done.returncode:
            log = self._home / "log"
            raise RuntimeError(
                f"{program} failed with status {done.returncode}. {log.read_text() if log.exists() else ''}"
            )


def programs() -> Path | None:
    """Return the folder of the newest server programs on this machine; Debian does not put them on the path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return installed[-1].parent if installed else None
