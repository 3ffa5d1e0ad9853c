"""The emulator's metadata service and STS; Tencent's own SDK checks the latter."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.auth.roles import Role
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.protocol.http_messages import WireRequest
from tests.emulator.wire import JOBS, KEYS, call, control, exchange

sts_client = pytest.importorskip("tencentcloud.sts.v20180813.sts_client")

from tencentcloud.common.credential import Credential  # noqa: E402 - after the check for the SDK
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException  # noqa: E402
from tencentcloud.common.profile.client_profile import ClientProfile  # noqa: E402
from tencentcloud.common.profile.http_profile import HttpProfile  # noqa: E402
from tencentcloud.sts.v20180813.models import AssumeRoleRequest  # noqa: E402

PATH = "/latest/meta-data/cam/security-credentials/"
ARN = Role(defaults.ROLE_NAME).arn


def metadata(emulator: Emulator, name: str = "") -> Any:
    return exchange(emulator, "GET", PATH + name, {"host": "metadata.tencentyun.com"})


def machine_keys(emulator: Emulator) -> Credentials:
    fields = json.loads(metadata(emulator, defaults.ROLE_NAME).body)
    return Credentials(fields["TmpSecretId"], fields["TmpSecretKey"], fields["Token"])


def assume(
    emulator: Emulator,
    *,
    keys: Credentials = KEYS,
    region: str = "ap-guangzhou",
    **fields: Any,
) -> Any:
    """Call AssumeRole with the official client."""
    profile = ClientProfile(
        httpProfile=HttpProfile(protocol="http", endpoint=emulator.url.removeprefix("http://"), reqTimeout=5)
    )
    client = sts_client.StsClient(Credential(keys.secret_id, keys.secret_key, keys.token), region, profile)
    request = AssumeRoleRequest()
    for name, value in {"RoleArn": ARN, "RoleSessionName": "tests", **fields}.items():
        setattr(request, name, value)
    return client.AssumeRole(request)


def keys_of(answer: Any) -> Credentials:
    keys = answer.Credentials
    return Credentials(keys.TmpSecretId, keys.TmpSecretKey, keys.Token)


def status(emulator: Emulator, keys: Credentials, *, with_token: bool = True) -> tuple[int, str | None]:
    """List jobs with temporary keys."""
    token = {"x-ci-security-token": keys.token or ""} if with_token else {}
    answer = call(emulator, "GET", JOBS, keys=keys, headers=token)
    return answer.status, answer.code if answer.status != 200 else None


def test_the_metadata_service_names_the_role_and_hands_out_keys(emulator):
    assert metadata(emulator).body.decode() == defaults.ROLE_NAME
    fields = json.loads(metadata(emulator, defaults.ROLE_NAME).body)
    assert set(fields) == {"TmpSecretId", "TmpSecretKey", "Token", "ExpiredTime", "Expiration", "Code"}
    assert fields["Code"] == "Success"
    assert abs(fields["ExpiredTime"] - emulator.now().timestamp() - 7200) < 60
    assert datetime.fromisoformat(fields["Expiration"]) == datetime.fromtimestamp(fields["ExpiredTime"], UTC)


@pytest.mark.parametrize("name", ["", defaults.ROLE_NAME])
def test_a_machine_without_a_role_gets_404(emulator, name):
    emulator.bind_role(None)
    assert metadata(emulator, name).status == 404


def test_another_role_than_the_machine_s_gets_404(emulator):
    emulator.add_role("other-role")
    assert metadata(emulator, "other-role").status == 404
    emulator.bind_role("other-role")
    assert metadata(emulator, "other-role").status == 200


@pytest.mark.parametrize("get", [machine_keys, lambda emulator: keys_of(assume(emulator))], ids=["metadata", "sts"])
def test_keys_are_accepted_with_their_token_until_they_expire(emulator, get):
    keys = get(emulator)
    assert status(emulator, keys) == (200, None)
    assert status(emulator, keys, with_token=False)[0] in (401, 403)
    emulator.advance(7100)
    assert status(emulator, keys) == (200, None)
    emulator.advance(100)
    assert status(emulator, keys) == (400, "ExpiredToken")


def test_keys_may_have_expired_when_they_arrive(emulator):
    emulator.configure(temporary_key_seconds=0)
    assert status(emulator, machine_keys(emulator)) == (400, "ExpiredToken")
    assert status(emulator, keys_of(assume(emulator))) == (400, "ExpiredToken")


def test_keys_have_the_permissions_of_their_role(emulator):
    emulator.add_role(defaults.ROLE_NAME, actions=["ci:CreateInventoryTriggerJob"])
    assert status(emulator, machine_keys(emulator)) == (403, "AccessDenied")


def test_issued_keys_are_listed_and_counted(emulator):
    metadata(emulator)
    assert emulator.temporary_keys == []
    first, second = machine_keys(emulator), keys_of(assume(emulator))
    assert [key.secret_id for key in emulator.temporary_keys] == [first.secret_id, second.secret_id]
    assert [emulator.count(name) for name in ("metadata_roles", "metadata", "assume_role")] == [1, 1, 1]
    assert not any(key.token in repr(key) or key.secret_key in repr(key) for key in emulator.temporary_keys)
    emulator.reset()
    assert emulator.temporary_keys == []


def test_the_sdk_assumes_a_role_for_the_requested_duration(emulator):
    answer = assume(emulator, DurationSeconds=900)
    assert abs(answer.ExpiredTime - emulator.now().timestamp() - 900) < 60
    assert answer.RequestId


def test_the_sdk_assumes_a_role_with_temporary_keys(emulator):
    assert status(emulator, keys_of(assume(emulator, keys=machine_keys(emulator)))) == (200, None)


def test_an_external_id_must_be_known(emulator):
    emulator.add_role(defaults.ROLE_NAME, external_id="an-id")
    assert refusal(emulator) == "UnauthorizedOperation"
    assert refusal(emulator, ExternalId="other") == "UnauthorizedOperation"
    assert assume(emulator, ExternalId="an-id").Credentials


def refusal(emulator: Emulator, **fields: Any) -> str:
    with pytest.raises(TencentCloudSDKException) as caught:
        assume(emulator, **fields)
    assert caught.value.requestId
    assert emulator.temporary_keys == []
    return str(caught.value.code)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"keys": Credentials(defaults.SECRET_ID, "wrong")}, "AuthFailure.SignatureFailure"),
        ({"keys": Credentials("AKIDUNKNOWN", defaults.SECRET_KEY)}, "AuthFailure.SecretIdNotFound"),
        ({"keys": Credentials(defaults.SECRET_ID, defaults.SECRET_KEY, "token")}, "AuthFailure.TokenFailure"),
        ({"RoleArn": "qcs::cam::uin/100000000001:roleName/nobody"}, "ResourceNotFound.RoleNotFound"),
        ({"RoleSessionName": "a b"}, "InvalidParameter.ParamError"),
        ({"RoleSessionName": None}, "InvalidParameter.ParamError"),
        ({"DurationSeconds": 43201}, "InvalidParameter.OverTimeError"),
        ({"DurationSeconds": "900"}, "InvalidParameter.OverTimeError"),
        ({"region": ""}, "MissingParameter"),
    ],
)
def test_sts_refuses_a_wrong_request(emulator, fields, code):
    assert refusal(emulator, **fields) == code


def test_sts_refuses_keys_that_may_not_assume_a_role(emulator):
    emulator.add_key("AKIDLIMITED", "limited-key", actions=["ci:CreateInventoryTriggerJob"])
    assert refusal(emulator, keys=Credentials("AKIDLIMITED", "limited-key")) == "UnauthorizedOperation"


def test_sts_refuses_temporary_keys_that_have_expired():
    with Emulator() as emulator:
        emulator.add_key("AKIDOLD", "old-key", token="t", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        assert refusal(emulator, keys=Credentials("AKIDOLD", "old-key", "t")) == "AuthFailure.TokenFailure"


@pytest.mark.parametrize("seconds", [-600, 600])
def test_sts_refuses_a_clock_that_is_off(emulator, seconds):
    emulator.configure(clock_offset_seconds=seconds)
    assert refusal(emulator) == "AuthFailure.SignatureExpire"


@pytest.mark.parametrize("keys", [KEYS, Credentials(defaults.SECRET_ID, "wrong")], ids=["handed out", "refused"])
def test_each_answer_of_sts_contains_the_service_s_date(emulator, keys, monkeypatch):
    replies = []
    answer = emulator.answer
    monkeypatch.setattr(emulator, "answer", lambda exchange: replies.append(answer(exchange)) or replies[-1])
    emulator.advance(200)
    with suppress(TencentCloudSDKException):
        assume(emulator, keys=keys)
    told = parsedate_to_datetime(replies[0].headers["Date"])
    assert abs(told - emulator.now()) < timedelta(seconds=60)


def signed_by_the_sdk(emulator: Emulator) -> WireRequest:
    """Return a request as the SDK sent it, to be changed by a test."""
    caught: list[WireRequest] = []
    receive = emulator.receive
    emulator.receive = lambda request: caught.append(request) or receive(request)  # type: ignore[method-assign]
    try:
        assume(emulator)
    finally:
        del emulator.receive
    return caught[0]


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (lambda headers, body: (headers, body), None),
        (lambda headers, body: (headers, body.replace(b"tests", b"other")), "AuthFailure.SignatureFailure"),
        (lambda headers, body: ({**headers, "content-type": "text/plain"}, body), "AuthFailure.SignatureFailure"),
        (lambda headers, body: ({**headers, "x-tc-timestamp": "soon"}, body), "AuthFailure.SignatureExpire"),
        (lambda headers, body: ({**headers, "x-tc-version": "2017-03-12"}, body), "InvalidAction"),
        (lambda headers, body: ({**headers, "x-tc-action": "GetFederationToken"}, body), "InvalidAction"),
        (lambda headers, body: ({**headers, "authorization": "nonsense"}, body), "AuthFailure.InvalidAuthorization"),
        (
            lambda headers, body: (
                {**headers, "authorization": headers["authorization"].replace("content-type;host", "host")},
                body,
            ),
            "AuthFailure.InvalidAuthorization",
        ),
        (
            lambda headers, body: (
                {**headers, "authorization": headers["authorization"].replace("/sts/", "/cvm/")},
                body,
            ),
            "AuthFailure.InvalidAuthorization",
        ),
    ],
)
def test_a_request_that_was_tampered_with_is_refused(emulator, tamper, code):
    sent = signed_by_the_sdk(emulator)
    headers, body = tamper(dict(sent.headers), sent.body)
    headers["content-length"] = str(len(body))
    answer = json.loads(exchange(emulator, "POST", "/", headers, body).body)["Response"]
    assert answer.get("Error", {}).get("Code") == code


@pytest.mark.parametrize("operation", ["metadata_roles", "metadata", "assume_role"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("error", {"status": 418}), ("garbage_body", {}), ("truncated_xml", {}), ("bad_gateway", {}), ("redirect", {})],
)
def test_faults_apply_to_the_key_services_too(emulator, operation, kind, options):
    fault = emulator.inject(kind, operation=operation, **options)
    if operation == "assume_role":
        with pytest.raises(TencentCloudSDKException):
            assume(emulator)
    else:
        answer = metadata(emulator, defaults.ROLE_NAME if operation == "metadata" else "")
        assert answer.status != 200 or b"Success" not in answer.body
    assert fault.injected == 1


def test_the_sdk_parses_an_error_of_sts(emulator):
    emulator.inject("error", operation="assume_role", status=200, code="InternalError.DbError")
    assert refusal(emulator) == "InternalError.DbError"


@pytest.mark.parametrize("kind", ["unknown_state", "missing_nodes"])
def test_faults_of_xml_do_not_change_json(emulator, kind):
    emulator.inject(kind)
    assert machine_keys(emulator).token


def test_the_control_api_adds_and_binds_a_role(emulator):
    code, answer = control(emulator, "POST", "roles", name="media", external_id="an-id", bound=True)
    assert (code, answer) == (200, {"arn": "qcs::cam::uin/100000000001:roleName/media"})
    assert metadata(emulator).body == b"media"


@pytest.mark.parametrize("credentials", ["keys", "machine_role", "assume_role"])
def test_there_is_a_connection_for_each_kind_of_credentials(emulator, credentials):
    connection = json.loads(emulator.connection_json(credentials))
    assert connection["extra"].get("credentials", "keys") == credentials
    assert ("login" in connection) is (credentials != "machine_role")


def test_there_is_no_connection_for_other_credentials(emulator):
    with pytest.raises(ValueError, match="not one of keys, machine_role, assume_role"):
        emulator.connection("magic")
