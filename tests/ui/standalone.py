"""``airflow standalone``, as a new user of the provider starts it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from showcase.stack import AirflowStack, free_port

if TYPE_CHECKING:
    from showcase.components import Component

__all__ = ["StandaloneAirflow"]

_COMPONENTS = {"api-server", "scheduler", "dag-processor", "triggerer"}


class StandaloneAirflow(AirflowStack):
    """
    All of Airflow behind one command, which sets up its database, too.

    :param dags: the DAG folder.
    :param port: where the API and the web UI listen.
    :param settings: further environment variables.
    """

    commands: ClassVar[tuple[tuple[str, ...], ...]] = (("standalone",),)

    def __init__(self, dags: Path, port: int, settings: Mapping[str, str]) -> None:
        own = {
            # It starts its components by the name of the command, which an inactive environment does not have on its
            # PATH.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            # The log servers listen on other ports.
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        }
        super().__init__(dags, port, {**own, **settings})

    def _missing(self) -> list[Component]:
        return [] if self.api.healthy_components() >= _COMPONENTS else self._components
