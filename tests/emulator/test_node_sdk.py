"""Tencent's SDK for Node.js against the emulator. `make node-sdk` installs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import EXECUTIONS, JOBS, ODD_KEYS, exchange, node_body, request_body

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "node_sdk"
MODULES = ROOT / ".node-sdk" / "node_modules"
PACKAGE = MODULES / "cos-nodejs-sdk-v5" / "package.json"
BUCKET, REGION = defaults.BUCKET, defaults.REGION
SECONDS = 60

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="There is no node on this machine."),
    pytest.mark.skipif(not PACKAGE.exists(), reason="Tencent's SDK for Node.js is not there: make node-sdk"),
]


class Refused(Exception):
    """The SDK reports an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error)
        self.status = error.get("statusCode")
        self.code = error.get("code")
        self.message = error.get("message")


class NodeSDK:
    """
    The SDK with the keys of one client.

    :param process: runs ``driver.js``.
    :param options: options of the SDK's client.
    """

    def __init__(self, process: subprocess.Popen[str], emulator: Emulator, **options: Any) -> None:
        self._process = process
        self._emulator = emulator
        self._options = {
            "SecretId": defaults.SECRET_ID,
            "SecretKey": defaults.SECRET_KEY,
            "Protocol": "http:",
            "Ip": emulator.url.removeprefix("http://"),
            "Timeout": 1000 * SECONDS,
            **options,
        }

    def with_options(self, **options: Any) -> NodeSDK:
        """Return another client."""
        return NodeSDK(self._process, self._emulator, **{**self._options, **options})

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the SDK and return what it passes to its callback."""
        assert self._process.stdin
        assert self._process.stdout
        params = {"Bucket": BUCKET, "Region": REGION, **params}
        print(json.dumps({"options": self._options, "method": method, "params": params}), file=self._process.stdin)
        outcome = json.loads(self._process.stdout.readline())
        if "error" in outcome:
            raise Refused(outcome["error"])
        return outcome["data"]

    def ask(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """Send a request to CI and return ``Response`` of the answer."""
        url = f"http://{BUCKET}.ci.{REGION}.myqcloud.com{path}"
        return self.call("request", Method=method, Url=url, **params).get("Response", {})

    def create(self, body: bytes | None = None, **parts: Any) -> dict[str, Any]:
        """Create a batch and return its record."""
        text = (body or request_body(**parts)).decode()
        return self.ask("POST", JOBS, Body=text, Headers={"Content-Type": "application/xml"})["JobsDetail"]

    def list(self, path: str, node: str, **query: Any) -> list[dict[str, Any]]:
        """Return the entries of a list; the SDK has an object for a single one."""
        found = self.ask("GET", path, Query=query).get(node, [])
        return found if isinstance(found, list) else [found]


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    command = ["node", SOURCE / "driver.js"]
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": str(MODULES)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        yield process
        assert process.stdin
        process.stdin.close()
        assert process.wait(SECONDS) == 0


@pytest.fixture
def node(process, emulator) -> NodeSDK:
    emulator.configure(submitted_seconds=0)
    return NodeSDK(process, emulator)


def test_the_installed_version_is_the_one_of_the_lock_file():
    wanted = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))["packages"]["node_modules/cos-nodejs-sdk-v5"]
    assert json.loads(PACKAGE.read_text("utf-8"))["version"] == wanted["version"]


NAMES = ["nightly", "夜间-转码_01", "-_", "a" * 128, "转" * 128]
ODD_NAMES = [
    "a b",
    "a+b",
    "a%20b",
    "a&b=c",
    "a/b?c#d",
    "夜 间",
    "é",
    "😀",
    "'\"<>",
    "~!*()",
    ".",
    "..",
    "a;b,c",
    "\u2028",
]


@pytest.mark.parametrize("name", NAMES)
def test_it_creates_reads_lists_and_cancels_a_batch(node, emulator, name):
    created = node.create(name=name)
    assert (created["Name"], created["State"]) == (name, "Running")
    path = f"{JOBS}/{created['JobId']}"
    assert node.ask("GET", path)["JobsDetail"] == created
    assert node.list(JOBS, "JobsDetail", name=name) == [created]
    node.ask("PUT", path, Action="cancel")
    assert node.ask("GET", path)["JobsDetail"]["State"] == "Cancel"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_it_looks_for_a_name_that_no_batch_can_have(node, emulator, name):
    node.create()
    assert node.list(JOBS, "JobsDetail", name=name) == []
    assert emulator.requests[-1].status == 200


def test_it_lists_with_every_parameter_and_with_empty_ones(node):
    job, other = node.create(name="夜间"), node.create(node_body())
    everything = {
        "type": "Workflow",
        "states": "Submitted,Running",
        "startCreationTime": "2022-02-01T12:00:00+0800",
        "endCreationTime": "2099-05-01T12:00:00+0800",
        "orderByTime": "Asc",
        "size": 100,
        "workflowId": defaults.WORKFLOW_ID,
        "jobId": job["JobId"],
        "name": "夜间",
        "nextToken": "",
    }
    assert node.list(JOBS, "JobsDetail", **everything) == [job]
    assert node.list(JOBS, "JobsDetail", **dict.fromkeys(everything, "")) == [other, job]


@pytest.mark.parametrize("end_of_list", ["absent", "empty", "extra_page"])
def test_it_reads_all_pages(node, emulator, end_of_list):
    emulator.configure(end_of_list=end_of_list)
    wanted = [node.create()["JobId"] for _ in range(5)]
    found, token = [], ""
    while token is not None:
        query = {"size": 2, "orderByTime": "Asc", "nextToken": token}
        page = node.ask("GET", JOBS, Query=query)
        entries = page.get("JobsDetail", [])
        found += [job["JobId"] for job in (entries if isinstance(entries, list) else [entries])]
        token = str(page["NextToken"]) if page.get("NextToken") else None
    assert found == wanted


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml; charset=utf-8", None])
@pytest.mark.parametrize("prolog", ["", '<?xml version="1.0" encoding="UTF-8"?>', "\ufeff"])
def test_it_creates_a_batch_in_each_form(node, content_type, prolog):
    headers = {"Content-Type": content_type} if content_type else {}
    body = prolog + request_body(name="夜间").decode()
    assert node.ask("POST", JOBS, Body=body, Headers=headers)["JobsDetail"]["Name"] == "夜间"


def test_it_reads_executions_child_jobs_queues_and_workflows(node, emulator):
    emulator.configure(failing_keys="media/0002.mp4")
    job, nodes = node.create(), node.create(node_body())
    emulator.advance(60)
    executions = node.list(EXECUTIONS, "WorkflowExecutionList", jobId=job["JobId"], size=100)
    assert len(executions) == defaults.OBJECT_COUNT
    [failed] = node.list(EXECUTIONS, "WorkflowExecutionList", jobId=job["JobId"], states="Failed")
    detail = node.ask("GET", f"{EXECUTIONS}/{failed['RunId']}")["WorkflowExecution"]
    assert (detail["Object"], detail["Tasks"]["State"]) == ("media/0002.mp4", "Failed")
    children = node.list("/jobs", "JobsDetail", inventoryTriggerJobId=nodes["JobId"], tag="Transcode", size=100)
    assert len(children) == defaults.OBJECT_COUNT
    assert node.list("/queue", "QueueList")[0]["QueueId"] == defaults.QUEUE_ID
    assert node.list("/workflow", "MediaWorkflowList")[0]["WorkflowId"] == defaults.WORKFLOW_ID


def test_it_runs_a_workflow_on_one_object_and_reads_the_execution_at_once(node, emulator):
    emulator.configure(submitted_seconds=60)
    emulator.add_objects("媒体/夜间 a+b.mp4")
    query = {"workflowId": defaults.WORKFLOW_ID, "object": "媒体/夜间 a+b.mp4"}
    run_id = node.ask("POST", "/triggerworkflow", Query=query)["InstanceId"]
    assert node.ask("GET", f"{EXECUTIONS}/{run_id}")["WorkflowExecution"]["Object"] == "媒体/夜间 a+b.mp4"


def test_unknown_ids_are_reported(node):
    assert node.ask("GET", f"{JOBS}/b404")["NonExistJobIds"] == "b404"
    with pytest.raises(Refused) as caught:
        node.ask("GET", f"{EXECUTIONS}/i404")
    assert caught.value.code == "WorkflowExecutionNotFound"
    with pytest.raises(Refused) as caught:
        node.ask("PUT", f"{JOBS}/b404", Action="cancel")
    assert (caught.value.status, caught.value.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("key", ODD_KEYS)
def test_it_writes_and_reads_objects_under_odd_keys(node, emulator, key):
    content = "eins\nzwei ü\n"
    written = node.call("putObject", Key=key, Body=content)
    assert emulator.bucket().objects[key].content.decode() == content
    read = node.call("getObject", Key=key)
    assert (read["Body"], read["ETag"]) == (content, written["ETag"])
    assert node.call("headObject", Key=key)["ETag"] == written["ETag"]


@pytest.mark.parametrize("key", ["a.txt", "夜间/a b+c&d=e?f.txt"])
@pytest.mark.parametrize("token", ["", "token_of-a.temporary~key"])
def test_its_signed_urls_write_and_read_an_object(node, emulator, key, token):
    emulator.add_key("AKIDURL", "secret", token=token or None)

    def send(method: str, body: bytes = b"", secret: str = "secret", **params: Any) -> Any:
        client = node.with_options(SecretId="AKIDURL", SecretKey=secret, SecurityToken=token)
        url = client.call("getObjectUrl", Key=key, Method=method, Sign=True, **params)["Url"]
        address = urlsplit(url)
        headers = {"host": address.netloc, "content-length": str(len(body))}
        return exchange(emulator, method, f"{address.path}?{address.query}", headers, body)

    assert send("PUT", b"content").status == 200
    assert send("GET").body == b"content"
    assert send("GET", Query={"response-content-type": "text/csv"}).headers["content-type"] == "text/csv"
    assert send("GET", Expires=-10).message == "Request has expired"
    assert send("GET", secret="wrong").code == "SignatureDoesNotMatch"


def test_it_uses_temporary_keys_for_batches_and_objects(node, emulator):
    emulator.add_key("AKIDTEMP", "temporary-secret", token="tok+en/EXAMPLE==")
    keys = {"SecretId": "AKIDTEMP", "SecretKey": "temporary-secret"}
    temporary = node.with_options(**keys, SecurityToken="tok+en/EXAMPLE==")
    assert temporary.create()["JobId"]
    assert temporary.call("putObject", Key="a.txt", Body="x")["ETag"]
    without, wrong = node.with_options(**keys), node.with_options(**keys, SecurityToken="other")
    for client in (without, wrong):
        assert refusal_of_both(client) == [(401, "InvalidAuthorization"), (403, "InvalidAccessKeyId")]


def refusal_of_both(client: NodeSDK) -> list[tuple[int, str]]:
    """Return how CI refuses to create a batch, and how COS refuses to show an object."""
    refusals = []
    for call in (client.create, lambda: client.call("getObject", Key="media/0001.mp4")):
        with pytest.raises(Refused) as caught:
            call()
        refusals.append((caught.value.status, caught.value.code))
    return refusals


@pytest.mark.parametrize(
    ("options", "of_ci", "of_cos"),
    [
        ({"SecretKey": "wrong"}, (401, "InvalidAuthorization"), (403, "SignatureDoesNotMatch")),
        ({"SecretId": "AKIDNOBODY"}, (401, "SecretidNotExist"), (403, "InvalidAccessKeyId")),
        ({"SecretId": "AKIDWEAK", "SecretKey": "weak"}, (403, "AccessDenied"), (403, "AccessDenied")),
        ({"ForceSignHost": False, "SecretKey": "wrong"}, (401, "InvalidAuthorization"), (403, "SignatureDoesNotMatch")),
    ],
)
def test_it_reports_each_refusal(node, emulator, options, of_ci, of_cos):
    emulator.add_key("AKIDWEAK", "weak", actions=[])
    assert refusal_of_both(node.with_options(**options)) == [of_ci, of_cos]
    assert emulator.jobs == []


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_it_corrects_its_clock_after_cos_s_refusal(node, emulator, seconds):
    emulator.configure(clock_offset_seconds=seconds, cos_style_errors=True)
    assert node.call("putObject", Key="a.txt", Body="x")["ETag"]
    assert node.create()["JobId"]
    assert [request.status for request in emulator.requests] == [403, 200, 403, 200]


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_it_does_not_correct_its_clock_after_ci_s_refusal(node, emulator, seconds):
    emulator.configure(clock_offset_seconds=seconds)
    with pytest.raises(Refused) as caught:
        node.create()
    assert caught.value.code == "SignatureExpired"


def test_it_does_not_repeat_a_request_that_the_service_redirects_to_https(node, emulator):
    emulator.inject("redirect", status=308, location=f"https://{BUCKET}.ci.{REGION}.myqcloud.com{JOBS}")
    with pytest.raises(Refused) as caught:
        node.create()
    assert (caught.value.status, emulator.count()) == (308, 1)


def test_its_retries_create_more_than_one_batch(node, emulator):
    emulator.inject("internal_error", operation="create", after_acting=True)
    node.create()
    assert len(emulator.jobs) == 2


def test_it_reaches_the_second_domain_of_each_service(node, emulator):
    for service, domain in (("ci", "tencentci.cn"), ("cos", "tencentcos.cn")):
        url = f"http://{BUCKET}.{service}.{REGION}.{domain}"
        path = JOBS if service == "ci" else "/media/0001.mp4"
        node.call("request", Method="GET", Url=url + path)
        with pytest.raises(Refused) as caught:
            node.call("request", Method="GET", Url=url.replace(BUCKET, "other-1250000000") + path)
        assert caught.value.code == "NoSuchBucket"
