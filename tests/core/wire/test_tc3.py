"""The signature of STS: it matches the documentation, the official SDK and the emulator's check."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common import abstract_client
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sts.v20180813.sts_client import StsClient

from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.tc3 import sign_tc3, tc3_signature

HOST = "sts.tencentcloudapi.com"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_example_of_the_documentation_is_reproduced():
    """The example of "Signature v3" over ``content-type;host``; newer versions of the page have another one."""
    signature = tc3_signature(
        "POST",
        "/",
        "",
        {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"},
        rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}',
        secret_key="Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
        service="cvm",
        timestamp=1551113065,
    )
    assert signature == "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"


def signed_by_the_sdk(parameters, credentials, host, timestamp):
    """Return the SDK's request for ``AssumeRole`` at a time: its headers, with lower-case names, and its body."""
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=host), language="en-US")
    client = StsClient(
        Credential(credentials.secret_id, credentials.secret_key, credentials.token), "ap-guangzhou", profile
    )
    sent = RequestInternal(host, "POST", "/")
    with patch.object(abstract_client, "time", SimpleNamespace(time=lambda: timestamp)):
        client._build_req_inter("AssumeRole", parameters, sent)
    return {name.lower(): value for name, value in sent.header.items()}, sent.data.encode()


words = st.text(min_size=1, max_size=40)
keys = st.from_regex(r"[A-Za-z0-9]{1,40}", fullmatch=True)
hosts = st.sampled_from([HOST, "127.0.0.1:8080", "sts.internal.tencentcloudapi.com"])
timestamps = st.integers(0, 4_000_000_000) | st.sampled_from([1767311999, 1767312000])


@given(st.dictionaries(words, words | st.integers(), max_size=4), keys, st.none() | keys, hosts, timestamps)
def test_the_official_sdk_makes_the_same_signature_for_any_request(parameters, secret_key, token, host, timestamp):
    credentials = Credentials("AKIDEXAMPLE", secret_key, token)
    headers, body = signed_by_the_sdk(parameters, credentials, host, timestamp)
    ours = sign_tc3(
        Request("POST", "/", headers={"Content-Type": "application/json"}, body=body),
        host,
        credentials,
        datetime.fromtimestamp(timestamp, UTC),
        "sts",
    )
    assert ours == {name: value for name, value in headers.items() if name in ours}
    assert headers.keys() - ours.keys() == {
        "x-tc-action",
        "x-tc-version",
        "x-tc-region",
        "x-tc-language",
        "x-tc-requestclient",
    }, "which no signature covers"


@pytest.mark.parametrize(
    "change", [{"path": "/other"}, {"query": (("a", "b"),)}, {"body": b"{ }"}, {"method": "PUT"}], ids=str
)
def test_each_signed_part_changes_the_signature(change):
    request = {"method": "POST", "path": "/", "headers": {"content-type": "application/json"}, "body": b"{}"}
    signed = [
        sign_tc3(Request(**fields), HOST, Credentials("AKIDEXAMPLE", "the-key"), NOW, "sts")["authorization"]
        for fields in (request, {**request, **change})
    ]
    assert signed[0] != signed[1]
