from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest
from airflow.models.connection import Connection as StoredConnection
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.hooks.connection_config import read_connection
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.provider_info import PROVIDER_INFO

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
        ({"bucket": 7}, "bucket='7'"),
        ({"bucket": ["a"]}, "bucket in extra must be a text"),
        ({"bucket": True}, "bucket in extra must be a text"),
        ({"region": None}, "region is missing"),
        ({"region": "Beijing!"}, "region='Beijing!'"),
        ({"token": 3.5}, "token in extra"),
        ({"endpoint_url": "localhost:80"}, "endpoint_url"),
        ({"verify": 3}, "verify in extra"),
        ({"request_timeout": "soon"}, "request_timeout in extra"),
        ({"request_timeout": "nan"}, "request_timeout in extra"),
        ({"request_timeout": "301"}, "request_timeout in extra"),
        ({"request_timeout": 0}, "request_timeout in extra"),
        ({"request_timeout": True}, "request_timeout in extra"),
        ({"max_connections": 0}, "max_connections in extra"),
        ({"max_connections": 101}, "max_connections in extra must be a number, more than 0, at most 100"),
        ({"max_connections": 1.5}, "max_connections in extra must be a whole number"),
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


def as_uri(**fields):
    """Return the connection of a worker's environment, and the one that the API server and the command line store."""
    query = urlencode({"region": REGION, "bucket": BUCKET, **fields})
    uri = f"tencent-ci://AKIDEXAMPLE:the-secret@/?{query}"
    yield StoredConnection(conn_id="media", uri=uri)
    if hasattr(Connection, "from_uri"):  # of Airflow's task SDK
        yield Connection.from_uri(uri, "media")


ROLE = {"credentials": "assume_role", "role_arn": "qcs::cam::uin/100000000001:roleName/media"}


@pytest.mark.parametrize(
    ("fields", "read", "value"),
    [
        ({"verify": "false"}, lambda config: config.verify, False),
        ({"verify": "False"}, lambda config: config.verify, False),
        ({"verify": "TRUE"}, lambda config: config.verify, True),
        ({"verify": ""}, lambda config: config.verify, True),
        ({"verify": "/etc/ca.pem"}, lambda config: config.verify, "/etc/ca.pem"),
        ({"request_timeout": "60"}, lambda config: config.request_timeout, 60.0),
        ({"request_timeout": "7.5"}, lambda config: config.request_timeout, 7.5),
        ({"request_timeout": ""}, lambda config: config.request_timeout, 30.0),
        ({"requests_per_second": "5"}, lambda config: config.requests_per_second, 5.0),
        ({"max_connections": "32"}, lambda config: config.max_connections, 32),
        ({"max_connections": ""}, lambda config: config.max_connections, 16),
        ({"token": "123456"}, lambda config: config.credentials.token, "123456"),
        ({"token": "00123"}, lambda config: config.credentials.token, "00123"),
        ({**ROLE, "role_duration": "3600"}, lambda config: config.credentials._source.duration_seconds, 3600),
        ({**ROLE, "role_external_id": "20260101"}, lambda config: config.credentials._source.external_id, "20260101"),
    ],
)
def test_a_connection_as_a_uri_is_read_alike_everywhere(fields, read, value):
    for found in as_uri(**fields):
        assert read(read_connection(found, None, None)) == value
    assert read(read_connection(connection(**fields), None, None)) == value


INVISIBLE = ["\u200b", "\ufeff", "\u00ad", "\u202e", "\x00", "\x7f", "密", "a\nb", "a\u00a0b"]


@pytest.mark.parametrize("character", INVISIBLE)
@pytest.mark.parametrize("place", ["before", "within", "behind"])
@pytest.mark.parametrize("field", ["login (SecretId)", "password (SecretKey)", "token in extra"])
def test_a_key_with_an_invisible_character_is_refused_by_field(monkeypatch, field, place, character):
    value = {"before": "{}EXAMPLE-SECRET", "within": "EXAMPLE{}-SECRET", "behind": "EXAMPLE-SECRET{}"}[place]
    name = field.partition(" ")[0]
    broken = connection(**{name: value.format(character)})
    with pytest.raises(InvalidArgumentError, match=re.escape(f"Connection 'media': {field} contains ")) as caught:
        read_connection(broken, None, None)
    assert "EXAMPLE" not in str(caught.value)
    assert str(caught.value).isprintable()
    monkeypatch.setattr(TencentCIHook, "get_connection", lambda *_: broken)
    assert TencentCIHook("media").test_connection() == (False, str(caught.value).removeprefix("Connection 'media': "))


@pytest.mark.parametrize("variable", ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN"])
def test_a_variable_with_an_invisible_character_is_named(monkeypatch, variable):
    for name in ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN"):
        monkeypatch.setenv(name, "EXAMPLE\u200b" if name == variable else "EXAMPLE")
    with pytest.raises(InvalidArgumentError, match=f"{variable} contains .*zero width space.* at position 8"):
        read_connection(connection(credentials="environment"), None, None)


FORM_FIELDS = PROVIDER_INFO["connection-types"][0]["conn-fields"]


@pytest.mark.parametrize("empty", [None, "", " "])
@pytest.mark.parametrize(
    "field", sorted({*FORM_FIELDS, "request_timeout", "requests_per_second"} - {"region", "bucket"})
)
def test_a_field_that_a_form_leaves_empty_has_its_default(field, empty):
    assert read_connection(connection(**{field: empty}), None, None) == read_connection(connection(), None, None)


@pytest.mark.parametrize("empty", [None, "", " "])
def test_an_empty_duration_of_a_role_is_the_default(empty):
    role = {"credentials": "assume_role", "role_arn": "qcs::cam::uin/100000000001:roleName/ci"}
    assert read_connection(connection(**role, role_duration=empty), None, None) == read_connection(
        connection(**role), None, None
    )
