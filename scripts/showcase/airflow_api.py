"""The few calls of Airflow's REST API that the demonstration needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from showcase.failures import DemoFailed

__all__ = ["AirflowApi", "Interval", "Task"]

_TIMEOUT = 30.0
_HEALTH_TIMEOUT = 5.0
# Airflow answers 500 when its SQLite file is locked for long, as happens on a busy machine. All calls may be retried:
# the caller names the objects that they create.
_REPEAT = Retry(
    4, connect=0, read=0, backoff_factor=0.5, status_forcelist=(500,), allowed_methods=None, raise_on_status=False
)
_ERRORS = ("error", "critical")
_COMPONENTS = {"scheduler": "scheduler", "dag_processor": "dag-processor", "triggerer": "triggerer"}


@dataclass(frozen=True, slots=True)
class Interval:
    """The data interval of a DAG run."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """A task instance as it is now."""

    task_id: str
    state: str
    try_number: int


class AirflowApi:
    """
    Airflow through its REST API.

    :param url: where its API server listens. Every user must be an admin there.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy for requests to this machine
        self._session.mount(url, HTTPAdapter(max_retries=_REPEAT))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def healthy_components(self) -> frozenset[str]:
        """Return the names of the healthy components; none while the API server does not answer."""
        try:
            health = self._session.get(f"{self._url}/api/v2/monitor/health", timeout=_HEALTH_TIMEOUT).json()
        except (requests.RequestException, ValueError):
            return frozenset()
        well = {name for key, name in _COMPONENTS.items() if health.get(key, {}).get("status") == "healthy"}
        return frozenset(well | {"api-server"})

    def log_in(self) -> None:
        """Fetch a token, which needs no password."""
        token = self._call("GET", "/auth/token")["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def next_interval(self, dag_id: str) -> Interval | None:
        """Return the data interval of the next scheduled run, or ``None`` while Airflow does not have the DAG."""
        dag = self._call("GET", f"/api/v2/dags/{dag_id}", missing_ok=True)
        if not dag or not dag["next_dagrun_data_interval_start"]:
            return None
        return Interval(
            datetime.fromisoformat(dag["next_dagrun_data_interval_start"]),
            datetime.fromisoformat(dag["next_dagrun_data_interval_end"]),
        )

    def import_errors(self) -> list[str]:
        """Return the import errors of DAG files."""
        errors = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in errors]

    def has_dag(self, dag_id: str) -> bool:
        """Return whether Airflow has a DAG."""
        return self._call("GET", f"/api/v2/dags/{dag_id}", missing_ok=True) is not None

    def trigger(
        self, dag_id: str, run_id: str, interval: Interval | None = None, conf: dict[str, Any] | None = None
    ) -> None:
        """Create a run, with a data interval or without one."""
        run: dict[str, Any] = {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}}
        if interval:
            run["logical_date"] = interval.start.isoformat()
            run["data_interval_start"] = interval.start.isoformat()
            run["data_interval_end"] = interval.end.isoformat()
        self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=run)

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task as ``failed`` or ``success``."""
        self._call(
            "PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", json={"new_state": state}
        )

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task, whatever its state."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        self._call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Delete a run. While it is running Airflow refuses to, so it is marked failed before, as a person would."""
        run = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        self._call("PATCH", run, json={"state": "failed"})
        self._call("DELETE", run)

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return all fields of a task instance."""
        found: dict[str, Any] = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        return found

    def add_connection(self, conn_id: str, connection: dict[str, Any]) -> None:
        """Store a connection: ``conn_type``, ``login``, ``password``, and ``extra`` as a dictionary."""
        body = {**connection, "connection_id": conn_id, "extra": json.dumps(connection.get("extra") or {})}
        self._call("POST", "/api/v2/connections", json=body)

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def runs(self, dag_id: str) -> dict[str, str]:
        """Return the states of a DAG's runs, by their ids."""
        found = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=1000")["dag_runs"]
        return {run["dag_run_id"]: str(run["state"]) for run in found}

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a DAG run."""
        return str(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[Task]:
        """Return the tasks of a run that have a state, in the order of their start."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000"
        found = self._call("GET", path)["task_instances"]
        found.sort(key=lambda task: (task["start_date"] is None, task["start_date"]))
        return [Task(task["task_id"], task["state"], task["try_number"]) for task in found if task["state"]]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """Return an XCom of a task, or ``None``."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        entry = self._call("GET", path, missing_ok=True)
        return entry and entry["value"]

    def log_errors(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        """Return the error messages in a task's log."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self._call("GET", path)["content"]
        return [_message(entry) for entry in content if isinstance(entry, dict) and entry.get("level") in _ERRORS]

    def _call(self, method: str, path: str, *, missing_ok: bool = False, **request: Any) -> Any:
        try:
            response = self._session.request(method, self._url + path, timeout=_TIMEOUT, **request)
        except requests.RequestException as error:
            raise DemoFailed(f"Airflow's API does not answer: {error}") from error
        if missing_ok and response.status_code == requests.codes.not_found:
            return None
        if response.status_code == requests.codes.conflict and response.raw.retries.history:
            return None  # created by the first of several attempts, although its answer was an error
        if not response.ok:
            raise DemoFailed(f"Airflow's API refused {method} {path}: {response.status_code} {response.text[:500]}")
        return response.json() if response.content else None


def _message(entry: dict[str, Any]) -> str:
    """Return a log entry's text, with its exception but without that exception's causes."""
    exceptions = [f"{detail['exc_type']}: {detail['exc_value']}" for detail in entry.get("error_detail") or ()]
    return " ".join([f"{entry['event']}:" if exceptions else str(entry["event"]), *exceptions[:1]])
