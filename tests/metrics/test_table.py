"""The metrics as a table: names that every receiver takes, and tags with few values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_tencent_ci.compat.stats_and_tags import AirflowStats
from airflow_provider_tencent_ci.core.api import file_requests, job_requests, put_object, workflows_and_queues
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire.error_codes import CODES
from airflow_provider_tencent_ci.core.wire.messages import CI, COS, Priority, Request
from airflow_provider_tencent_ci.exceptions import ApiError, TencentCIError, TransportError, UnreadableResponseError
from airflow_provider_tencent_ci.metrics import recording, table
from tests.metrics.recorder import Recorder, find_stats_by, record_to
from tests.strategies import any_text

each_metric = pytest.mark.parametrize("metric", table.METRICS, ids=lambda metric: metric.name)
ANYTHING_GOES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
JOB_ID = "b0123456789abcdef0123456789abcdef"
SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids="w" + "0" * 32, prefix="media/")


def first_request(flow):
    step = next(flow)
    while not isinstance(step, Request):
        step = flow.send(datetime(2026, 1, 2, tzinfo=UTC))
    return step


REQUESTS = {
    "create_job": job_requests.build_create("nightly", SPECIFICATION),
    "list_jobs": job_requests.build_list(job_requests.JobFilter()),
    "get_job": job_requests.build_get(JOB_ID),
    "cancel_job": job_requests.build_cancel(JOB_ID),
    "list_executions": file_requests.build_list_executions("w1", JOB_ID, None),
    "get_execution": file_requests.build_execution("i1"),
    "list_file_jobs": file_requests.build_list_child_jobs(JOB_ID, "Transcode", "p1", None),
    "list_file_jobs#pictures": file_requests.build_list_child_jobs(JOB_ID, "PicProcess", "p1", None),
    "list_workflows": first_request(workflows_and_queues.list_workflows()),
    "list_queues": first_request(workflows_and_queues.list_queues()),
    "put_object": put_object.build_put_object("lists/workflow", b""),
}


@each_metric
def test_a_name_is_one_of_airflow_s_manner_and_short_enough_for_every_receiver(metric):
    assert re.fullmatch(r"tencent_ci\.[a-z_]+", metric.name)
    assert len(f"airflow.{metric.name}") <= 63  # of OpenTelemetry's in 2.11
    assert metric.unit
    assert metric.meaning.endswith(".")


def test_no_name_and_no_tag_is_there_twice():
    assert len({metric.name for metric in table.METRICS}) == len(table.METRICS)
    for metric in table.METRICS:
        assert len({tag.name for tag in metric.tags}) == len(metric.tags)


def test_only_the_bucket_and_the_triggerer_have_values_of_the_deployment():
    open_tags = {tag.name for metric in table.METRICS for tag in metric.tags if not tag.values}
    assert open_tags == {"bucket", "hostname"}


@each_metric
def test_the_values_of_a_tag_can_be_parts_of_a_name(metric):
    for tag in metric.tags:
        assert all(re.fullmatch(r"\w+", value) for value in (*tag.values, *tag.codes))


@pytest.mark.parametrize("operation", REQUESTS)
def test_each_request_that_the_package_builds_has_an_operation(operation):
    assert recording.operation_of(REQUESTS[operation]) == operation.partition("#")[0]


def test_each_operation_of_the_table_has_a_request():
    [operation] = (tag for tag in table.REQUESTS.tags if tag.name == "operation")
    assert {name.partition("#")[0] for name in REQUESTS} == {*operation.values} - {table.OTHER}


@dataclass
class _Job:
    state: str
    ended_at: None = None


@dataclass
class _Ended:
    status: str
    job: _Job | None = field(default=None)


paths = any_text | st.sampled_from(["/inventorytriggerjob", "/inventorytriggerjob/secret", "/workflow/secret/more"])
requests = st.builds(
    Request, st.sampled_from(["GET", "POST", "PUT"]) | any_text, paths, service=st.sampled_from([CI, COS])
)
codes = any_text | st.sampled_from(sorted(CODES))
errors = (
    st.builds(lambda code, status: ApiError("", status=status, code=code), codes, st.integers(0, 1000))
    | st.builds(lambda sent: TransportError("", request_sent=sent), st.booleans())
    | st.just(UnreadableResponseError(""))
    | st.just(TencentCIError(""))
)


@ANYTHING_GOES
@given(request=requests, error=errors, priority=st.sampled_from(Priority))
def test_no_request_makes_a_value_that_the_table_does_not_have(recorder, request, error, priority):
    recorder.sent.clear()
    recording._observer.request_ended(request, error)
    recording._observer.rate_limit_waited(Request("GET", "/", priority=priority), 1)
    assert [sent.name for sent in recorder.sent] == [table.REQUESTS.name, table.RATE_LIMIT_WAIT.name]
    for metric, sent in zip((table.REQUESTS, table.RATE_LIMIT_WAIT), recorder.sent, strict=True):
        assert all(sent.tags[tag.name] in tag.values or sent.tags[tag.name] in tag.codes for tag in metric.tags)


@ANYTHING_GOES
@given(tags=st.data())
def test_a_value_that_a_tag_does_not_have_is_sent_as_other(recorder, tags):
    for metric in (table.REQUESTS, table.WAITS_ENDED):
        recorder.sent.clear()
        metric.record(1, **{tag.name: tags.draw(any_text) for tag in metric.tags})
        [sent] = recorder.sent
        assert all(sent.tags[tag.name] in {*tag.values, *tag.codes} for tag in metric.tags)


def test_plain_statsd_gets_the_values_as_parts_of_the_name(monkeypatch):
    recorder = Recorder()
    record_to(monkeypatch, recorder, takes_tags=False)
    table.REQUESTS.record(2, operation="list_jobs", outcome="ok")
    table.WAITS.record(3, bucket="media-1250000000", hostname="triggerer-0.example.com")
    table.JOB_END_DELAY.record(0.25)
    assert [tuple(sent) for sent in recorder.sent] == [
        ("tencent_ci.requests.list_jobs.ok", 2, {}),
        ("tencent_ci.waits.media-1250000000.triggerer-0_example_com", 3, {}),
        ("tencent_ci.job_end_delay", 250, {}),
    ]


def test_a_deployment_without_metrics_has_no_observer(monkeypatch):
    find_stats_by(monkeypatch, lambda: None)
    assert recording.service_observer() is None
    table.JOB_END_DELAY.record(1)


class Broken:
    """A client whose receiver is gone, in the worst way."""

    def __getattr__(self, name):
        raise OSError(f"{name}: no route to host")


def test_a_metric_that_cannot_be_sent_raises_nothing(monkeypatch):
    record_to(monkeypatch, Broken())
    recording._observer.request_ended(REQUESTS["get_job"], TransportError("", request_sent=True))
    recording._observer.rate_limit_waited(REQUESTS["get_job"], 1)
    recording._observer.waits_changed("media-1250000000", 1)
    recording.wait_ended(_Ended("deadline"), None)
    recording.submission_failed(TencentCIError(""))
    recording.submission_ended(None)
    recording.duplicates_found(None)
    recording.files_counted(None)


def test_a_client_that_cannot_be_made_turns_metrics_off(monkeypatch):
    def missing():
        raise ImportError("no module named statsd")

    find_stats_by(monkeypatch, missing)
    assert recording.service_observer() is None
    recording.submission_failed(TencentCIError(""))


def test_airflow_s_stats_takes_its_arguments():
    recorder = Recorder()
    stats = AirflowStats(recorder, takes_tags=True)
    stats.count("a", 2.0, {})
    stats.gauge("b", 1, {"c": "d"})
    stats.timing("e", 0.5, {})
    assert [tuple(sent) for sent in recorder.sent] == [("a", 2, {}), ("b", 1, {"c": "d"}), ("e", 500, {})]
