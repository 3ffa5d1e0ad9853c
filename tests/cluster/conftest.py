"""One cluster, one emulator with several buckets, and one night with kills. See `make test-cluster`."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from tests.cluster.cluster import Cluster
from tests.cluster.dags import BUCKETS, DAGS
from tests.cluster.night import Night
from tests.cluster.redis_server import RedisServer
from tests.cluster.report import report
from tests.stack.postgresql import PostgreSQL, programs
from tests.stack.runs import wait_for
from tests.stack.triggerers import Triggerers

JOBS = int(os.environ.get("TENCENT_CI_CLUSTER_JOBS", "0"))

MARKS = (
    pytest.mark.stack,
    pytest.mark.xdist_group("cluster"),  # in one process, since it is started once
    pytest.mark.skipif(not JOBS, reason="takes long: make test-cluster"),
)

_SCHEDULERS = "SELECT count(*) FROM job WHERE job_type = 'SchedulerJob' AND state = 'running'"


def pytest_collection_modifyitems(items):
    here = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if str(item.path).startswith(here):
            for mark in MARKS:
                item.add_marker(mark)


@pytest.fixture(scope="package")
def emulator():
    # As long as half of the submissions take on a small machine: halfway, all submitted jobs still run.
    with Emulator(bucket=BUCKETS[0], submitted_seconds=1, run_seconds=60 + JOBS / 4) as emulator:
        for bucket in BUCKETS[1:]:
            emulator.add_bucket(bucket)
        yield emulator


@pytest.fixture(scope="package")
def database():
    server_programs = programs()
    assert server_programs, "A cluster needs PostgreSQL's server programs, such as Debian's package postgresql."
    with PostgreSQL(server_programs) as database:
        yield database


@pytest.fixture(scope="package")
def broker():
    with RedisServer() as broker:
        yield broker


@pytest.fixture(scope="package")
def cluster(emulator, database, broker, tmp_path_factory):
    from showcase.stack import free_port

    folder = tmp_path_factory.mktemp("dags")
    (folder / "cluster.py").write_text(DAGS, "utf-8")
    with (
        patch.dict(os.environ, {"AIRFLOW_CONN_TENCENT_CI_DEFAULT": emulator.connection_json()}),
        Cluster(folder, free_port(), database_url=database.url, broker_url=broker.url) as cluster,
    ):
        cluster.finish_database(cluster.begin_database())
        cluster.start()
        cluster.wait_until_ready()
        wait_for(lambda: database.query(_SCHEDULERS) == [(2,)], 120, lambda: "there are not two schedulers")
        cluster.api.log_in()
        yield cluster


@pytest.fixture(scope="package")
def night(cluster, emulator, database):
    """The finished night."""
    triggerers = Triggerers(cluster, database)
    triggerers.have(2)
    night = Night(cluster, emulator, database, triggerers, JOBS)
    try:
        night.pass_by()
    except BaseException:
        for name, component in cluster.components.items():
            print(component.failure(f"({name}) was there when this failed"))
        raise
    print(report(night, emulator))
    return night
