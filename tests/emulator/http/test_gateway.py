from __future__ import annotations

import base64
import hashlib
import re
from email.utils import parsedate_to_datetime

import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import (
    EXECUTIONS,
    HOST,
    JOBS,
    call,
    create,
    exchange,
    node_body,
    request_body,
    signed_headers,
)

DETAIL = "JobsDetail/"


def test_a_batch_is_created_read_listed_and_cancelled(emulator):
    job_id = create(emulator, name="demo")
    assert re.fullmatch("b[0-9a-f]{32}", job_id)
    assert call(emulator, "GET", f"{JOBS}/{job_id}").text(f"{DETAIL}Name") == "demo"
    assert call(emulator, "GET", JOBS, [("jobId", job_id)]).texts(f"{DETAIL}JobId") == [job_id]
    cancelled = call(emulator, "PUT", f"{JOBS}/{job_id}", [("cancel", None)])
    assert (cancelled.status, cancelled.body) == (200, b"")
    assert cancelled.headers["content-length"] == "0"
    assert call(emulator, "GET", f"{JOBS}/{job_id}").text(f"{DETAIL}State") == "Cancel"


def test_a_record_has_the_documented_format(emulator):
    answer = call(emulator, "POST", JOBS, body=request_body(name="demo"))
    assert answer.xml.tag == "Response"
    (detail,) = answer.xml.findall("JobsDetail")
    assert [node.tag for node in detail] == [
        *("Code", "Message", "Type", "Name", "JobId", "State", "CreationTime", "StartTime", "EndTime"),
        *("Input", "Operation"),
    ]
    assert [detail.findtext(name) for name in ("Code", "Message", "StartTime", "EndTime")] == ["Success", "", "-", "-"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0800", detail.findtext("CreationTime") or "")
    assert detail.findtext("Input/Prefix") == "media/"
    assert detail.findtext("Operation/WorkflowIds") == defaults.WORKFLOW_ID


def test_code_and_message_are_set_once_a_batch_has_failed(emulator):
    emulator.configure(outcome="fail", failure_code="ResourceNotFound", failure_message="夜 <gone> & lost")
    job_id = create(emulator)
    emulator.advance(60)
    answer = call(emulator, "GET", f"{JOBS}/{job_id}")
    assert [answer.text(DETAIL + name) for name in ("State", "Code", "Message")] == [
        "Failed",
        "ResourceNotFound",
        "夜 <gone> & lost",
    ]


def test_an_independent_node_echoes_its_operation_and_has_child_jobs(emulator):
    answer = call(emulator, "POST", JOBS, body=node_body())
    assert answer.text(f"{DETAIL}Type") == "Job"
    assert answer.text(f"{DETAIL}Operation/Output/Object") == "out/${InputNameAndExt}"
    job_id = answer.text(f"{DETAIL}JobId")
    query = [("tag", "Transcode"), ("inventoryTriggerJobId", job_id), ("size", "100")]
    children = call(emulator, "GET", "/jobs", query)
    assert len(children.texts(f"{DETAIL}JobId")) == defaults.OBJECT_COUNT
    assert children.text(f"{DETAIL}Input/BucketId") == defaults.BUCKET
    assert call(emulator, "GET", "/pic_jobs", query).texts(DETAIL + "JobId") == []


def test_picture_jobs_have_their_own_list_path(emulator):
    operation = (
        "<Tag>PicProcess</Tag><JobParam><PicProcess><ProcessRule>r</ProcessRule></PicProcess></JobParam>"
        "<Output><Region>r</Region><Bucket>b</Bucket><Object>o</Object></Output>"
    )
    call(emulator, "POST", JOBS, body=node_body(operation=operation))
    query = [("tag", "PicProcess")]
    assert call(emulator, "GET", "/pic_jobs", query).texts("JobsDetail/Tag") == ["PicProcess"] * 8
    assert call(emulator, "GET", "/jobs", query).texts("JobsDetail/Tag") == []


def test_executions_show_the_state_of_each_file(emulator):
    emulator.configure(failing_keys="media/0003.mp4")
    job_id = create(emulator)
    emulator.advance(60)
    query = [("workflowId", defaults.WORKFLOW_ID), ("jobId", job_id), ("states", "Failed")]
    answer = call(emulator, "GET", EXECUTIONS, query)
    assert answer.texts("WorkflowExecutionList/Object") == ["media/0003.mp4"]
    created = answer.text("WorkflowExecutionList/CreateTime")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00", created)
    run_id = answer.text("WorkflowExecutionList/RunId")
    one = call(emulator, "GET", f"{EXECUTIONS}/{run_id}")
    assert one.text("WorkflowExecution/Tasks/Code") == "ResourceNotSupported"
    assert one.text("WorkflowExecution/Tasks/State") == "Failed"
    assert one.text("WorkflowExecution/Topology/Nodes/Transcode_1/Type") == "Transcode"


def test_old_answers_name_objects_by_address(emulator):
    emulator.configure(object_as_url=True)
    create(emulator, inputs="<Object>media/0001.mp4</Object>")
    emulator.advance(60)
    found = call(emulator, "GET", EXECUTIONS).text("WorkflowExecutionList/Object")
    assert found == f"https://{defaults.BUCKET}.cos.{defaults.REGION}.myqcloud.com/media/0001.mp4"


def test_a_switch_shuffles_nodes(emulator):
    emulator.configure(shuffle_nodes=True)
    job_id = create(emulator)
    orders = {
        tuple(node.tag for node in call(emulator, "GET", f"{JOBS}/{job_id}").xml.findall("JobsDetail/*"))
        for _ in range(5)
    }
    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1


@pytest.mark.parametrize("held_by", [None, "queue", "jobs"])
def test_the_execution_of_a_single_object_can_be_read_at_once(emulator, held_by):
    if held_by == "queue":
        emulator.pause_queue()
    emulator.configure(submitted_seconds=60, outcome="pause" if held_by == "jobs" else "success")
    query = [("workflowId", defaults.WORKFLOW_ID), ("object", "media/0001.mp4")]
    run_id = call(emulator, "POST", "/triggerworkflow", query).text("InstanceId")
    assert call(emulator, "GET", f"{EXECUTIONS}/{run_id}").text("WorkflowExecution/State") == "Running"
    emulator.advance(60)
    assert call(emulator, "GET", f"{EXECUTIONS}/{run_id}").text("WorkflowExecution/State") == "Success"


def test_a_workflow_on_a_single_object_is_no_batch(emulator):
    query = [("workflowId", defaults.WORKFLOW_ID), ("object", "media/0001.mp4")]
    run_id = call(emulator, "POST", "/triggerworkflow", query).text("InstanceId")
    assert re.fullmatch("i[0-9a-f]{32}", run_id)
    emulator.advance(60)
    assert call(emulator, "GET", f"{EXECUTIONS}/{run_id}").text("WorkflowExecution/State") == "Success"
    assert call(emulator, "GET", JOBS).texts("JobsDetail/JobId") == []
    assert emulator.jobs == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ([("workflowId", "w404"), ("object", "media/0001.mp4")], "InvalidArgument"),
        ([("workflowId", defaults.WORKFLOW_ID), ("object", "none")], "ResourceNotFound"),
    ],
)
def test_a_single_run_needs_a_workflow_and_an_object(emulator, query, code):
    answer = call(emulator, "POST", "/triggerworkflow", query)
    assert (answer.status, answer.code) == (400, code)


def test_queues_and_workflows_are_listed_by_page_number(emulator):
    emulator.add_workflow("w2", active=False)
    queues = call(emulator, "GET", "/queue", [("state", "All")])
    assert queues.text("QueueList/QueueId") == defaults.QUEUE_ID
    assert queues.text("QueueList/State") == "Active"
    emulator.pause_queue()
    assert call(emulator, "GET", "/queue", [("state", "Active")]).texts("QueueList") == []
    assert call(emulator, "GET", "/queue", [("queueIds", defaults.QUEUE_ID)]).text("QueueList/State") == "Paused"
    flows = call(emulator, "GET", "/workflow", [("pageNumber", "2"), ("pageSize", "1")])
    assert flows.texts("MediaWorkflowList/WorkflowId") == ["w2"]
    assert flows.text("MediaWorkflowList/State") == "Paused"
    assert flows.text("TotalCount") == "2"
    named = call(emulator, "GET", "/workflow", [("ids", defaults.WORKFLOW_ID), ("name", "transcode")])
    assert named.texts("MediaWorkflowList/WorkflowId") == [defaults.WORKFLOW_ID]


def test_an_unknown_batch_is_reported_with_status_200(emulator):
    answer = call(emulator, "GET", f"{JOBS}/b404")
    assert answer.status == 200
    assert answer.text("NonExistJobIds") == "b404"
    assert answer.texts("JobsDetail") == []


def test_an_unknown_batch_may_raise_an_error(emulator):
    emulator.configure(unknown_job="refuse")
    answer = call(emulator, "GET", f"{JOBS}/b404")
    assert (answer.status, answer.code) == (404, "ResourceNotFound")


def test_a_character_that_xml_cannot_hold_is_replaced_in_an_answer(emulator):
    assert call(emulator, "GET", f"{JOBS}/b\x00\x08<").text("NonExistJobIds") == "b\ufffd\ufffd<"


@pytest.mark.parametrize("fault", [None, "unknown_state"])
def test_a_carriage_return_in_a_key_is_preserved(emulator, fault):
    emulator.add_objects("media/a\rb.mp4", content=b"")
    emulator.configure(submitted_seconds=0)
    job_id = create(emulator, inputs="<Prefix>media/a&#13;</Prefix>")
    if fault:
        emulator.inject(fault, times=None)
    executions = call(emulator, "GET", EXECUTIONS, [("jobId", job_id)])
    assert executions.texts("WorkflowExecutionList/Object") == ["media/a\rb.mp4"]
    echo = call(emulator, "GET", f"{JOBS}/{job_id}").texts("JobsDetail/Input/Prefix")
    assert echo == ["media/a\r"]


def test_an_unknown_execution_is_not_found(emulator):
    answer = call(emulator, "GET", f"{EXECUTIONS}/i404")
    assert (answer.status, answer.code) == (404, "WorkflowExecutionNotFound")


@pytest.mark.parametrize("cancel", [None, "", "1"])
@pytest.mark.parametrize("is_signed", [True, False])
def test_cancel_is_accepted_as_a_bare_key_or_an_empty_value_signed_or_not(emulator, cancel, is_signed):
    path = f"{JOBS}/{create(emulator)}"
    headers = signed_headers("PUT", path, [("cancel", cancel)] if is_signed else [])
    target = f"{path}?cancel" + ("" if cancel is None else f"={cancel}")
    assert exchange(emulator, "PUT", target, {**headers, "content-length": "0"}).status == 200
    assert emulator.jobs[0].state == "Cancel"


def test_a_put_that_does_not_cancel_is_refused(emulator):
    path = f"{JOBS}/{create(emulator)}"
    answer = call(emulator, "PUT", path)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert emulator.jobs[0].state == "Submitted"


@pytest.mark.parametrize("job_id", ["b404", "b"])
def test_the_cancellation_of_an_unknown_batch_is_refused(emulator, job_id):
    answer = call(emulator, "PUT", f"{JOBS}/{job_id}", [("cancel", None)])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "InvalidUrl"),
        ("GET", "/inventorytriggerjobs", 404, "InvalidUrl"),
        ("GET", "/inventorytriggerjob/", 404, "InvalidUrl"),
        ("GET", "/queue/p1", 404, "InvalidUrl"),
        ("DELETE", "/inventorytriggerjob/b1", 405, "MethodNotAllowed"),
        ("PUT", "/inventorytriggerjob", 405, "MethodNotAllowed"),
    ],
)
def test_unknown_addresses_are_refused(emulator, method, path, status, code):
    answer = call(emulator, method, path)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    ("host", "status", "code"),
    [
        (HOST, 200, None),
        (f"{HOST}:8080", 200, None),
        (HOST.upper(), 200, None),
        ("127.0.0.1:1234", 200, None),
        ("localhost", 200, None),
        ("other-1250000000.ci.ap-beijing.myqcloud.com", 404, "NoSuchBucket"),
        (f"{defaults.BUCKET}.ci.ap-shanghai.myqcloud.com", 404, "NoSuchBucket"),
        (f"{defaults.BUCKET}.pic.ap-beijing.myqcloud.com", 400, "InvalidHost"),
        (f"{defaults.BUCKET}.ci.ap-beijing.tencentci.cn", 200, None),
        ("other-1250000000.ci.ap-beijing.tencentci.cn", 404, "NoSuchBucket"),
        (f"{defaults.BUCKET}.ci.ap-shanghai.tencentci.cn", 404, "NoSuchBucket"),
        (f"{defaults.BUCKET}.cos.ap-beijing.tencentci.cn", 400, "InvalidHost"),
        (f"{defaults.BUCKET}.ci.ap-beijing.tencentcos.cn", 400, "InvalidHost"),
        ("ci.ap-beijing.tencentci.cn", 400, "InvalidHost"),
    ],
)
def test_the_host_names_bucket_and_region(emulator, host, status, code):
    answer = call(emulator, "GET", JOBS, headers={"host": host})
    assert answer.status == status
    assert code is None or answer.code == code


def test_a_second_bucket_is_served_in_its_region(emulator):
    emulator.add_bucket("second-1250000000", "ap-shanghai")
    create(emulator)
    host = {"host": "second-1250000000.ci.ap-shanghai.myqcloud.com"}
    assert call(emulator, "GET", JOBS, headers=host).texts("JobsDetail") == []
    assert len(call(emulator, "GET", JOBS).texts("JobsDetail")) == 1


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [({"bound": False}, 400, "MediaBucketUnBinded"), ({"has_role": False}, 400, "CIRoleNotExist")],
)
def test_a_bucket_that_is_not_ready_is_refused(emulator, state, status, code):
    emulator.add_bucket(defaults.BUCKET, **state)
    answer = call(emulator, "GET", JOBS)
    assert (answer.status, answer.code) == (status, code)


def test_every_answer_has_the_service_s_headers(emulator):
    answer = call(emulator, "GET", JOBS)
    assert answer.headers["server"] == "tencent-ci"
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["x-ci-request-id"] == answer.text("RequestId")
    assert "x-ci-trace-id" not in answer.headers
    assert abs((parsedate_to_datetime(answer.headers["date"]) - emulator.now()).total_seconds()) < 5
    assert re.fullmatch(rb"[0-9a-f]+_[0-9a-f]+_[0-9a-f]+_[0-9a-f]+", base64.b64decode(answer.text("RequestId")))


@pytest.mark.parametrize("cos_style", [False, True])
def test_an_error_has_the_body_of_the_chosen_document(emulator, cos_style):
    emulator.configure(cos_style_errors=cos_style)
    answer = call(emulator, "GET", f"{EXECUTIONS}/i404")
    names = ["Code", "Message", *(["Resource"] if cos_style else []), "RequestId", "TraceId"]
    assert answer.xml.tag == "Error"
    assert [node.tag for node in answer.xml] == names
    assert answer.headers["x-ci-trace-id"] == answer.text("TraceId")
    assert answer.headers["x-ci-request-id"] == answer.text("RequestId")


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_content_length_is_required_if_there_may_be_a_body(emulator, method):
    path = JOBS if method == "POST" else f"{JOBS}/b1"
    answer = exchange(emulator, method, path, signed_headers(method, path))
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def test_a_too_long_body_is_refused(emulator):
    answer = call(emulator, "POST", JOBS, body=b"x" * (1024 * 1024 + 1))
    assert (answer.status, answer.code) == (413, "InvalidContent")


@pytest.mark.parametrize(
    ("content_type", "required", "status"),
    [
        ("application/xml", True, 200),
        ("application/xml; charset=utf-8", True, 200),
        ("application/json", False, 400),
        (None, False, 200),
        (None, True, 400),
    ],
)
def test_the_content_type_is_checked_if_it_is_sent(emulator, content_type, required, status):
    emulator.configure(content_type_required=required)
    body = request_body()
    headers = signed_headers("POST", JOBS, headers={"content-type": content_type} if content_type else {})
    answer = exchange(emulator, "POST", JOBS, {**headers, "content-length": str(len(body))}, body)
    assert answer.status == status
    assert status == 200 or answer.code == "InvalidContentType"


@pytest.mark.parametrize("is_right", [True, False])
def test_a_digest_of_the_body_is_checked_if_it_is_sent(emulator, is_right):
    body = request_body()
    digest = hashlib.md5(body if is_right else b"other", usedforsecurity=False).digest()
    answer = call(emulator, "POST", JOBS, body=body, headers={"content-md5": base64.b64encode(digest).decode()})
    assert answer.status == (200 if is_right else 400)
    assert is_right or answer.code == "InvalidContent"


@pytest.mark.parametrize(
    ("action", "method", "path", "body"),
    [
        ("ci:TriggerMediaWorkflow", "POST", JOBS, request_body()),
        ("ci:CreateInventoryTriggerJob", "POST", JOBS, request_body()),
        ("ci:CreateInventoryTriggerJob", "POST", JOBS, node_body()),
        ("ci:DescribeInventoryTriggerJob", "GET", f"{JOBS}/b1", b""),
        ("ci:DescribeInventoryTriggerJobs", "GET", JOBS, b""),
        ("ci:CancelInventoryTriggerJob", "PUT", f"{JOBS}/b1", b""),
        ("ci:DescribeMediaWorkflowExecutions", "GET", EXECUTIONS, b""),
        ("ci:DescribeMediaJobs", "GET", "/jobs", b""),
        ("ci:DescribePicProcessJobs", "GET", "/pic_jobs", b""),
        ("ci:DescribeMediaQueues", "GET", "/queue", b""),
        ("ci:DescribeMediaWorkflows", "GET", "/workflow", b""),
    ],
)
def test_a_missing_permission_is_refused_with_the_name_of_the_action(emulator, action, method, path, body):
    every = {
        *("ci:TriggerMediaWorkflow", "ci:CreateInventoryTriggerJob", "ci:DescribeInventoryTriggerJob"),
        *("ci:DescribeInventoryTriggerJobs", "ci:CancelInventoryTriggerJob", "ci:DescribeMediaWorkflowExecutions"),
        *("ci:DescribeMediaJobs", "ci:DescribePicProcessJobs", "ci:DescribeMediaQueues", "ci:DescribeMediaWorkflows"),
    }
    emulator.add_key("AKIDLIMITED", "secret", actions=every - {action})
    answer = call(emulator, method, path, body=body, keys=Credentials("AKIDLIMITED", "secret"))
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.message.endswith(f"{action}.")
    assert emulator.jobs == []
