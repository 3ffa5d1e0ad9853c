"""A running Airflow 2.11: its components and its REST API, with the interface of Airflow 3."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

from showcase.airflow_api import AirflowApi
from showcase.failures import DemoFailed
from showcase.stack import HOST, SCHEDULER, TRIGGERER, AirflowStack

__all__ = ["Airflow2Stack"]

# The names of conftest.py's Airflow 3 settings in 2.11. A task without its own heartbeat setting notices a mark only
# after the zombie threshold.
_SETTINGS = {
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "8",
    "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "3",
    "AIRFLOW__CORE__TASK_SUCCESS_OVERTIME": "1",
    "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
    "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": HOST,
    "GUNICORN_CMD_ARGS": "--no-control-socket",  # it would be in the user's home
}


class Airflow2Stack(AirflowStack):
    """The scheduler parses the DAGs itself, and every user has all rights."""

    commands = (("webserver", "--workers=1"), SCHEDULER, TRIGGERER)

    def __init__(self, dags, port, settings):
        super().__init__(dags, port, {**_SETTINGS, "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port), **settings})
        (self.home / "webserver_config.py").write_text('AUTH_ROLE_PUBLIC = "Admin"\n', "utf-8")
        self.api = Airflow2Api(self.url)


class Airflow2Api(AirflowApi):
    """The same calls with another version in their path, and some other fields in their body."""

    def healthy_components(self):
        try:
            health = self._call("GET", "/api/v2/health")
        except DemoFailed:
            return frozenset()
        well = {name for name in ("scheduler", "triggerer") if health[name]["status"] == "healthy"}
        return frozenset(well | {"webserver"})

    def log_in(self):
        pass

    def clear(self, dag_id, run_id, task_id):
        # By the command: 2.11.2's REST API answers that it has cleared a running task, and does not store it.
        date = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["logical_date"]
        chosen = ("--task-regex", f"^{task_id}$", "--start-date", date, "--end-date", date)
        subprocess.run([sys.executable, "-m", "airflow", "tasks", "clear", "--yes", *chosen, dag_id], check=True)

    def delete_run(self, dag_id, run_id):
        self._call("DELETE", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")

    def _call(self, method, path, *, json=None, **request):
        if method == "POST" and path.endswith("/dagRuns"):
            json = {**json, "logical_date": datetime.now(UTC).isoformat()}
        if method == "PATCH" and "/taskInstances/" in path:
            json = {**json, "dry_run": False}
        return super()._call(method, path.replace("/api/v2/", "/api/v1/"), json=json, **request)
