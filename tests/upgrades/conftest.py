"""Tasks that the release before has left in Airflow's database."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from tests.runs.conftest import airflow_database  # noqa: F401
from tests.runs.dag_test import remember_failures
from tests.upgrades.upgraded import RECORDED_VERSIONS, Upgraded, recorded

if not RECORDED_VERSIONS:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def emulator(monkeypatch):
    """An emulator whose jobs end when a test ends them."""
    with Emulator(submitted_seconds=0, run_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        remember_failures(monkeypatch)
        yield emulator


@pytest.fixture
def version():
    """The Airflow that the database was recorded with: the newest one, where a test does not name another."""
    return RECORDED_VERSIONS[-1]


@pytest.fixture
def task(request, version, emulator, monkeypatch):
    """The recorded task that the test is parametrized with."""
    if request.param not in recorded(version)["jobs"]:
        pytest.skip(f"Airflow {version} has no such tasks")
    with Upgraded.of(version, request.param, emulator) as upgraded:
        if "sensor" in request.param or request.param == "started":
            monkeypatch.setenv("AIRFLOW_VAR_JOB_ID", upgraded.jobs[0])
        yield upgraded
