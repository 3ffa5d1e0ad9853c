"""The vendor's own SDK against the emulator, which checks every signature."""

from __future__ import annotations

import logging
from typing import Any

import pytest

qcloud_cos = pytest.importorskip("qcloud_cos")

from airflow_provider_tencent_ci.emulator import Emulator  # noqa: E402 - after the check for the SDK
from airflow_provider_tencent_ci.emulator.model import defaults  # noqa: E402 - after the check for the SDK

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


def test_the_sdk_triggers_a_workflow_for_a_single_object(client, emulator):
    emulator.add_objects("媒体/夜间 a+b.mp4")
    answer = client.ci_trigger_workflow(Bucket=BUCKET, WorkflowId=defaults.WORKFLOW_ID, Key="媒体/夜间 a+b.mp4")
    assert answer["InstanceId"].startswith("i")


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
