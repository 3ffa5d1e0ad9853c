"""The credentials of a connection: equal ones are shared, different ones are not."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_tencent_ci.core.credentials.roles import AssumedRole, MachineRole
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.hooks import connection_credentials as module
from airflow_provider_tencent_ci.hooks.connection_config import read_connection

SHOWN = sorted((Path(__file__).parents[2] / "docs" / "snippets" / "connections").glob("*.json"))
ARN = "qcs::cam::uin/100000000001:roleName/media"
KEYS = Credentials("AKIDEXAMPLE", "the-secret")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
VARIABLES = {"TENCENTCLOUD_SECRET_ID": "AKIDENVIRONMENT", "TENCENTCLOUD_SECRET_KEY": "environment-secret"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    tokens = ("TENCENTCLOUD_SESSION_TOKEN", "TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN")
    for name in (*VARIABLES, *tokens, *PROXIES, *(name.upper() for name in PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


def source(login="AKIDEXAMPLE", password="the-secret", **extra):
    extra = {"region": "ap-beijing", "bucket": "examplebucket-1250000000", **extra}
    connection = Connection(
        conn_id="media", conn_type="tencent_ci", login=login, password=password, extra=json.dumps(extra)
    )
    return read_connection(connection, None, None).credentials


def origin(**fields):
    return source(**fields)._source


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_the_documented_connections_are_parsed(environment, path):
    fields = json.loads(path.read_text("utf-8"))
    kind = fields["extra"].get("credentials", "keys")
    found = source(fields.get("login"), fields.get("password"), **fields["extra"])
    assert isinstance(found, Credentials) is (kind in ("keys", "environment"))
    assert kind in module.KINDS


def test_a_key_pair_is_the_default_and_can_be_named():
    assert source() == source(credentials="keys") == KEYS
    assert source(token="session").token == "session"


def test_the_keys_are_read_from_the_environment(environment):
    assert source(None, None, credentials="environment") == Credentials("AKIDENVIRONMENT", "environment-secret")


@pytest.mark.parametrize(
    "variable", ["TENCENTCLOUD_SESSION_TOKEN", "TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"]
)
def test_the_token_of_the_environment_is_read_under_either_name(environment, monkeypatch, variable):
    monkeypatch.setenv(variable, "environment-token")
    assert source(credentials="environment").token == "environment-token"


def test_the_role_of_the_machine_needs_no_key():
    assert origin(login=None, password=None, credentials="machine_role") == MachineRole()
    named = origin(credentials="machine_role", role_name="media", metadata_url="http://127.0.0.1:8080/")
    assert named == MachineRole("media", "http://127.0.0.1:8080")


def test_a_role_is_assumed_with_the_key_pair_by_default():
    assert origin(credentials="assume_role", role_arn=ARN) == AssumedRole(KEYS, ARN)


def test_a_role_is_assumed_with_other_credentials(environment):
    with_machine_role = origin(login=None, credentials="assume_role", role_arn=ARN, assume_role_with="machine_role")
    assert with_machine_role == AssumedRole(MachineRole(), ARN)
    with_environment = origin(credentials="assume_role", role_arn=ARN, assume_role_with="environment")
    assert with_environment.base.secret_id == "AKIDENVIRONMENT"


def test_every_field_of_an_assumed_role_is_parsed():
    fields = {"role_session_name": "nightly", "role_external_id": "an-id", "role_duration": 900}
    fields |= {"sts_url": "https://sts.internal.tencentcloudapi.com", "sts_region": "ap-beijing"}
    fields |= {"proxy": "http://proxy:3128", "verify": "/etc/ca.pem"}
    assert origin(credentials="assume_role", role_arn=ARN, **fields) == AssumedRole(
        KEYS,
        ARN,
        session_name="nightly",
        external_id="an-id",
        duration_seconds=900,
        sts_url="https://sts.internal.tencentcloudapi.com",
        region="ap-beijing",
        verify="/etc/ca.pem",
        proxy="http://proxy:3128",
    )


def test_sts_requests_use_the_environment_s_proxy_if_the_connection_has_none(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://environment:3128")
    monkeypatch.setenv("no_proxy", "sts.internal.tencentcloudapi.com")
    fields = {"credentials": "assume_role", "role_arn": ARN}
    assert origin(**fields).proxy == "http://environment:3128"
    assert origin(**fields, proxy="http://connection:3128").proxy == "http://connection:3128"
    assert origin(**fields, sts_url="https://sts.internal.tencentcloudapi.com").proxy is None
    assert origin(**fields, sts_url="http://127.0.0.1:8080").proxy is None


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"credentials": "magic"}, "credentials='magic' in extra is none of keys, machine_role, assume_role, env"),
        ({"credentials": ["keys"]}, "credentials in extra must be a text"),
        ({"credentials": "environment"}, "TENCENTCLOUD_SECRET_ID is not set in the environment of this process"),
        ({"credentials": "machine_role", "metadata_url": "localhost"}, r"metadata_url in extra must be http\(s\)://"),
        ({"credentials": "machine_role", "role_name": 7.5}, "role_name in extra"),
        ({"credentials": "assume_role"}, "role_arn in extra is missing"),
        ({"credentials": "assume_role", "role_arn": ARN, "password": ""}, "password is missing"),
        ({"credentials": "assume_role", "role_arn": ARN, "assume_role_with": "assume_role"}, "is none of keys, mach"),
        ({"credentials": "assume_role", "role_arn": ARN, "assume_role_with": "environment"}, "TENCENTCLOUD_SECRET_ID"),
        ({"credentials": "assume_role", "role_arn": ARN, "role_duration": "7200.5"}, "role_duration in extra"),
        ({"credentials": "assume_role", "role_arn": ARN, "role_duration": 43201}, "role_duration in extra"),
        ({"credentials": "assume_role", "role_arn": ARN, "role_duration": True}, "role_duration in extra"),
        ({"credentials": "assume_role", "role_arn": ARN, "sts_url": "sts"}, "sts_url in extra must be"),
    ],
)
def test_a_wrong_field_raises_an_error_that_names_field_and_connection_and_no_secret(fields, complaint):
    with pytest.raises(InvalidArgumentError, match=complaint) as caught:
        source(**fields)
    assert "Connection 'media'" in str(caught.value)
    assert "the-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"credentials": "machine_role"},
        {"credentials": "assume_role", "role_arn": ARN},
        {"credentials": "assume_role", "role_arn": ARN, "assume_role_with": "machine_role"},
    ],
)
def test_connections_to_the_same_source_share_their_keys(fields):
    assert source(**fields) is source(**fields, bucket="other-1250000000")


@pytest.mark.parametrize(
    "change",
    [
        {"login": "AKIDOTHER"},
        {"password": "other-secret"},
        {"token": "session"},
        {"role_arn": f"{ARN}-2"},
        {"role_external_id": "other"},
        {"role_duration": 3600},
        {"sts_url": "http://127.0.0.1:8080"},
        {"proxy": "http://proxy:3128"},
        {"assume_role_with": "machine_role"},
        {"credentials": "machine_role"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_connection_does_not_get_the_old_keys(change):
    fields = {"credentials": "assume_role", "role_arn": ARN}
    assert source(**fields) is not source(**{**fields, **change})


def test_threads_that_start_together_share_their_keys():
    found, start = [], threading.Barrier(16)

    def read():
        start.wait()
        found.append(source(credentials="machine_role", role_name="of-this-test-alone"))

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in found}) == 1


def test_unused_sources_are_forgotten():
    for number in range(200):
        source(credentials="machine_role", role_name=f"role-{number}")
    assert module._credentials_cache.cache_info().currsize <= 64


def test_no_repr_shows_a_secret():
    fields = {"token": "session-token", "role_external_id": "external-secret", "proxy": "http://user:pw-secret@proxy"}
    keeper = source(credentials="assume_role", role_arn=ARN, **fields)
    for shown in (repr(keeper._source), str(keeper._source), repr(keeper), repr(keeper._source.base)):
        assert not any(secret in shown for secret in ("the-secret", "session-token", "external-secret", "pw-secret"))
