from __future__ import annotations

import pytest
from hypothesis import given

from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire.xml import read_xml
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from tests.strategies import any_text, reserved_text

WORKFLOW = {"workflow_ids": "w1"}
specify = InventoryJobSpecification.from_arguments


def test_the_create_document_s_request_is_written_node_by_node():
    specification = specify(
        workflow_ids="w7476ff3564ee45b7b490d64bccaba6cc",
        prefix="input",
        start_time="2022-02-01T12:00:00+0800",
        end_time="2022-05-01T12:00:00+0800",
    )
    assert specification.body("demo") == (
        b"<Request><Name>demo</Name><Type>Workflow</Type><Input><Prefix>input</Prefix></Input><Operation>"
        b"<TimeInterval><Start>2022-02-01T12:00:00+0800</Start><End>2022-05-01T12:00:00+0800</End></TimeInterval>"
        b"<WorkflowIds>w7476ff3564ee45b7b490d64bccaba6cc</WorkflowIds></Operation></Request>"
    )


def test_the_list_document_s_job_is_written_node_by_node():
    operation = {
        "Tag": "Transcode",
        "QueueId": "p893bcda225bf4945a378da6662e81a89",
        "UserData": "this is my inventorytriggerjob",
        "CallBack": "https://www.callback.com",
        "JobParam": {"TemplateId": "t1460606b9752148c4ab182f55163ba7cd"},
        "Output": {"Region": "ap-chongqing", "Bucket": "test-1234567890", "Object": "output/${InputName}/out.mp4"},
        "JobLevel": 0,
    }
    assert specify(job=operation, prefix="input").body("demo") == (
        b"<Request><Name>demo</Name><Type>Job</Type><Input><Prefix>input</Prefix></Input><Operation>"
        b"<Tag>Transcode</Tag><QueueId>p893bcda225bf4945a378da6662e81a89</QueueId>"
        b"<UserData>this is my inventorytriggerjob</UserData><CallBack>https://www.callback.com</CallBack>"
        b"<JobParam><TemplateId>t1460606b9752148c4ab182f55163ba7cd</TemplateId></JobParam>"
        b"<Output><Region>ap-chongqing</Region><Bucket>test-1234567890</Bucket>"
        b"<Object>output/${InputName}/out.mp4</Object></Output><JobLevel>0</JobLevel></Operation></Request>"
    )


@pytest.mark.parametrize(
    ("argument", "node"),
    [("prefix", "Prefix"), ("manifest", "Manifest"), ("url_file", "UrlFile"), ("object_key", "Object")],
)
def test_each_kind_of_input_writes_its_node(argument, node):
    assert specify(**WORKFLOW, **{argument: "夜间/a b.mp4"}).input == {node: "夜间/a b.mp4"}


def test_no_interval_is_sent_without_one():
    assert "TimeInterval" not in specify(**WORKFLOW, prefix="a", start_time="", end_time=None).operation


def test_an_interval_can_be_added_to_a_job():
    operation = specify(job={"Tag": "MediaInfo"}, prefix="a", end_time="2022-05-01T00:00:00Z").operation
    assert operation == {"TimeInterval": {"End": "2022-05-01T00:00:00+0000"}, "Tag": "MediaInfo"}


@pytest.mark.parametrize(("ids", "sent"), [("w1", "w1"), (["w1"], "w1"), (["w1", " w2 "], "w1,w2"), (("w1",), "w1")])
def test_one_workflow_or_several_are_written(ids, sent):
    assert specify(workflow_ids=ids, prefix="a").operation["WorkflowIds"] == sent


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({**WORKFLOW}, "exactly one of prefix, manifest, url_file, object_key: none"),
        ({**WORKFLOW, "prefix": ""}, "exactly one of prefix, manifest, url_file, object_key: prefix is empty"),
        ({**WORKFLOW, "prefix": "a", "object_key": "b"}, "exactly one.*prefix and object_key are there"),
        ({**WORKFLOW, "manifest": "a", "url_file": "b"}, "exactly one.*manifest and url_file are there"),
        ({**WORKFLOW, "prefix": 3.5}, "prefix must be a text"),
        ({"prefix": "a"}, "workflow_ids .* or job .*neither"),
        ({"workflow_ids": "", "job": {}, "prefix": "a"}, "workflow_ids .* or job .*neither"),
        ({**WORKFLOW, "job": {"Tag": "MediaInfo"}, "prefix": "a"}, "workflow_ids .* or job .*not both"),
        ({"workflow_ids": ["w1", ""], "prefix": "a"}, "workflow_ids=.*none empty"),
        ({"workflow_ids": [3.5], "prefix": "a"}, "workflow_ids must be a text, not 3.5"),
        ({"workflow_ids": b"w1", "prefix": "a"}, "workflow_ids must be a text, not b'w1'"),
        ({"job": "Tag", "prefix": "a"}, "job must be a mapping"),
        (
            {
                "job": {"Tag": "MediaInfo", "TimeInterval": {"Start": "x"}},
                "prefix": "a",
                "start_time": "2022-05-02T00:00:00Z",
            },
            "job has a TimeInterval of its own",
        ),
    ],
)
def test_a_wrong_value_raises_an_error_that_names_the_argument(arguments, complaint):
    with pytest.raises(InvalidArgumentError, match=complaint):
        specify(**arguments)


@given(any_text | reserved_text, reserved_text | any_text)
def test_no_user_value_changes_the_rest_of_the_document(key, data):
    try:
        body = specify(job={"Tag": "MediaInfo", "UserData": data}, object_key=key).body("demo")
    except InvalidArgumentError:
        return
    root = read_xml(body, "Request")
    assert [node.tag for node in root.iter()] == [
        *("Request", "Name", "Type", "Input", "Object", "Operation", "Tag", "UserData")
    ]
    assert not any(node.attrib for node in root.iter())
    assert (root.findtext("Input/Object"), root.findtext("Operation/UserData")) == (key, data)


@pytest.mark.parametrize(
    ("prefix", "warns"),
    [
        *[("/", False), ("media/", False), ("a:/b", False)],
        *[("/media/", True), ("//", True), ("media/*.mp4", True), ("cos://examplebucket-1250000000/media/", True)],
    ],
)
def test_a_prefix_that_is_no_beginning_of_keys_is_a_warning(prefix, warns):
    warnings = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix=prefix).warnings
    assert [f"prefix={prefix!r}" in warning for warning in warnings] == [True] * warns
