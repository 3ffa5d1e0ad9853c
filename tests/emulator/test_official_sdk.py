"""The vendor's own SDK against the emulator, which checks every signature."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import urlsplit

import pytest

qcloud_cos = pytest.importorskip("qcloud_cos")

from airflow_provider_tencent_ci.emulator import Emulator  # noqa: E402 - after the check for the SDK
from airflow_provider_tencent_ci.emulator.model import defaults  # noqa: E402 - after the check for the SDK
from tests.emulator.wire import ODD_KEYS, Answer, exchange  # noqa: E402 - after the check for the SDK

BUCKET = defaults.BUCKET
WORKFLOW_JOB = {
    "Name": "夜间_batch-1",
    "Type": "Workflow",
    "Input": {"Prefix": "media/"},
    "Operation": {
        "TimeInterval": {"Start": "2022-02-01T12:00:00+0800", "End": "2099-05-01T12:00:00+0800"},
        "WorkflowIds": defaults.WORKFLOW_ID,
    },
}
NODE_JOB = {
    "Name": "node-1",
    "Type": "Job",
    "Input": {"Object": "media/0001.mp4"},
    "Operation": {
        "Tag": "Transcode",
        "JobParam": {"TemplateId": "t1460606b9752148c4ab182f55163ba7cd"},
        "Output": {"Region": defaults.REGION, "Bucket": BUCKET, "Object": "out/${InputNameAndExt}"},
        "QueueId": defaults.QUEUE_ID,
        "UserData": "mine & yours",
    },
}
# The body of the SDK's own live test (ut/test.py), without Output and QueueId.
INSPECT_JOB = {
    "Name": "image-inspect-auto-move-batch-process",
    "Type": "Job",
    "Input": {"Object": "media/0001.mp4"},
    "Operation": {"Tag": "ImageInspect", "JobParam": {"ImageInspect": {"AutoProcess": "false"}}},
}


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL)  # it logs its keys


def make_client(emulator: Emulator, *, secret_key: str = defaults.SECRET_KEY, **config: Any) -> Any:
    configuration = qcloud_cos.CosConfig(
        Region=defaults.REGION,
        SecretId=config.pop("secret_id", defaults.SECRET_ID),
        SecretKey=secret_key,
        Scheme="http",
        Domain=emulator.url.removeprefix("http://"),
        **config,
    )
    return qcloud_cos.CosS3Client(configuration, retry=0)


@pytest.fixture
def client(emulator: Emulator) -> Any:
    return make_client(emulator)


def submit(client: Any, job: dict[str, Any] = WORKFLOW_JOB, **headers: str) -> dict[str, Any]:
    (detail,) = client.ci_create_inventory_trigger_jobs(Bucket=BUCKET, JobBody=job, **headers)["JobsDetail"]
    return detail


@pytest.mark.parametrize("job", [WORKFLOW_JOB, NODE_JOB, INSPECT_JOB], ids=["workflow", "job", "inspect"])
@pytest.mark.parametrize("headers", [{}, {"ContentType": "application/xml"}], ids=["bare", "content-type"])
def test_the_sdk_creates_and_gets_batches_of_both_types(client, job, headers):
    created = submit(client, job, **headers)
    assert (created["Name"], created["Type"], created["State"]) == (job["Name"], job["Type"], "Submitted")
    (read,) = client.ci_get_inventory_trigger_jobs(Bucket=BUCKET, JobID=created["JobId"])["JobsDetail"]
    assert read["JobId"] == created["JobId"]
    assert read["Input"] == job["Input"]
    assert read["Operation"] == job["Operation"]


def test_the_sdk_hides_batches_of_type_job_by_default(client):
    flow, node = submit(client), submit(client, NODE_JOB)
    listed = client.ci_list_inventory_trigger_jobs(Bucket=BUCKET)
    assert [detail["JobId"] for detail in listed["JobsDetail"]] == [flow["JobId"]]
    listed = client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, Type="Job")
    assert [detail["JobId"] for detail in listed["JobsDetail"]] == [node["JobId"]]


def test_the_sdk_lists_with_every_filter(client):
    flow = submit(client)
    listed = client.ci_list_inventory_trigger_jobs(
        Bucket=BUCKET,
        StartCreationTime="2022-02-01T12:00:00+0800",
        EndCreationTime="2099-05-01T12:00:00+0800",
        OrderByTime="Asc",
        States="Submitted,Running",
        Size=100,
        WorkflowId=defaults.WORKFLOW_ID,
        JobId=flow["JobId"],
        Name=flow["Name"],
    )
    assert [detail["JobId"] for detail in listed["JobsDetail"]] == [flow["JobId"]]
    assert "JobsDetail" not in client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, Name="no such name +%")


@pytest.mark.parametrize("end_of_list", ["absent", "empty"])
def test_the_sdk_reads_all_pages(emulator, client, end_of_list):
    emulator.configure(end_of_list=end_of_list)
    wanted = [submit(client)["JobId"] for _ in range(5)]
    found, token = [], ""
    for _ in range(3):
        page = client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, Size=2, NextToken=token, OrderByTime="Asc")
        found += [detail["JobId"] for detail in page["JobsDetail"]]
        token = page.get("NextToken")
    assert found == wanted
    assert token is None


def test_the_sdk_cancels_a_batch(client, emulator):
    job = submit(client)
    assert client.ci_delete_inventory_trigger_jobs(Bucket=BUCKET, JobId=job["JobId"]).status_code == 200
    (read,) = client.ci_get_inventory_trigger_jobs(Bucket=BUCKET, JobID=job["JobId"])["JobsDetail"]
    assert read["State"] == "Cancel"


def test_the_sdk_lists_and_gets_executions(client, emulator):
    emulator.configure(failing_keys="media/0002.mp4")
    job = submit(client)
    emulator.advance(60)
    listed = client.ci_list_workflowexecution(
        Bucket=BUCKET, WorkflowId=defaults.WORKFLOW_ID, BatchJobId=job["JobId"], Size=100
    )["WorkflowExecutionList"]
    assert len(listed) == defaults.OBJECT_COUNT
    failed = client.ci_list_workflowexecution(
        Bucket=BUCKET, WorkflowId=defaults.WORKFLOW_ID, States="Failed", Name="media/0002.mp4"
    )["WorkflowExecutionList"]
    assert failed["Object"] == "media/0002.mp4"  # a single entry is a dictionary
    (one,) = client.ci_get_workflowexecution(Bucket=BUCKET, RunId=failed["RunId"])["WorkflowExecution"]
    assert (one["State"], one["Tasks"]["State"], one["Tasks"]["Code"]) == ("Failed", "Failed", "ResourceNotSupported")


def test_the_sdk_triggers_a_workflow_for_a_single_object_and_reads_it_at_once(client, emulator):
    emulator.add_objects("媒体/夜间 a+b.mp4")
    answer = client.ci_trigger_workflow(Bucket=BUCKET, WorkflowId=defaults.WORKFLOW_ID, Key="媒体/夜间 a+b.mp4")
    (one,) = client.ci_get_workflowexecution(Bucket=BUCKET, RunId=answer["InstanceId"])["WorkflowExecution"]
    assert (one["RunId"], one["State"]) == (answer["InstanceId"], "Running")


OUTPUT = NODE_JOB["Operation"]["Output"]


@pytest.mark.parametrize(
    "operation",
    [
        {"Tag": "ImageInspect", "JobParam": {"ImageInspect": {"AutoProcess": "false"}}},
        {"Tag": "MediaInfo"},
        {"Tag": "QualityEstimate", "UserData": "u"},
        {"Tag": "PicProcess", "JobParam": {"PicProcess": {"IsPicInfo": "true"}}, "Output": OUTPUT},
        {"Tag": "Transcode", "JobParam": {"TemplateId": "t1"}, "Output": OUTPUT, "CallBackFormat": "json"},
    ],
    ids=lambda operation: operation["Tag"],
)
@pytest.mark.parametrize("key", ["media/0001.mp4", "图片/a b.png"])
def test_the_sdk_creates_a_batch_with_the_nodes_of_its_own_samples(client, emulator, operation, key):
    emulator.add_objects(key)
    job = {"Name": "auto-move-batch-process", "Type": "Job", "Input": {"Object": key}, "Operation": operation}
    created = submit(client, job, ContentType="application/xml")
    emulator.advance(60)
    (read,) = client.ci_get_inventory_trigger_jobs(Bucket=BUCKET, JobID=created["JobId"])["JobsDetail"]
    assert (read["State"], read["Operation"]) == ("Success", operation)


@pytest.mark.parametrize("kind", ["UrlFile", "Manifest"])
@pytest.mark.parametrize("form", ["{key}", "/{key}", "https://{host}/{key}", "http://{host}/{key}"])
def test_a_list_of_files_is_named_by_its_key_or_its_address(client, emulator, kind, form):
    host = f"{BUCKET}.cos.{defaults.REGION}.myqcloud.com"
    files = ["media/0001.mp4", "media/0003.mp4"]
    content = "\n".join(files) if kind == "UrlFile" else json.dumps({"files": [{"key": key} for key in files]})
    emulator.add_objects("lists/files", content=content.encode())
    job = submit(client, {**WORKFLOW_JOB, "Input": {kind: form.format(key="lists/files", host=host)}})
    emulator.advance(60)
    assert [file.key for file in emulator.files(job["JobId"])] == files


@pytest.mark.parametrize("key", ["media/0001.mp4", "/media/0001.mp4", "https://h/media/0001.mp4", "/"])
def test_an_object_and_the_whole_bucket_are_named_as_in_the_sdk_s_samples(client, emulator, key):
    job = submit(client, {**WORKFLOW_JOB, "Input": {"Prefix" if key == "/" else "Object": key}})
    assert emulator.job(job["JobId"]).files == (defaults.OBJECT_COUNT if key == "/" else 1)


def test_the_sdk_lists_with_parameters_that_the_service_does_not_know(client):
    flow = submit(client)
    listed = client.ci_list_inventory_trigger_jobs(Bucket=BUCKET, ResponseCacheControl="no-cache")
    assert [detail["JobId"] for detail in listed["JobsDetail"]] == [flow["JobId"]]


def test_the_sdk_reads_queues_workflows_and_child_jobs(client, emulator):
    job = submit(client, NODE_JOB)
    assert client.ci_get_media_queue(Bucket=BUCKET)["QueueList"][0]["QueueId"] == defaults.QUEUE_ID
    assert client.ci_get_workflow(Bucket=BUCKET, Ids=defaults.WORKFLOW_ID)["MediaWorkflowList"]
    listed = client.ci_list_media_jobs(Bucket=BUCKET, QueueId=defaults.QUEUE_ID, Tag="Transcode")["JobsDetail"]
    assert [child["JobId"] for child in listed] == [emulator.files(job["JobId"])[0].id]


def test_the_sdk_uses_temporary_keys(emulator):
    emulator.add_key("AKIDTEMP", "temporary-secret", token="tok+en/EXAMPLE==")
    keys = {"secret_id": "AKIDTEMP", "secret_key": "temporary-secret"}
    assert submit(make_client(emulator, Token="tok+en/EXAMPLE==", **keys))["JobId"]
    with pytest.raises(qcloud_cos.CosServiceError):
        submit(make_client(emulator, **keys))
    with pytest.raises(qcloud_cos.CosServiceError):
        submit(make_client(emulator, Token="other", **keys))


@pytest.mark.parametrize("cos_style", [False, True])
def test_the_sdk_parses_refusals_in_cos_s_style_only(emulator, cos_style):
    emulator.configure(cos_style_errors=cos_style)
    with pytest.raises(qcloud_cos.CosServiceError) as caught:
        submit(make_client(emulator, secret_key="wrong"))
    assert caught.value.get_status_code() == (403 if cos_style else 401)
    assert caught.value.get_error_code() == ("SignatureDoesNotMatch" if cos_style else "Unknown")
    assert emulator.jobs == []


def test_the_retries_of_the_sdk_create_a_batch_each(emulator, monkeypatch):
    """The reason why this package does not use the SDK: it repeats a POST that failed after the service acted on it."""
    monkeypatch.setattr("qcloud_cos.cos_client.time.sleep", lambda seconds: None)
    emulator.inject("internal_error", operation="create", after_acting=True)
    client = make_client(emulator)
    client._retry = 1
    submit(client)
    assert len(emulator.jobs) == 2


def cos_client(emulator: Emulator, **config: Any) -> Any:
    """A client that names the bucket's host and connects to the emulator, as through a proxy."""
    host, port = emulator.url.removeprefix("http://").split(":")
    configuration = qcloud_cos.CosConfig(
        Region=defaults.REGION,
        SecretId=config.pop("secret_id", defaults.SECRET_ID),
        SecretKey=config.pop("secret_key", defaults.SECRET_KEY),
        Scheme="http",
        IP=host,
        Port=int(port),
        **config,
    )
    return qcloud_cos.CosS3Client(configuration, retry=0)


def test_the_sdk_writes_and_reads_objects_and_their_metadata(emulator):
    client, key, content = cos_client(emulator), "lists/夜间 a+b.txt", "eins\nzwei ü\n".encode()
    written = client.put_object(Bucket=BUCKET, Key=key, Body=content, EnableMD5=True, ContentType="text/plain")
    assert emulator.bucket().objects[key].content == content
    read = client.get_object(Bucket=BUCKET, Key=key)
    assert read["Body"].get_raw_stream().read() == content
    assert read["ETag"] == written["ETag"] == client.head_object(Bucket=BUCKET, Key=key)["ETag"]
    assert int(client.head_object(Bucket=BUCKET, Key=key)["Content-Length"]) == len(content)
    assert emulator.count("put_object") == emulator.count("get_object") == 1


@pytest.mark.parametrize("key", ODD_KEYS)
def test_the_sdk_writes_and_reads_objects_under_odd_keys(emulator, key):
    client = cos_client(emulator)
    client.put_object(Bucket=BUCKET, Key=key, Body=b"content", EnableMD5=True)
    assert emulator.bucket().objects[key].content == b"content"
    assert client.get_object(Bucket=BUCKET, Key=key)["Body"].get_raw_stream().read() == b"content"


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("token", [None, "tok+en/EXAMPLE=="])
def test_the_signed_urls_of_the_sdk_write_and_read_an_object(emulator, key, token):
    emulator.add_key("AKIDURL", "secret", token=token)

    def send(method: str, body: bytes = b"", *, secret: str = "secret", **params: str) -> Answer:
        keys = {"SecretId": "AKIDURL", "SecretKey": secret}
        client = qcloud_cos.CosS3Client(qcloud_cos.CosConfig(Region=defaults.REGION, Scheme="http", **keys))
        more = {"x-cos-security-token": token} if token else {}
        address = urlsplit(client.get_presigned_url(BUCKET, key, method, Params={**params, **more}))
        headers = {"host": address.netloc, "content-length": str(len(body))}
        return exchange(emulator, method, f"{address.path}?{address.query}", headers, body)

    assert send("PUT", b"content").status == 200
    assert send("GET").body == b"content"
    assert send("GET", **{"response-content-type": "text/csv"}).headers["content-type"] == "text/csv"
    assert send("GET", secret="wrong").code == "SignatureDoesNotMatch"


def test_a_batch_reads_the_list_that_the_sdk_wrote(emulator, client):
    urls = "".join(f"{emulator.bucket().object_url(f'media/000{number}.mp4')}\n" for number in (1, 3))
    cos_client(emulator).put_object(Bucket=BUCKET, Key="lists/urls.txt", Body=urls.encode())
    job = submit(client, {**WORKFLOW_JOB, "Input": {"UrlFile": "lists/urls.txt"}})
    assert emulator.job(job["JobId"]).files == 2


@pytest.mark.parametrize(
    ("keys", "key", "status", "code"),
    [
        ({"secret_key": "wrong"}, "media/0001.mp4", 403, "SignatureDoesNotMatch"),
        ({}, "nothing/here", 404, "NoSuchKey"),
        ({"secret_id": "AKIDTEMP", "secret_key": "temporary"}, "media/0001.mp4", 403, "InvalidAccessKeyId"),
        ({"secret_id": "AKIDWEAK", "secret_key": "weak"}, "media/0001.mp4", 403, "AccessDenied"),
    ],
)
def test_the_sdk_parses_each_refusal_of_cos(emulator, keys, key, status, code):
    emulator.add_key("AKIDTEMP", "temporary", token="session")
    emulator.add_key("AKIDWEAK", "weak", actions=["cos:PutObject"])
    with pytest.raises(qcloud_cos.CosServiceError) as caught:
        cos_client(emulator, **keys).get_object(Bucket=BUCKET, Key=key)
    assert (caught.value.get_status_code(), caught.value.get_error_code()) == (status, code)
    assert caught.value.get_resource_location() == f"/{key}"


def test_the_sdk_uses_temporary_keys_for_objects(emulator):
    emulator.add_key("AKIDTEMP", "temporary", token="tok+en/EXAMPLE==")
    client = cos_client(emulator, secret_id="AKIDTEMP", secret_key="temporary", Token="tok+en/EXAMPLE==")
    client.put_object(Bucket=BUCKET, Key="a.txt", Body=b"x")
    assert emulator.bucket().objects["a.txt"].content == b"x"
