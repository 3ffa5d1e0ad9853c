from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api.operation_checks import check_operation
from airflow_provider_tencent_ci.core.wire.xml import write_xml
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.buckets import Workflow
from airflow_provider_tencent_ci.emulator.model.clock import Clock
from airflow_provider_tencent_ci.emulator.model.service import Service
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from tests.emulator.conftest import NOON
from tests.emulator.wire import NODE_OPERATION, node_body, request_body

WORKFLOW = f"<WorkflowIds>{defaults.WORKFLOW_ID}</WorkflowIds>"
WITHOUT_OUTPUT = "<Tag>{}</Tag><JobParam><TemplateId>t1</TemplateId></JobParam>"
OUTPUT = "<Output><Region>r</Region><Bucket>b</Bucket></Output>"

TAGS_OF_THE_PAGE = (
    *("Animation", "Animatin", "SmartCover", "Transcode", "Snapshot", "SpeechRecognition", "Concat", "VoiceSeparate"),
    *("VoiceSpearte", "VideoMontage", "SDRtoHDR", "SDR2HDR", "VideoProcess", "SuperResolution", "Segment", "VideoTag"),
    *("PicProcess", "DigitalWatermark", "ExtractDigitalWatermark", "MediaInfo", "StreamExtract", "Tts"),
    *("NoiseReduction", "QualityEstimate"),
)


def interval(start: str = "", end: str = "") -> bytes:
    return request_body(operation=f"{WORKFLOW}<TimeInterval><Start>{start}</Start><End>{end}</End></TimeInterval>")


def node(more: str) -> bytes:
    return node_body(operation=NODE_OPERATION + more)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"<Nothing/>", "root node"),
        (request_body(name=""), "Request.Name is required"),
        (request_body(name="a" * 129), "Request.Name"),
        (request_body(name="a b"), "Request.Name"),
        (request_body(name="scheduled__2026-01-01T00:00:00+00:00"), "Request.Name"),
        (request_body(name="a.b"), "Request.Name"),
        (request_body(type="Workflows"), "Request.Type"),
        (b"<Request><Name>a</Name><Operation/></Request>", "Request.Input is required"),
        (b"<Request><Name>a</Name><Input><Prefix>p</Prefix></Input></Request>", "Request.Operation is required"),
        (request_body(inputs=""), "exactly one"),
        (request_body(inputs="<Prefix>a</Prefix><Object>b</Object>"), "it has Prefix, Object"),
        (request_body(inputs="<Prefix></Prefix>"), "Request.Input.Prefix is required"),
        (request_body(operation=""), "WorkflowIds is required"),
        (request_body(operation="<WorkflowIds>w404</WorkflowIds>"), "no workflow 'w404'"),
        (interval(start="2026-01-01"), "TimeInterval.Start"),
        (interval(start="2026-01-01T00:00:00"), "TimeInterval.Start"),
        (interval(start="2026-01-01 00:00:00Z"), "TimeInterval.Start"),
        (interval(end="2026-01-01T00:61:00+0800"), "TimeInterval.End"),
        (interval("2026-01-02T00:00:00+0800", "2026-01-01T00:00:00+0800"), "later than End"),
        (node_body(operation=NODE_OPERATION.replace("<Tag>Transcode</Tag>", "")), "Operation.Tag is required"),
        (node_body(operation=f"<Tag>Transcode</Tag>{OUTPUT}"), "JobParam is required"),
        (node_body(operation=f"<Tag>Transcode</Tag><JobParam/>{OUTPUT}"), "JobParam needs"),
        (node_body(operation=WITHOUT_OUTPUT.format("Transcode")), "Output is required"),
        (node_body(operation=WITHOUT_OUTPUT.format("Transcode") + OUTPUT), "Output.Object is required"),
        (node("<QueueId>p404</QueueId>"), "no queue 'p404'"),
        (node("<JobLevel>3</JobLevel>"), "JobLevel"),
        (node("<CallBackFormat>YAML</CallBackFormat>"), "CallBackFormat"),
        (node("<CallBackType>TDMQ</CallBackType>"), "CallBackMqConfig is required"),
        (
            node("<CallBackType>TDMQ</CallBackType><CallBackMqConfig><MqRegion>sh</MqRegion></CallBackMqConfig>"),
            "MqName is required",
        ),
        (
            node_body(
                operation="<Tag>DigitalWatermark</Tag><JobParam><DigitalWatermark><Message>"
                + "m" * 65
                + "</Message></DigitalWatermark></JobParam>"
            ),
            "DigitalWatermark.Message",
        ),
    ],
)
def test_a_node_that_is_missing_or_wrong_is_refused_by_name(service, bucket, body, complaint):
    with pytest.raises(ServiceError, match=complaint) as caught:
        service.read_create(bucket, body)
    assert (caught.value.status, caught.value.code) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MissingContent"),
        (b"   ", "MissingContent"),
        (b"<Request><Name>", "InvalidContent"),
        (b"Name=demo", "InvalidContent"),
        (b"<!DOCTYPE r [<!ENTITY e 'x'>]><Request>&e;</Request>", "InvalidContent"),
    ],
)
def test_a_body_that_is_not_a_request_is_refused(service, bucket, body, code):
    with pytest.raises(ServiceError) as caught:
        service.read_create(bucket, body)
    assert (caught.value.status, caught.value.code) == (400, code)


@pytest.mark.parametrize("name", ["a", "a" * 128, "夜间-转码_01", "-_", "每日二〇二六", "人々𠮷", "a—b"])
def test_names_of_documented_characters_are_accepted(service, bucket, name):
    assert service.read_create(bucket, request_body(name=name)).name == name


def test_the_limit_of_a_name_may_be_in_bytes(service, bucket):
    service.behaviour = service.behaviour.changed(name_limit="bytes")
    assert service.read_create(bucket, request_body(name="转" * 42)).name == "转" * 42
    with pytest.raises(ServiceError, match="more than 128 bytes"):
        service.read_create(bucket, request_body(name="转" * 43))


@pytest.mark.parametrize(
    ("switches", "ids", "complaint"),
    [
        ({"several_workflows": False}, f"{defaults.WORKFLOW_ID},w2", "no workflow 'w0*1,w2'"),
        ({"paused_workflow": "refuse"}, f"{defaults.WORKFLOW_ID},w2", "'w2' is paused"),
    ],
)
def test_workflows_that_run_by_default_are_refused_if_a_switch_is_set(service, bucket, switches, ids, complaint):
    bucket.workflows["w2"] = Workflow("w2", "w2", NOON, active=False)
    body = request_body(operation=f"<WorkflowIds>{ids}</WorkflowIds>")
    assert service.read_create(bucket, body).workflow_ids == tuple(ids.split(","))
    service.behaviour = service.behaviour.changed(**switches)
    with pytest.raises(ServiceError, match=complaint):
        service.read_create(bucket, body)


def test_a_batch_without_a_type_is_a_workflow(service, bucket):
    request = service.read_create(bucket, request_body(type=None))
    assert (request.type, request.workflow_ids) == ("Workflow", (defaults.WORKFLOW_ID,))


@pytest.mark.parametrize("empty", ["<TimeInterval></TimeInterval>", "<TimeInterval><Start/><End/></TimeInterval>"])
def test_an_empty_interval_counts_as_missing(service, bucket, empty):
    assert service.read_create(bucket, request_body(operation=WORKFLOW + empty)).interval == (None, None)


@pytest.mark.parametrize("text", ["2026-01-01T08:00:00+0800", "2026-01-01T08:00:00+08:00", "2026-01-01T00:00:00Z"])
def test_a_time_may_have_any_offset(service, bucket, text):
    start_at, _ = service.read_create(bucket, interval(start=text, end=text.lower().replace("t", "T"))).interval
    assert start_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "tag", ["VideoTag", "ExtractDigitalWatermark", "MediaInfo", "QualityEstimate", "ImageInspect", "NotYetKnown"]
)
def test_some_kinds_of_job_have_no_output(service, bucket, tag):
    assert service.read_create(bucket, node_body(operation=WITHOUT_OUTPUT.format(tag))).tag == tag


OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "Tag": st.sampled_from(["", *TAGS_OF_THE_PAGE, "ImageInspect", "Translation", "NotYetKnown"]),
        "JobParam": st.sampled_from(["", {}, {"TemplateId": "t1"}])
        | st.integers(63, 66).map(lambda length: {"DigitalWatermark": {"Message": "m" * length}}),
        "Output": st.just("") | st.dictionaries(st.sampled_from(["Region", "Bucket", "Object"]), st.sampled_from("ab")),
        "JobLevel": st.integers(-1, 4),
        "QueueType": st.sampled_from(["SpeedTranscoding", "Fast"]),
        "CallBackFormat": st.sampled_from(["JSON", "json", "xml", "YAML"]),
        "CallBackType": st.sampled_from(["Url", "url", "TDMQ", "Kafka", "Mail"]),
        "CallBackMqConfig": st.dictionaries(st.sampled_from(["MqRegion", "MqMode", "MqName"]), st.sampled_from("ab")),
        "NotYetKnown": st.just({"A": ["1", "2"]}),
    },
)


@given(OPERATIONS)
def test_the_emulator_and_the_client_refuse_the_same_jobs(operation):
    service = Service(Clock())
    bucket = defaults.new_bucket(defaults.BUCKET, defaults.REGION, NOON)
    body = write_xml("Request", {"Name": "n", "Type": "Job", "Input": {"Object": "a"}, "Operation": operation})
    try:
        service.read_create(bucket, body)
    except ServiceError:
        with pytest.raises(InvalidArgumentError):
            check_operation(operation)
    else:
        check_operation(operation)


@pytest.mark.parametrize("tag", ["Snapshot", "VoiceSeparate", "StreamExtract"])
def test_some_kinds_of_job_have_no_single_output_object(service, bucket, tag):
    assert service.read_create(bucket, node_body(operation=WITHOUT_OUTPUT.format(tag) + OUTPUT)).tag == tag


def test_an_independent_node_may_name_its_queue_and_callback(service, bucket):
    more = (
        f"<QueueId>{defaults.QUEUE_ID}</QueueId><JobLevel>2</JobLevel><UserData>mine</UserData>"
        "<CallBackFormat>JSON</CallBackFormat><CallBackType>TDMQ</CallBackType><CallBackMqConfig>"
        "<MqRegion>sh</MqRegion><MqMode>Queue</MqMode><MqName>q</MqName></CallBackMqConfig>"
    )
    assert service.read_create(bucket, node(more)).queue_id == defaults.QUEUE_ID


def test_each_object_runs_through_all_workflows(service, bucket):
    flow = bucket.workflows[defaults.WORKFLOW_ID]
    bucket.workflows["w2"] = flow
    ids = f"<WorkflowIds>{defaults.WORKFLOW_ID},w2</WorkflowIds>"
    job = service.create_job(bucket, service.read_create(bucket, request_body(operation=ids))).job
    assert [work.workflow_id for work in job.works] == [defaults.WORKFLOW_ID, "w2"] * 4
