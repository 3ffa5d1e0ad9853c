"""A temporary real Airflow: database, scheduler, DAG processor, triggerer and API server, on the loopback only."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from showcase.airflow_api import AirflowApi
from showcase.components import Component, stop_all
from showcase.interrupts import held
from showcase.process_guard import guard_folder, release_folder

__all__ = ["TRIGGERER", "AirflowStack", "free_port"]

HOST = "127.0.0.1"
SCHEDULER = ("scheduler", "--skip-serve-logs")
TRIGGERER = ("triggerer", "--skip-serve-logs")

_MIGRATE_SECONDS = 300.0
_READY_SECONDS = 300.0


class AirflowStack:
    """
    Airflow with its own home and port; at the end its processes and its home are removed.

    Its settings are set in this process's environment, for the components and for the hooks of this process.

    :param dags: the DAG folder.
    :param port: where the API and the web UI listen.
    :param settings: further environment variables, which replace those of this class.
    """

    commands: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("api-server",),
        SCHEDULER,
        ("dag-processor",),
        TRIGGERER,
    )

    def __init__(self, dags: Path, port: int, settings: Mapping[str, str] | None = None) -> None:
        self.url = f"http://{HOST}:{port}"
        self.api = AirflowApi(self.url)
        self.home = Path(tempfile.mkdtemp(prefix="tencent-ci-demo-"))
        guard_folder(self.home)
        self._components: list[Component] = []
        for name in [name for name in os.environ if name.startswith("AIRFLOW_") and "_CONN_" not in name]:
            del os.environ[name]
        os.environ.update({**_settings(self.home, self.url, dags), **(settings or {})})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with held():
            self.api.close()  # a server that gets SIGTERM waits for its clients first
            stop_all(self._components)
            shutil.rmtree(self.home, ignore_errors=True)
            release_folder(self.home)

    def begin_database(self) -> Component:
        """Start the set-up of the database, which takes seconds; the caller can do other work meanwhile."""
        return self._start("db", "migrate")

    def finish_database(self, migration: Component) -> None:
        """Wait until the database is ready."""
        migration.finish(_MIGRATE_SECONDS)
        self.give_up(migration)

    def start(self) -> None:
        """Start the components."""
        for command in self.commands:
            self._start(*command)

    def start_triggerer(self) -> Component:
        """Start a further triggerer."""
        return self._start(*TRIGGERER)

    def component(self, name: str) -> Component:
        """Return one component, by the name of its command."""
        return next(component for component in self._components if component.name == name)

    def start_scheduler(self) -> Component:
        """Start a further scheduler."""
        return self._start(*SCHEDULER)

    @property
    def triggerers(self) -> list[Component]:
        """The triggerers, in the order of their start."""
        return [component for component in self._components if component.name == TRIGGERER[0]]

    def pids(self) -> list[int]:
        """Return the live processes of all components, and of the tasks that they run."""
        return [pid for component in self._components for pid in component.pids()]

    def give_up(self, component: Component) -> None:
        """Stop a component with its child processes, and no longer check it."""
        self._components.remove(component)
        stop_all([component])

    def wait_until_ready(self) -> None:
        """Wait until all components report that they are healthy."""
        deadline = time.monotonic() + _READY_SECONDS
        while missing := self._missing():
            self.check()
            if time.monotonic() > deadline:
                raise missing[0].failure(f"is not ready after {_READY_SECONDS:.0f} s")
            time.sleep(0.3)

    def check(self) -> None:
        """
        Check the components.

        :raises DemoFailed: one has ended.
        """
        for component in self._components:
            component.check()

    def _start(self, *command: str) -> Component:
        with held():
            component = Component.start(self.home, *command)
            self._components.append(component)
        return component

    def _missing(self) -> list[Component]:
        healthy = self.api.healthy_components()
        return [component for component in self._components if component.name not in healthy]


def free_port(preferred: int = 0) -> int:
    """Return a free port of the loopback: the preferred one if it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, preferred))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _settings(home: Path, url: str, dags: Path) -> dict[str, str]:
    port = url.rpartition(":")[2]
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        **_without_proxy(),
        # Generated here: else each process would write its own into the configuration at the same moment.
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def _without_proxy() -> dict[str, str]:
    """Return the settings that keep the components from using a proxy for each other."""
    exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    value = f"{exceptions},{HOST}" if exceptions else HOST
    return {"no_proxy": value, "NO_PROXY": value}
