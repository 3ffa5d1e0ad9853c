"""A running Airflow that is scaled out: two of each component that can be doubled, with Celery between them."""

from __future__ import annotations

from showcase.stack import TRIGGERER, AirflowStack

__all__ = ["Cluster"]

WORKER = ("celery", "worker", "--skip-serve-logs")
_WORKER_NAME = "celery worker"
_SCHEDULER = ("scheduler", "--skip-serve-logs")
_SLOTS_PER_WORKER = 4

# Short times, so that a killed process is detected soon; docs/deployment.md has the values for production.
SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__PARALLELISM": "12",  # of each scheduler
    "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "1000",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(_SLOTS_PER_WORKER),
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "120",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "180",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
}


class Cluster(AirflowStack):
    """
    An API server, two schedulers, a DAG processor, two triggerers and two Celery workers.

    One triggerer starts with the others, the second one through :class:`tests.stack.triggerers.Triggerers`, which has
    to know which is which.

    :param dags: the DAG folder.
    :param port: where the API listens.
    :param database_url: the metadata database, in which Celery's results go, too.
    :param broker_url: Celery's broker.
    """

    commands = (
        ("api-server",),
        _SCHEDULER,
        _SCHEDULER,
        ("dag-processor",),
        TRIGGERER,
        (*WORKER, "--celery-hostname=one@%h"),
        (*WORKER, "--celery-hostname=two@%h"),
    )

    def __init__(self, dags, port, *, database_url, broker_url):
        places = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
            "AIRFLOW__CELERY__BROKER_URL": broker_url,
        }
        super().__init__(dags, port, {**SETTINGS, **places})

    @property
    def components(self):
        """All running processes, each by the name of its log file."""
        return {component.log.stem: component for component in self._components}

    @property
    def workers(self):
        """The running Celery workers."""
        return [component for component in self._components if component.name == _WORKER_NAME]

    def _missing(self):
        """Airflow's own health report does not include workers."""
        return [component for component in super()._missing() if not _is_worker_and_ready(component)]


def _is_worker_and_ready(component):
    return component.name == _WORKER_NAME and " ready." in component.log.read_text("utf-8", "replace")
