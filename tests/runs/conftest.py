"""Real task runs: an Airflow database, an emulator, and the connection between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator import Emulator
from tests.runs.dag_test import migrate_database, remember_failures

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.emulator import JobSummary


def broken_in_airflow_3_0(reason: str) -> pytest.MarkDecorator:
    """Skip tests that Airflow 3.0's own ``dag.test`` cannot run; its scheduler can."""
    return pytest.mark.skipif(airflow_version.startswith("3.0."), reason=f"Airflow 3.0's dag.test {reason}")


@pytest.fixture(scope="session", autouse=True)
def airflow_database() -> None:
    migrate_database()


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator whose jobs take half a second, and the default connection to it."""
    with Emulator(submitted_seconds=0.1, run_seconds=0.4) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        remember_failures(monkeypatch)
        yield emulator


def only_job(emulator: Emulator) -> JobSummary:
    """The only job that exists."""
    [job] = emulator.jobs
    return job


@pytest.fixture
def warned(capfd, caplog):
    """Return a function that returns the warnings of the run with a text: Airflow 3 prints them, 2.11 logs them."""

    def warnings_with(text):
        lines = [line for line in "".join(capfd.readouterr()).splitlines() if text in line]
        records = [record for record in caplog.records if text in record.getMessage()]
        assert all("warning" in line.lower() for line in lines)
        assert all(record.levelname == "WARNING" for record in records)
        return [record.getMessage() for record in records] or lines

    return warnings_with
