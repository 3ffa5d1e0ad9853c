from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api.put_object import build_put_object
from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from tests.strategies import any_text, reserved_text

BUCKET, REGION = "examplebucket-1250000000", "ap-beijing"
HOST = f"{BUCKET}.ci.{REGION}.myqcloud.com"


@pytest.mark.parametrize(
    ("endpoint_url", "base_url", "host"),
    [
        (None, f"https://{HOST}", HOST),
        ("", f"https://{HOST}", HOST),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", HOST),
        ("https://proxy.example/", "https://proxy.example", HOST),
        ("http://[::1]:8080", "http://[::1]:8080", HOST),
        ("https://{bucket}.ci.example", f"https://{BUCKET}.ci.example", f"{BUCKET}.ci.example"),
        (
            "https://{bucket}.ci.{region}.tencentcos.cn:444",
            f"https://{BUCKET}.ci.{REGION}.tencentcos.cn:444",
            f"{BUCKET}.ci.{REGION}.tencentcos.cn:444",
        ),
    ],
)
def test_the_address_is_the_documented_one_or_its_override(endpoint_url, base_url, host):
    endpoint = Endpoint.of_bucket(BUCKET, REGION, endpoint_url)
    assert (endpoint.base_url, endpoint.host) == (base_url, host)


COS_HOST = f"{BUCKET}.cos.{REGION}.myqcloud.com"


@pytest.mark.parametrize(
    ("endpoint_url", "base_url", "host"),
    [
        (None, f"https://{COS_HOST}", COS_HOST),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", COS_HOST),
        ("https://{bucket}.ci.example", f"https://{BUCKET}.cos.example", f"{BUCKET}.cos.example"),
        (
            "https://{bucket}.ci.{region}.tencentci.cn",
            f"https://{BUCKET}.cos.{REGION}.tencentcos.cn",
            f"{BUCKET}.cos.{REGION}.tencentcos.cn",
        ),
        ("https://{bucket}.gateway.example", f"https://{BUCKET}.gateway.example", f"{BUCKET}.gateway.example"),
    ],
)
def test_objects_have_their_own_address(endpoint_url, base_url, host):
    endpoint = Endpoint.of_bucket(BUCKET, REGION, endpoint_url).of(build_put_object("a b/c.txt", b""))
    assert (endpoint.base_url, endpoint.host) == (base_url, host)
    assert endpoint.url_of(build_put_object("a b/c.txt", b"")) == f"{base_url}/a%20b/c.txt"


def test_a_url_is_sent_as_it_is_signed():
    request = Request("GET", "/a b/夜", (("name", "x y+z"), ("cancel", None)))
    url = Endpoint.of_bucket(BUCKET, REGION).url_of(request)
    assert url == f"https://{HOST}/a%20b/%E5%A4%9C?name=x%20y%2Bz&cancel"
    assert Endpoint.of_bucket(BUCKET, REGION).url_of(Request("GET", "/a")) == f"https://{HOST}/a"


@pytest.mark.parametrize(
    ("bucket", "region", "endpoint_url", "complaint"),
    [
        ("", REGION, None, "bucket is missing"),
        (None, REGION, None, "bucket is missing"),
        ("examplebucket", REGION, None, "bucket='examplebucket'"),
        ("a/b-1250000000", REGION, None, "bucket="),
        (f"{BUCKET}.evil.example", REGION, None, "bucket="),
        (BUCKET, "", None, "region is missing"),
        (BUCKET, "ap beijing", None, "region='ap beijing'"),
        (BUCKET, "x.evil.example", None, "region="),
        (BUCKET, REGION, "127.0.0.1:8080", "endpoint_url"),
        (BUCKET, REGION, "ftp://example", "endpoint_url"),
        (BUCKET, REGION, "http://user:pw@example", "endpoint_url"),
        (BUCKET, REGION, "http://:pw@example", "endpoint_url"),
        (BUCKET, REGION, "http://@example", "endpoint_url"),
        (BUCKET, REGION, "http://{bucket}.a b", "endpoint_url"),
        (BUCKET, REGION, "http://{bucket}\\.example", "endpoint_url"),
        (BUCKET, REGION, "http://{bucket}.夜", "endpoint_url"),
        (BUCKET, REGION, "http://example:", "endpoint_url"),
        (BUCKET, REGION, "http://example/path", "endpoint_url"),
        (BUCKET, REGION, "http://example?x=1", "endpoint_url"),
        (BUCKET, REGION, "http://example:x", "endpoint_url"),
        (BUCKET, REGION, "http://[::1", "endpoint_url"),
    ],
)
def test_an_invalid_value_raises_an_error_that_names_it(bucket, region, endpoint_url, complaint):
    with pytest.raises(InvalidArgumentError, match=complaint) as caught:
        Endpoint.of_bucket(bucket, region, endpoint_url)
    assert "pw" not in str(caught.value)


bent = st.one_of(any_text, reserved_text, reserved_text.map(lambda text: f"a{text}-1"))
addresses = st.one_of(st.none(), any_text, bent.map("http://{bucket}".__add__), bent.map("https://".__add__))


@given(bent | st.just(BUCKET), bent | st.just(REGION), addresses)
def test_no_user_value_changes_the_path_or_adds_to_a_header(bucket, region, endpoint_url):
    try:
        endpoint = Endpoint.of_bucket(bucket, region, endpoint_url)
    except InvalidArgumentError:
        return
    assert re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", endpoint.host)
    url = urlsplit(endpoint.url_of(Request("GET", "/jobs", (("size", "1"),))))
    assert (f"{url.scheme}://{url.netloc}", url.path, url.query) == (endpoint.base_url, "/jobs", "size=1")
    assert url.username is url.password is None
