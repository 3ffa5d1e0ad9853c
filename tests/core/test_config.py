from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.config import Endpoint
from airflow_provider_tencent_ci.core.messages import Request
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

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
    assert Endpoint.of_bucket(BUCKET, REGION, endpoint_url) == Endpoint(base_url, host)


def test_a_url_is_written_as_it_is_signed():
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
        (BUCKET, REGION, "http://example/path", "endpoint_url"),
        (BUCKET, REGION, "http://example?x=1", "endpoint_url"),
        (BUCKET, REGION, "http://example:x", "endpoint_url"),
        (BUCKET, REGION, "http://[::1", "endpoint_url"),
    ],
)
def test_what_cannot_be_right_is_an_error_that_names_it(bucket, region, endpoint_url, complaint):
    with pytest.raises(InvalidArgumentError, match=complaint) as caught:
        Endpoint.of_bucket(bucket, region, endpoint_url)
    assert "pw" not in str(caught.value)
