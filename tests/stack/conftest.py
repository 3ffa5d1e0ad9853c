"""One running Airflow on PostgreSQL, and one emulator, for all tests of this folder that run in one process."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator import Emulator
from tests.environment import environment_put_back
from tests.metrics.statsd_receiver import StatsdReceiver
from tests.stack import postgresql
from tests.stack.dags import DAGS
from tests.stack.pods import PODS_DAGS
from tests.stack.triggerers import Triggerers
from tests.stack.versions import IS_AIRFLOW_2
from tests.stack.workerless_dags import WORKERLESS_DAGS

MARKS = (
    pytest.mark.stack,
    pytest.mark.skipif("3" < airflow_version < "3.3", reason="the newest Airflow and the oldest are run"),
    pytest.mark.skipif(
        not postgresql.programs(), reason="needs PostgreSQL's server programs, such as Debian's package"
    ),
)

# With several processes, each of these has its own Airflow: the named files take as long as all others together. On
# 2.11, most of them are left out.
ALL_OTHERS, STRUCK = "stack", "stack_struck"
AIRFLOWS = (ALL_OTHERS,) if IS_AIRFLOW_2 else (ALL_OTHERS, STRUCK)
FILES_OF_STRUCK = {"test_kills.py", "test_triggerers.py", "test_abandoned_tries.py", "test_pods.py"}

# Short, so that a killed process is detected soon. Production needs other values.
SETTINGS = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",  # for test_leaks
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__API__MAXIMUM_PAGE_LIMIT": "1000",
    "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "200",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    # A triggerer on a busy machine may be silent for seconds. Then it could not prove that it still has its triggers.
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "40",
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "TENCENT_CI_POLL_SECONDS": "1",  # of the example DAGs
}

if not IS_AIRFLOW_2:
    SETTINGS["AIRFLOW__CORE__EXECUTOR"] = "LocalExecutor,tests.stack.pod_executor.PodExecutor"

ASSETS = Path(__file__).parents[2] / "example_dags" / "tencent_ci_assets.py"


def pytest_collection_modifyitems(items):
    here = f"{Path(__file__).parent}{os.sep}"
    # The first one counts what tasks send, and those of tests before it may send late. The last one reads the data of
    # all other tests.
    items.sort(key=lambda item: (item.path.name != "test_metrics.py", item.path.name == "test_leaks.py"))
    for item in items:
        if str(item.path).startswith(here):
            for mark in (*MARKS, pytest.mark.xdist_group(_airflow_of(item))):
                item.add_marker(mark)


def _airflow_of(item):
    if item.path.name == "test_leaks.py":
        return item.callspec.params["which"]
    return STRUCK if STRUCK in AIRFLOWS and item.path.name in FILES_OF_STRUCK else ALL_OTHERS


@pytest.fixture(scope="package")
def emulator():
    with Emulator(submitted_seconds=0, run_seconds=24 * 3600) as emulator:
        yield emulator


@pytest.fixture(scope="package")
def database():
    with postgresql.PostgreSQL(postgresql.programs()) as database:
        yield database


@pytest.fixture(scope="package")
def statsd():
    """Receives what all components and tasks send."""
    with StatsdReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="package")
def airflow(emulator, database, statsd, tmp_path_factory):
    from showcase.stack import AirflowStack, free_port

    from tests.stack.airflow_2 import Airflow2Stack

    folder = tmp_path_factory.mktemp("dags")
    (folder / "stack.py").write_text(DAGS, "utf-8")
    if not IS_AIRFLOW_2:
        (folder / "workerless.py").write_text(WORKERLESS_DAGS, "utf-8")
        (folder / "pods.py").write_text(PODS_DAGS, "utf-8")
        (folder / ASSETS.name).write_text(ASSETS.read_text("utf-8"), "utf-8")
    with environment_put_back(AIRFLOW_CONN_TENCENT_CI_DEFAULT=emulator.connection_json()):
        settings = {**SETTINGS, **statsd.settings, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.url}
        with (Airflow2Stack if IS_AIRFLOW_2 else AirflowStack)(folder, free_port(), settings) as stack:
            stack.finish_database(stack.begin_database())
            stack.start()
            stack.wait_until_ready()
            stack.api.log_in()
            yield stack


@pytest.fixture(scope="package")
def triggerers(airflow, database):
    return Triggerers(airflow, database)


HAS_FAILED = pytest.StashKey[bool]()

# Airflow ends the remaining runs of a test within seconds; after a failed test, some may never end.
_UNFINISHED = """
    SELECT dag_id, run_id, task_id, state FROM task_instance
    WHERE state IN ('scheduled', 'queued', 'running', 'deferred', 'restarting', 'up_for_retry', 'up_for_reschedule')
"""
_SECONDS_TO_END = 90


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed:
        item.stash[HAS_FAILED] = True
    return report


@pytest.fixture(autouse=True)
def nothing_goes_on(airflow, emulator, database, request):
    """
    After a failed test, end its remaining runs.

    Else their tasks get the faults of the next test, and one failure causes many.
    """
    yield
    if HAS_FAILED not in request.node.stash:
        return
    emulator.clear_faults()
    ends_at = time.monotonic() + _SECONDS_TO_END
    while database.query(_UNFINISHED) and time.monotonic() < ends_at:
        for job in emulator.jobs:
            if job.state == "Running":
                emulator.finish_job(job.job_id)
        time.sleep(0.3)


@pytest.fixture(autouse=True)
def logs_of_a_failed_test(airflow):
    """Print the tasks' logs; pytest shows this only if the test has failed."""
    began = {path: path.stat().st_size for path in _task_logs(airflow)}
    yield
    for path in _task_logs(airflow):
        if said := path.read_text("utf-8", "replace")[began.get(path, 0) :]:
            print(path.relative_to(airflow.home), said[-4000:], sep="\n")
    for line in (airflow.home / "scheduler.log").read_text("utf-8", "replace").splitlines():
        if "[error" in line or "[warning" in line:
            print(line[:1000])


def _task_logs(airflow):
    return sorted(path for path in airflow.home.glob("logs/dag_id=*/**/*.log*") if path.is_file())


@pytest.fixture
def failing_once(emulator):
    """Four files; two of them fail once."""
    emulator.add_objects(*(f"again/{number}.mp4" for number in range(4)))
    emulator.bucket().forget_failures()
    emulator.configure(failing_keys=("again/1.mp4", "again/3.mp4"), failing_times=1)
    yield
    emulator.configure(failing_keys=(), failing_times=0)
