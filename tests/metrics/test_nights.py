"""Real task runs send their metrics to a real receiver, as the deployment has set it, and nothing if it has none."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.metrics import table
from tests.metrics.night import FILES, TASKS, run_night
from tests.metrics.statsd_receiver import StatsdReceiver
from tests.runs.conftest import airflow_database  # noqa: F401 - a fixture

pytest.importorskip("statsd", reason="Airflow sends to StatsD with this package")

# The emulator's names of the operations.
OPERATIONS = {
    "create": "create_job",
    "list": "list_jobs",
    "get": "get_job",
    "executions": "list_executions",
    "execution": "get_execution",
}


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A job ends when it has been polled once. Of its files, a tenth fails."""
    with Emulator(submitted_seconds=0, run_seconds=3600, failing_keys=("media/*1.mp4",)) as emulator:
        emulator.add_objects(*(f"media/{number:04}.mp4" for number in range(FILES)))
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        is_over = threading.Event()
        ending = threading.Thread(target=_end_polled_jobs, args=(emulator, is_over))
        ending.start()
        yield emulator
        is_over.set()
        ending.join(10)


def _end_polled_jobs(emulator: Emulator, is_over: threading.Event) -> None:
    while not is_over.wait(0.1):
        polled = " ".join(request.query for request in emulator.requests)
        for job in emulator.jobs:
            if job.state == "Running" and f"jobId={job.job_id}" in polled:
                emulator.finish_job(job.job_id)


@pytest.mark.slow
def test_a_night_is_counted_as_it_was(emulator, receiver):
    emulator.inject(Fault("reset", operation="create", after_acting=True))
    run_night(receiver.settings, "whole")
    asked = Counter(request.operation for request in emulator.requests)
    sent = Counter()
    for (operation, _outcome), number in receiver.totals("tencent_ci.requests").items():
        sent[operation] += number
    assert sent == {OPERATIONS[operation]: number for operation, number in asked.items()}
    assert receiver.totals("tencent_ci.requests")["create_job", "no_answer"] == 1
    assert receiver.totals("tencent_ci.submissions") == {("reconciled",): 1, ("created",): TASKS - 1}
    assert receiver.totals("tencent_ci.waits_ended") == {("success",): TASKS}
    failed = TASKS * FILES / 10
    assert receiver.totals("tencent_ci.files") == {("succeeded",): TASKS * FILES - failed, ("failed",): failed}
    delays = [one for one in receiver.ours() if one.metric == "airflow.tencent_ci.job_end_delay"]
    assert [one.kind for one in delays] == ["ms"] * TASKS
    assert all(0 <= one.value < 60_000 for one in delays)
    waits = [one for one in receiver.ours() if one.metric == "airflow.tencent_ci.waits"]
    assert {one.value for one in waits} == {0, 1}
    assert waits[-1].value == 0
    declared = {f"airflow.{metric.name}": {tag.name for tag in metric.tags} for metric in table.METRICS}
    assert all(set(one.tags) == declared[one.metric] for one in receiver.ours())


@pytest.mark.slow
def test_plain_statsd_gets_names_with_values(emulator, receiver):
    run_night({**receiver.settings, "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "False"})
    names = {one.name for one in receiver.ours()}
    assert {
        "airflow.tencent_ci.requests.create_job.ok",
        "airflow.tencent_ci.submissions.created",
        "airflow.tencent_ci.waits_ended.success",
        "airflow.tencent_ci.job_end_delay",
        "airflow.tencent_ci.files.failed",
    } <= names


@pytest.mark.slow
def test_metrics_that_airflow_blocks_are_not_sent(emulator, receiver):
    settings = {"AIRFLOW__METRICS__METRICS_BLOCK_LIST": "tencent_ci.requests,tencent_ci.files"}
    settings["AIRFLOW__METRICS__METRICS_USE_PATTERN_MATCH"] = "True"  # of 2.11; the only way since 3.0
    settings["AIRFLOW__METRICS__STATSD_DISABLED_TAGS"] = "outcome"
    run_night({**receiver.settings, **settings})
    found = receiver.ours()
    assert {one.metric for one in found}.isdisjoint({"airflow.tencent_ci.requests", "airflow.tencent_ci.files"})
    assert [one.tags for one in found if one.metric == "airflow.tencent_ci.submissions"] == [{}]


@pytest.mark.slow
def test_nothing_is_sent_while_the_deployment_s_metrics_are_off(emulator, receiver):
    run_night({**receiver.settings, "AIRFLOW__METRICS__STATSD_ON": "False"})
    receiver.ours()
    assert [one for one in receiver.received if not one.name.startswith("mark.")] == []


@pytest.mark.slow
def test_a_receiver_that_is_not_there_fails_no_task(emulator):
    with StatsdReceiver() as gone:
        settings = gone.settings
    run_night(settings)
    assert gone.received == []
