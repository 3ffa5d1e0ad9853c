"""
The answers of the emulator as the SDKs for Java, Go and PHP read them, which do not run in these tests.

Each fact was read in the source of the SDK; docs/service.md, 7.4, names the places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import quote

import pytest
from defusedxml.ElementTree import iterparse

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import EXECUTIONS, HOST, JOBS, KEYS, Answer, call, create, exchange, node_body, signed_headers

TIMES = ("CreationTime", "EndTime")
JOB = ("JobId", "State", "Code", "Message", *TIMES)
EXECUTION = ("RunId", "WorkflowId", "Object", "State", "CreateTime")


@dataclass(frozen=True)
class Shape:
    """
    How a handler of the Java SDK reads an answer.

    :param entry: the node below ``Response`` that begins an entry.
    :param fields: nodes that it reads of an entry, by their exact names and at this depth.
    :param single: it reads one entry; a second one would overwrite it.
    :param entry_before_all: it fails with a ``NullPointerException`` at the end of any node before the first entry, and
        so for an answer without an entry.
    """

    path: str
    entry: str
    fields: tuple[str, ...]
    single: bool = False
    entry_before_all: bool = False


SHAPES = {
    "WorkflowListHandler": Shape(
        "/workflow",
        "MediaWorkflowList",
        ("Name", "WorkflowId", "State", "CreateTime", "UpdateTime", "Topology/Nodes/Start/Type"),
        entry_before_all=True,
    ),
    "ListQueueHandler": Shape(
        "/queue",
        "QueueList",
        ("QueueId", "Name", "State", "MaxSize", "MaxConcurrent", "Category", "NotifyConfig/State", "CreateTime"),
    ),
    "BatchJobListResponseHandler": Shape(JOBS, "JobsDetail", (*JOB, "Name", "Type", "Input/Prefix")),
    "BatchJobResponseHandler": Shape(
        f"{JOBS}/{{job}}", "JobsDetail", (*JOB, "Name", "Type", "Operation/WorkflowIds"), single=True
    ),
    "WorkflowExecutionsHandler": Shape(EXECUTIONS, "WorkflowExecutionList", EXECUTION),
    "WorkflowExecutionHandler": Shape(
        f"{EXECUTIONS}/{{run}}",
        "WorkflowExecution",
        (*EXECUTION, "Tasks/Type", "Tasks/JobId", "Tasks/State", "Tasks/CreateTime", "Topology/Dependencies/Start"),
        single=True,
    ),
    "DescribeMediaJobsHandler": Shape("/jobs", "JobsDetail", (*JOB, "Tag", "QueueId", "Input/Object")),
}


def ends_of(body: bytes) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield each node when it ends, as a SAX parser reports it: the names of its parents, its name, its text."""
    context: list[str] = []
    for event, node in iterparse(BytesIO(body), ("start", "end")):
        if event == "start":
            context.append(node.tag)
        else:
            context.pop()
            yield tuple(context), node.tag, node.text or ""


def read_as_java(shape: Shape, body: bytes) -> list[dict[str, str]]:
    """Return the entries of an answer with their fields."""
    entries: list[dict[str, str]] = []
    entry: dict[str, str] = {}
    for parents, name, text in ends_of(body):
        if parents == ("Response",) and name == shape.entry:
            entries.append(entry)
            entry = {}
        elif parents[:2] == ("Response", shape.entry):
            entry.setdefault("/".join([*parents[2:], name]), text)
        elif shape.entry_before_all and not entries:
            pytest.fail(f"NullPointerException at the end of {name}: there was no {shape.entry}.")
    return entries


@pytest.fixture
def ids(emulator: Emulator) -> dict[str, str]:
    """The ids of a batch of each type, and of an execution."""
    emulator.configure(submitted_seconds=0)
    job = create(emulator)
    call(emulator, "POST", JOBS, body=node_body())
    return {"job": job, "run": call(emulator, "GET", EXECUTIONS).text("WorkflowExecutionList/RunId")}


@pytest.mark.parametrize("handler", SHAPES)
def test_the_java_sdk_reads_each_answer(emulator, ids, handler):
    shape = SHAPES[handler]
    answer = call(emulator, "GET", shape.path.format_map(ids), [("tag", "Transcode")])
    entries = read_as_java(shape, answer.body)
    assert len(entries) == 1 if shape.single else entries
    for entry in entries:
        assert set(shape.fields) <= entry.keys()


@pytest.mark.parametrize("query", [[("ids", "w404")], [("pageNumber", "9")], [("name", "none")]])
def test_the_java_sdk_reads_a_page_without_workflows_as_one_empty_workflow(emulator, query):
    answer = call(emulator, "GET", "/workflow", query)
    assert read_as_java(SHAPES["WorkflowListHandler"], answer.body) == [{}]
    assert answer.text("RequestId")


def test_the_java_sdk_fails_without_an_entry():
    """The reader of this test fails as the SDK does."""
    with pytest.raises(pytest.fail.Exception, match="RequestId"):
        read_as_java(SHAPES["WorkflowListHandler"], b"<Response><RequestId/><MediaWorkflowList/></Response>")


@pytest.mark.parametrize("cos_style", [False, True])
@pytest.mark.parametrize("path", ["/nothing", f"{JOBS}/b1?sign=wrong"])
def test_the_java_and_the_go_sdk_read_each_error(emulator, cos_style, path):
    """Java gives up at a node inside a node of ``Error``; both look for the same five names."""
    emulator.configure(cos_style_errors=cos_style)
    answer = exchange(emulator, "GET", path, {"host": HOST})
    nodes = {name: parents for parents, name, _ in ends_of(answer.body)}
    assert nodes.pop("Error") == ()
    assert set(nodes.values()) == {("Error",)}
    assert {"Code", "Message", "RequestId", "TraceId"} <= nodes.keys()


def put(emulator: Emulator, key: str, body: bytes) -> Answer:
    host = {"host": HOST.replace(".ci.", ".cos.")}
    headers = signed_headers("PUT", f"/{key}", headers=host) | {"content-length": str(len(body))}
    return exchange(emulator, "PUT", f"/{quote(key)}", headers, body)


# The results of Go's `crc64.Checksum(body, crc64.MakeTable(crc64.ECMA))` for the check value, and of MD5.
@pytest.mark.parametrize(
    ("body", "crc64", "md5"),
    [
        (b"123456789", 11051210869376104954, "25f9e794323b453885f5181f1b624d0b"),
        (b"", 0, "d41d8cd98f00b204e9800998ecf8427e"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD"])
def test_go_compares_the_crc_64_and_java_the_md5_of_an_object(emulator, method, body, crc64, md5):
    answer = put(emulator, "a.txt", body)
    if method != "PUT":
        host = {"host": HOST.replace(".ci.", ".cos.")}
        answer = exchange(emulator, method, "/a.txt", signed_headers(method, "/a.txt", headers=host))
    assert answer.headers["x-cos-hash-crc64ecma"] == str(crc64)
    assert answer.headers["etag"].strip('"') == md5


def test_php_sends_the_token_of_temporary_keys_under_both_names(emulator):
    emulator.add_key("AKIDTEMP", "secret", token="token")
    keys, both = Credentials("AKIDTEMP", "secret"), {"x-ci-security-token": "token", "x-cos-security-token": "token"}
    assert call(emulator, "GET", JOBS, keys=keys, unsigned=both).status == 200


@pytest.mark.parametrize("query", ["cancel", "cancel&"])
def test_go_and_php_sign_more_headers_and_php_a_bare_cancel(emulator, query):
    more = {"content-type": "application/xml", "content-length": "0", "x-cos-sdk-note": "a b"}
    path = f"{JOBS}/{create(emulator)}"
    headers = signed_headers("PUT", path, [("cancel", "")], keys=KEYS, headers=more)
    assert exchange(emulator, "PUT", f"{path}?{query}", headers).status == 200
    assert [job.state for job in emulator.jobs] == ["Cancel"]


def test_go_sends_an_empty_interval(emulator):
    operation = f"<WorkflowIds>{defaults.WORKFLOW_ID}</WorkflowIds><TimeInterval></TimeInterval>"
    assert create(emulator, operation=operation)
