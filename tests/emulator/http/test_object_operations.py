"""Requests to the emulator's COS that the official SDK does not send."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.signing import query_string
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import KEYS, Answer, exchange, signed_headers

HOST = f"{defaults.BUCKET}.cos.{defaults.REGION}.myqcloud.com"


def send(emulator, method, path, body=b"", host=HOST, **headers) -> Answer:
    own = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    sent = signed_headers(method, path, (), keys=KEYS, headers=own)
    if method == "PUT":
        sent["content-length"] = str(len(body))
    return exchange(emulator, method, path, sent, body)


def test_a_wrong_digest_of_the_body_is_refused(emulator):
    answer = send(emulator, "PUT", "/a.txt", b"other", content_md5="1B2M2Y8AsgTpgAmY7PhCfg==")
    assert (answer.status, answer.text("Code")) == (400, "InvalidDigest")
    assert "a.txt" not in emulator.bucket().objects


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
def test_an_object_has_a_largest_size(emulator, size, status):
    emulator.configure(max_object_bytes=100)
    assert send(emulator, "PUT", "/a.txt", b"x" * size).status == status


def test_answers_have_the_headers_of_cos(emulator):
    answer = send(emulator, "GET", "/nothing")
    assert answer.headers["x-cos-request-id"]
    assert answer.headers["x-cos-trace-id"]
    assert "x-ci-request-id" not in answer.headers
    assert answer.headers["server"] == "tencent-cos"
    assert answer.text("Resource") == "/nothing"


@pytest.mark.parametrize(
    ("host", "status", "code"),
    [
        (f"other-1250000000.cos.{defaults.REGION}.myqcloud.com", 404, "NoSuchBucket"),
        (f"{defaults.BUCKET}.cos.ap-shanghai.myqcloud.com", 404, "NoSuchBucket"),
    ],
)
def test_an_object_request_to_another_bucket_is_refused(emulator, host, status, code):
    answer = send(emulator, "PUT", "/a.txt", b"x", host=host)
    assert (answer.status, answer.text("Code")) == (status, code)


def test_an_unbound_bucket_still_has_its_objects(emulator):
    emulator.bucket().bound = False
    assert send(emulator, "PUT", "/a.txt", b"x").status == 200


def signed_target(method, key, *, merged, keys=KEYS, query=(), token="", **when) -> str:
    """The path and query of a signed URL, with the signature as seven parameters or merged into one."""
    text = signed_headers(method, f"/{key}", query, keys=keys, headers={"host": HOST}, **when)["authorization"]
    parts = [query_string(query), f"sign={quote(text, safe='')}" if merged else quote(text, safe="=&")]
    parts.append(f"x-cos-security-token={quote(token, safe='')}" if token else "")
    return f"/{quote(key)}?{'&'.join(filter(None, parts))}"


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("key", ["a.txt", "夜间/a b+c&d=e?f.txt"])
@pytest.mark.parametrize("token", ["", "tok+en/EXAMPLE=="])
def test_a_signed_url_writes_and_reads_an_object(emulator, merged, key, token):
    emulator.add_key("AKIDURL", "secret", token=token or None)

    def send_url(method, body=b"", *, secret="secret", **options) -> Answer:
        keys = Credentials("AKIDURL", secret)
        target = signed_target(method, key, merged=merged, keys=keys, **{"token": token, **options})
        return exchange(emulator, method, target, {"host": HOST, "content-length": str(len(body))}, body)

    assert send_url("PUT", b"content").status == 200
    assert send_url("GET").body == b"content"
    assert send_url("HEAD").status == 200
    assert send_url("GET", when="1;2").message == "Request has expired"
    assert send_url("GET", secret="wrong").code == "SignatureDoesNotMatch"
    if token:
        assert send_url("GET", token="other").code == "InvalidAccessKeyId"
        assert send_url("GET", token="").code == "InvalidAccessKeyId"


def test_a_read_sets_the_headers_of_its_answer(emulator):
    query = [("response-content-type", "text/csv"), ("response-content-disposition", 'attachment; filename="夜.csv"')]
    target = signed_target("GET", "media/0001.mp4", merged=False, query=query)
    answer = exchange(emulator, "GET", target, {"host": HOST})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv")
    assert answer.headers["content-disposition"].encode("latin-1").decode() == query[1][1]
    broken = signed_target("GET", "media/0001.mp4", merged=False, query=[("response-expires", "a\r\nx-more: 1")])
    assert exchange(emulator, "GET", broken, {"host": HOST}).code == "InvalidArgument"


@pytest.mark.parametrize("query", ["acl", "uploads", "partNumber=1", "foo=", "response-content-type=a"])
def test_a_parameter_that_names_another_operation_is_refused(emulator, query):
    pairs = [tuple(query.partition("=")[::2])]
    sent = signed_headers("PUT", "/a.txt", pairs, headers={"host": HOST}) | {"content-length": "1"}
    answer = exchange(emulator, "PUT", f"/a.txt?{query}", sent, b"x")
    assert (answer.status, answer.code) == (405, "MethodNotAllowed")


def test_other_operations_of_cos_are_refused(emulator):
    assert send(emulator, "DELETE", "/media/0001.mp4").status == 405
    assert send(emulator, "GET", "/").status == 405
    assert emulator.count("unknown_object_operation") == 1
    assert "media/0001.mp4" in emulator.bucket().objects


def test_the_batch_api_is_not_on_the_host_of_cos(emulator):
    assert send(emulator, "GET", "/inventorytriggerjob").status == 404
    assert emulator.count("list") == 0


def test_a_fault_applies_to_an_upload(emulator):
    fault = emulator.inject("error", operation="put_object", status=503, code="SlowDown")
    assert send(emulator, "PUT", "/a.txt", b"x").status == 503
    assert send(emulator, "PUT", "/a.txt", b"x").status == 200
    assert fault.injected == 1
