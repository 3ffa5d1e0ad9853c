"""Writing an object into a bucket: the request, and the reaction to its answers."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api.put_object import build_put_object, put_object
from airflow_provider_tencent_ci.core.wire import signing
from airflow_provider_tencent_ci.core.wire.messages import COS
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from tests.core.script import LOST, Script, failure, respond

DATA = "媒体\n".encode()


def test_the_request_carries_the_bytes_their_type_and_their_digest():
    request = build_put_object("lists/夜间 a+b.txt", DATA)
    assert (request.method, request.path, request.body, request.service) == ("PUT", "/lists/夜间 a+b.txt", DATA, COS)
    digest = base64.b64encode(hashlib.md5(DATA, usedforsecurity=False).digest()).decode()
    assert request.headers == {"Content-Type": "text/plain", "Content-MD5": digest}


def test_a_session_token_is_sent_in_the_header_of_cos():
    keys = Credentials("id", "key", token="session")
    headers = signing.sign(build_put_object("a.txt", b"x"), "bucket.example", keys, datetime(2026, 1, 2, tzinfo=UTC))
    assert "q-header-list=content-md5;content-type;host;x-cos-security-token&" in headers["authorization"]
    assert headers["x-cos-security-token"] == "session"
    assert signing.TOKEN_HEADER not in headers


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("", "no object key"),
        (None, "no object key"),
        ("/a.txt", "begins with a slash"),
        ("a\ud800.txt", "half a character"),
        ("é" * 426, "longer than 850 bytes"),
    ],
)
def test_an_invalid_key_is_refused_before_any_request(key, complaint):
    with pytest.raises(e.InvalidArgumentError, match=complaint):
        Script().run(put_object(key, b""))


@pytest.mark.parametrize("first", [LOST, failure(503, "SlowDown"), failure(500, "InternalError"), failure(502)])
def test_an_upload_of_unknown_outcome_is_retried(first):
    script = Script([first, respond()])
    script.run(put_object("a.txt", DATA))
    assert [request.body for request in script.requests] == [DATA, DATA]
    assert len(script.pauses) == 1


def test_a_forbidden_upload_is_not_retried():
    script = Script([failure(403, "AccessDenied", "cos:PutObject", x_cos_request_id="cos-1", x_ci_request_id="")])
    with pytest.raises(e.PermissionDeniedError) as caught:
        script.run(put_object("a.txt", DATA))
    assert caught.value.request_id == "cos-1"
    assert len(script.requests) == 1


@pytest.mark.parametrize("data", ["text", None, 5, bytearray(b"x")])
def test_data_that_are_no_bytes_are_refused(data):
    with pytest.raises(e.InvalidArgumentError, match="must be bytes"):
        build_put_object("a.txt", data)


@pytest.mark.parametrize("content_type", ["a\nb", "text/夜", None, 5])
def test_a_type_that_no_header_can_contain_is_refused_before_anything_is_sent(content_type):
    script = Script()
    with pytest.raises(e.InvalidArgumentError, match="content_type"):
        script.run(put_object("a.txt", b"x", content_type))
    assert not script.requests
