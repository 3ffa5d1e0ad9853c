"""Assuming a role: the request, the reaction to each answer, the time, and the secrets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tencentcloud.sts.v20180813.models import AssumeRoleRequest

from airflow_provider_tencent_ci.core.credentials.assume_role import assume_role
from airflow_provider_tencent_ci.core.credentials.roles import AssumedRole
from airflow_provider_tencent_ci.core.credentials.sts_answer import StsDialect
from airflow_provider_tencent_ci.core.wire.exchange import RawResponse, read_response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig
from airflow_provider_tencent_ci.exceptions import CredentialsError, UnreadableResponseError
from tests.core.script import LOST, REFUSED, START, Script, respond
from tests.core.wire.test_exchange import Service
from tests.core.wire.test_tc3 import signed_by_the_sdk

BASE = Credentials("AKIDEXAMPLE", "the-secret-key", "the/session=token==")
ARN = "qcs::cam::uin/100000000001:roleName/media"
ORIGIN = AssumedRole(BASE, ARN)
HOST = "sts.tencentcloudapi.com"
CREDENTIALS = {"TmpSecretId": "AKIDTEMPORARY", "TmpSecretKey": "temporary-secret", "Token": "temporary-token=="}
FIELDS = {"Credentials": CREDENTIALS, "ExpiredTime": 1767326645, "RequestId": "the-request"}
KEYS = Credentials("AKIDTEMPORARY", "temporary-secret", "temporary-token==", datetime(2026, 1, 2, 4, 4, 5, tzinfo=UTC))


def answer(**changes):
    fields = {name: value for name, value in {**FIELDS, **changes}.items() if value is not ...}
    return respond(json.dumps({"Response": fields}))


def refusal(code, message="No.", **changes):
    return answer(Credentials=..., ExpiredTime=..., Error={"Code": code, "Message": message}, **changes)


def ask(script, origin=ORIGIN):
    return script.run(assume_role(origin))


def failed(step):
    """Return the error of one answer, which is not requested again here."""
    script = Script([step])
    with pytest.raises(CredentialsError) as caught:
        ask(script)
    assert len(script.requests) == 1
    assert not caught.value.request_sent
    assert str(caught.value).startswith(f"The role {ARN} (https://{HOST})")
    assert "temporary" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("external_id", [None, "an-id"])
def test_the_request_equals_that_of_the_official_sdk(external_id):
    origin = AssumedRole(BASE, ARN, "nightly", external_id, 900)
    script = Script([answer()])
    assert ask(script, origin) == KEYS
    [sent] = script.requests
    ours = StsDialect().sign(sent, HOST, BASE, START)
    request = AssumeRoleRequest()
    request.RoleArn, request.RoleSessionName, request.DurationSeconds = ARN, "nightly", 900
    request.ExternalId = external_id
    theirs, body = signed_by_the_sdk(request._serialize(), BASE, HOST, int(START.timestamp()))
    wanted = {name: value for name, value in json.loads(body).items() if value is not None}
    assert (sent.method, sent.path, json.loads(sent.body)) == ("POST", "/", wanted)
    unlike = {"accept", "authorization", "x-tc-requestclient"}
    assert {name: ours[name] for name in ours.keys() - unlike} == {
        name: theirs[name] for name in theirs.keys() - unlike
    }


@pytest.mark.parametrize("ahead", [timedelta(hours=-3), timedelta(0), timedelta(hours=3)])
def test_the_expiry_of_keys_is_measured_with_the_local_clock(ahead):
    handed_out_at = KEYS.expires_at - timedelta(hours=1)
    told = replace(
        answer(), headers={"date": format_datetime(handed_out_at, usegmt=True)}, received_at=handed_out_at - ahead
    )
    assert ask(Script([told])).expires_at == KEYS.expires_at - ahead


@pytest.mark.parametrize(
    ("code", "advice", "may_pass"),
    [
        ("InternalError", "Check role_arn", True),
        ("InternalError.DbError", "Check role_arn", True),
        ("RequestLimitExceeded", "Check role_arn", True),
        ("ResourceUnavailable.Busy", "Check role_arn", True),
        ("UnauthorizedOperation", "Check role_arn, the role's trusted accounts, role_external_id", False),
        ("ResourceNotFound.RoleNotFound", "that the keys may use sts:AssumeRole.", False),
        ("AuthFailure.SignatureFailure", "Check the keys that the role is to be assumed with.", False),
        ("AuthFailure.SignatureExpire", "Check the clock of this machine (NTP).", False),
    ],
)
def test_a_refusal_contains_its_cause_and_advice(code, advice, may_pass):
    error = failed(refusal(code, "It is so."))
    assert f"could not be assumed: It is so. (code {code}, request id the-request)" in str(error)
    assert advice in str(error)
    assert error.may_pass is may_pass


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ({"Code": "x" * 81, "Message": "m" * 400}, f": {'m' * 300}… (code no code, request id the-request)"),
        ({"Code": "a b", "Message": 7}, ": no message (code no code, request id the-request)"),
        ({}, ": no message (code no code"),
        (None, ": no message (code no code"),
        ("temporary", ": no message (code no code"),
    ],
)
def test_a_refusal_of_any_form_is_short(error, shown):
    found = failed(answer(Credentials=..., Error=error))
    assert shown in str(found)
    assert not found.may_pass


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (LOST, "nothing came"),
        (REFUSED, "nothing came"),
        (UnreadableResponseError("too large", status=200), "HTTP 200"),
        (respond(json.dumps({"Response": FIELDS}), 500), "HTTP 500"),
        (respond("", 302, location="http://elsewhere.invalid/"), "HTTP 302"),
        (respond(json.dumps({"Response": FIELDS}) + " " * 65536), "HTTP 200"),
        (respond("<html>temporary</html>"), "HTTP 200"),
        (respond("[" * 60_000), "HTTP 200"),
        (respond(b"\x00\xff"), "HTTP 200"),
        (respond("[1]"), "HTTP 200"),
        (respond('{"Response": "temporary"}'), "HTTP 200"),
        (answer(RequestId=...), "HTTP 200"),
        (refusal("AuthFailure", RequestId=["temporary"]), "HTTP 200"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_foreign_answer_raises_an_error_without_its_content(step, what):
    error = failed(step)
    assert str(error).endswith(f"could not be assumed: no usable answer ({what}). Check the network.")
    assert error.may_pass


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"Credentials": ...}, "no usable TmpSecretId"),
        ({"Credentials": "temporary"}, "no usable TmpSecretId"),
        ({"Credentials": {**CREDENTIALS, "Token": "temporary\r\nx-injected: yes"}}, "no usable Token"),
        ({"ExpiredTime": "soon"}, "no usable ExpiredTime"),
    ],
)
def test_unusable_keys_raise_an_error(changes, complaint):
    assert complaint in str(failed(answer(**changes)))


def received(body, status=200):
    """Return a body as a flow gets it, and the request's signature."""
    script = Script([answer()])
    ask(script)
    signed = StsDialect().sign(script.requests[0], HOST, BASE, START)
    signature = signed["authorization"].rpartition("=")[2]
    body = body.replace("SIGNATURE", signature)
    return read_response(RawResponse(status, (), body.encode(), START), BASE, signed, StsDialect())


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize(
    "message",
    ["the-secret-key", "SIGNATURE", r"the\/session=token==", r"the/session\u003dtoken\u003d\u003d"],
)
def test_a_secret_that_sts_repeats_is_redacted_in_any_escaped_form(message, status):
    body = f'{{"Response": {{"Error": {{"Code": "AuthFailure", "Message": "<{message}>"}}, "RequestId": "1"}}}}'
    response = received(body, status)
    if status == 200:
        assert ": <***> (code AuthFailure" in str(failed(response))
    assert b"<***>" in response.body


def test_a_secret_in_a_body_that_is_not_json_is_redacted():
    assert received("<html>the-secret-key</html>").body == b"<html>***</html>"


def test_a_body_of_any_depth_is_searched():
    for depth in (*range(900, 1000), 10_000, 30_000):
        body = b"[" * depth + b"]" * depth
        assert StsDialect().error_text(200, body) == body


def test_new_keys_are_not_redacted():
    assert ask(Script([received(json.dumps({"Response": FIELDS}))])) == KEYS


@pytest.mark.parametrize(
    ("response", "is_about_time"),
    [
        (refusal("AuthFailure.SignatureExpire"), True),
        (refusal("AuthFailure.SignatureFailure"), False),
        (answer(), False),
        (respond("<Error><Code>RequestTimeTooSkewed</Code></Error>", 403), False),
    ],
)
def test_only_the_code_decides_whether_the_time_was_refused(response, is_about_time):
    assert StsDialect().may_be_time_refusal(response) is is_about_time


@pytest.mark.parametrize(
    ("ahead", "told", "corrections"),
    [
        (0, 0, [0, 0]),
        (3600, 3600, [0, 3600, 3600]),
        (-3600, -3600, [0, -3600, -3600]),
        (0, 3600, [0, 3600, 0]),
        (3600, 0, [0, 0]),
    ],
)
def test_a_request_is_signed_with_the_service_s_time_until_sts_refuses_it(ahead, told, corrections):
    """Two refreshes; the last two services send a wrong time."""

    def judge(sent):
        moment = service.now + timedelta(seconds=ahead)
        is_valid = abs(int(sent.headers["x-tc-timestamp"]) - moment.timestamp()) <= 300
        return 200, (keys if is_valid else refusal("AuthFailure.SignatureExpire")).body

    keys = answer(ExpiredTime=int(START.timestamp()) + 7200)
    service = Service(told=timedelta(seconds=told), refuse=judge)
    clock = ServiceClock()
    config = ServiceConfig("", "", Endpoint(f"https://{HOST}", HOST), BASE, dialect=StsDialect())
    for _ in range(2):
        if (ahead, told) == (3600, 0):
            with pytest.raises(CredentialsError, match=r"Check the clock of this machine \(NTP\)"):
                service.run(assume_role(ORIGIN), clock, config)
        else:
            service.run(assume_role(ORIGIN), clock, config)
    signed_with = [int(sent.headers["x-tc-timestamp"]) - int(START.timestamp()) for sent in service.sent]
    assert signed_with == corrections
