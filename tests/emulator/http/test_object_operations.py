"""Requests to the emulator's COS that the official SDK does not send."""

from __future__ import annotations

import pytest

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


def test_answers_have_the_headers_of_cos(emulator):
    answer = send(emulator, "GET", "/nothing")
    assert answer.headers["x-cos-request-id"]
    assert answer.headers["x-cos-trace-id"]
    assert "x-ci-request-id" not in answer.headers
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
