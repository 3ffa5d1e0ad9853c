"""The page in Airflow's real API server application, in this process, with the emulator behind it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from anyio.from_thread import start_blocking_portal

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.environment import environment_put_back
from tests.runs.dag_test import DagRun, migrate_database, run_dag_file

has_pages = tuple(map(int, airflow_version.split(".")[:2])) >= (3, 1)
OF_THE_PAGE = [
    f"test_{name}.py" for name in ("access", "jobs", "files", "page_delivery", "other_buckets", "long_bucket")
]
collect_ignore = [] if has_pages else OF_THE_PAGE

PAGE_HEADERS = {"X-Tencent-CI-Page": "1", "Sec-Fetch-Site": "same-origin"}
JOBS = "/tencent-ci/api/connections/tencent_ci_default/jobs"

DAG = f"""
from datetime import datetime, timezone
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

WORKFLOW = "{WORKFLOW_ID}"

with DAG("DAG_UNDER_TEST", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=timezone.utc)):
    """
SUBMIT = "submit = TriggerInventoryJobOperator(task_id='submit', workflow_ids=WORKFLOW, prefix='media/')"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests in one process, since Airflow's application and its database are made once."""
    here = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.xdist_group("plugins"))


@dataclass
class Visitor:
    """A user with a browser."""

    client: Any
    token: str | None

    def get(self, path: str, **parameters: Any) -> Any:
        return self._send("GET", path, params=parameters or None, follow_redirects=False)

    def post(self, path: str, headers: dict[str, str] | None = None, **content: Any) -> Any:
        return self._send(
            "POST", path, headers=PAGE_HEADERS if headers is None else headers, **(content or {"json": {}})
        )

    def _send(self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any) -> Any:
        cookie = {"Cookie": f"_token={self.token}"} if self.token else {}
        return self.client.request(method, path, headers={**(headers or {}), **cookie}, **request)


@pytest.fixture(scope="package")
def airflow_application() -> Iterator[Any]:
    """Airflow's API server, with an auth manager that knows single rights."""
    settings = {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.plugins.rights.SingleRights",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "_AIRFLOW_PROCESS_CONTEXT": "server",
    }
    with environment_put_back(**settings):
        migrate_database()
        from airflow.api_fastapi.app import create_app, purge_cached_app

        purge_cached_app()
        yield create_app(apps="core")
        purge_cached_app()


@pytest.fixture
def visit(airflow_application: Any) -> Iterator[Callable[..., Visitor]]:
    """
    Make a visitor with a role and a name, whose rights a test can remove; without a role the visitor is not logged
    in.
    """
    from fastapi.testclient import TestClient

    from tests.plugins.rights import SingleRights, token_of

    client = TestClient(airflow_application, raise_server_exceptions=False)
    SingleRights.denied.clear()
    # One loop for all requests, as a server has it; without one, the client makes one for each.
    with start_blocking_portal() as client.portal:
        yield lambda role=None, name="anna": Visitor(client, token_of(name, role) if role else None)
    SingleRights.denied.clear()


@pytest.fixture
def deny() -> Callable[[str, str, str], None]:
    """Remove one right of a user."""
    from tests.plugins.rights import SingleRights

    return lambda name, method, resource: SingleRights.denied.add((name, method, resource))


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator whose jobs run for a minute, and the default connection to it."""
    with Emulator(submitted_seconds=0, run_seconds=60) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture
def submit(emulator: Emulator) -> Callable[..., str]:
    """Submit a job without Airflow."""

    def submit(name: str = "by-hand", prefix: str = "media/") -> str:
        with TencentCIHook() as hook:
            return hook.trigger_inventory_job(name=name, workflow_ids=WORKFLOW_ID, prefix=prefix).job_id

    return submit


def run_dag(*statements: str) -> DagRun:
    """Run a DAG, by default of one task that submits."""
    return run_dag_file(DAG + "\n    ".join(statements or [SUBMIT]))
