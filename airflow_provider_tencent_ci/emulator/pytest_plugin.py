"""
Fixtures for tests of DAGs that submit batch jobs; installed with the package.

Most tests need ``tencent_ci_connection``: an emulator behind the default connection.

.. code-block:: python

    def test_my_dag(tencent_ci_connection, tencent_ci_emulator):
        dag.test()
        assert [job.state for job in tencent_ci_emulator.jobs] == ["Success"]

pytest loads this module in every run, so it imports the emulator only when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.emulator import Emulator

__all__ = ["tencent_ci_connection", "tencent_ci_emulator", "tencent_ci_emulator_server"]


@pytest.fixture(scope="session")
def tencent_ci_emulator_server() -> Iterator[Emulator]:
    """Yield an emulator that runs as long as the session; tests use :func:`tencent_ci_emulator`."""
    from airflow_provider_tencent_ci.emulator import Emulator

    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def tencent_ci_emulator(tencent_ci_emulator_server: Emulator) -> Iterator[Emulator]:
    """Yield the session's emulator after a reset; mistakes inside the emulator fail the test."""
    tencent_ci_emulator_server.reset()
    yield tencent_ci_emulator_server
    tencent_ci_emulator_server.check()


@pytest.fixture
def tencent_ci_connection(tencent_ci_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the connection ``tencent_ci_default`` to the emulator for one test, and return its id."""
    from airflow_provider_tencent_ci.emulator.emulator import CONNECTION_VARIABLE

    monkeypatch.setenv(CONNECTION_VARIABLE, tencent_ci_emulator.connection_json())
    return "tencent_ci_default"
