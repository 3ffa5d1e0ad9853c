from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.hooks.connection_config import read_connection

BUCKET, REGION = "examplebucket-1250000000", "ap-beijing"
HOST = f"{BUCKET}.ci.{REGION}.myqcloud.com"


@pytest.fixture(autouse=True)
def no_proxy_in_the_environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def connection(login="AKIDEXAMPLE", password="the-secret", extra=None, **fields):
    extra = {"region": REGION, "bucket": BUCKET, **fields} if extra is None else extra
    return Connection(
        conn_id="media", conn_type="tencent_ci", login=login, password=password,
        extra=extra if isinstance(extra, str) else json.dumps(extra),
    )  # fmt: skip


def test_a_plain_connection_is_enough():
    config = read_connection(connection(), None, None)
    assert (config.bucket, config.region) == (BUCKET, REGION)
    assert (config.endpoint.base_url, config.endpoint.host) == (f"https://{HOST}", HOST)
    assert (config.credentials.secret_id, config.credentials.secret_key) == ("AKIDEXAMPLE", "the-secret")
    assert config.credentials.token is None
    assert (config.verify, config.proxy, config.request_timeout) == (True, None, 30.0)


def test_the_bucket_and_region_of_the_task_take_precedence():
    config = read_connection(connection(), "other-1250000000", "ap-shanghai")
    assert config.endpoint.host == "other-1250000000.ci.ap-shanghai.myqcloud.com"


def test_every_field_of_extra_is_parsed():
    fields = {"token": "session", "endpoint_url": "http://127.0.0.1:8080", "verify": "/etc/ca.pem"}
    config = read_connection(connection(**fields, proxy="http://proxy:3128", request_timeout=5), None, None)
    assert config.credentials.token == "session"
    assert (config.endpoint.base_url, config.endpoint.host) == ("http://127.0.0.1:8080", HOST)
    assert (config.verify, config.proxy, config.request_timeout) == ("/etc/ca.pem", "http://proxy:3128", 5.0)


def test_spaces_around_pasted_keys_are_removed():
    config = read_connection(connection(login=" AKIDEXAMPLE\n", password="the-secret \n"), None, None)
    assert (config.credentials.secret_id, config.credentials.secret_key) == ("AKIDEXAMPLE", "the-secret")


def test_the_proxy_of_the_environment_is_used_with_its_exceptions(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert read_connection(connection(), None, None).proxy == "http://proxy:3128"
    monkeypatch.setenv("no_proxy", "myqcloud.com")
    assert read_connection(connection(), None, None).proxy is None


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ({"login": None}, "login is missing: it holds the SecretId"),
        ({"login": ""}, "login is missing"),
        ({"password": None}, "password is missing: it holds the SecretKey"),
        ({"extra": "[1]"}, "extra must be a JSON object"),
        ({"extra": {}}, "bucket is missing"),
        ({"bucket": ""}, "bucket is missing"),
        ({"bucket": "short"}, "bucket='short'"),
        ({"bucket": 7}, "bucket in extra must be a text"),
        ({"region": None}, "region is missing"),
        ({"region": "Beijing!"}, "region='Beijing!'"),
        ({"token": 3}, "token in extra"),
        ({"endpoint_url": "localhost:80"}, "endpoint_url"),
        ({"verify": 3}, "verify in extra"),
        ({"verify": ""}, "verify in extra"),
        ({"request_timeout": "5"}, "request_timeout in extra"),
        ({"request_timeout": 0}, "request_timeout in extra"),
        ({"request_timeout": True}, "request_timeout in extra"),
    ],
)
def test_a_wrong_field_raises_an_error_that_names_field_and_connection_and_no_secret(broken, complaint):
    with pytest.raises(InvalidArgumentError, match=complaint) as caught:
        read_connection(connection(**broken), None, None)
    assert "Connection 'media'" in str(caught.value)
    assert "the-secret" not in str(caught.value)


def test_extra_that_is_no_json_raises_an_error():
    broken = connection()
    object.__setattr__(broken, "_extra" if hasattr(broken, "_extra") else "extra", "{region")
    with pytest.raises(InvalidArgumentError, match=r"Connection 'media'"):
        read_connection(broken, None, None)
