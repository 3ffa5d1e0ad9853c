from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_tencent_ci.core.credentials.machine_role import fetch_machine_role_credentials
from airflow_provider_tencent_ci.core.credentials.roles import MachineRole
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.exceptions import CredentialsError, UnreadableResponseError
from tests.core.script import LOST, REFUSED, Script, respond

PATH = "/latest/meta-data/cam/security-credentials/"
FIELDS = {
    "TmpSecretId": "AKIDTEMPORARY",
    "TmpSecretKey": "temporary-secret",
    "Token": "temporary-token==",
    "ExpiredTime": 1767326645,
    "Expiration": "2026-01-02T04:04:05Z",
    "Code": "Success",
}
KEYS = Credentials("AKIDTEMPORARY", "temporary-secret", "temporary-token==", datetime(2026, 1, 2, 4, 4, 5, tzinfo=UTC))


def answer(**changes):
    fields = {name: value for name, value in {**FIELDS, **changes}.items() if value is not ...}
    return respond(json.dumps(fields))


def ask(script, role_name="media-role"):
    return script.run(fetch_machine_role_credentials(MachineRole(role_name)))


def test_the_role_name_is_requested_and_then_its_keys():
    script = Script([respond("media-role\n"), answer()])
    assert ask(script, None) == KEYS
    assert [request.path for request in script.requests] == [PATH, f"{PATH}media-role"]


def test_a_given_role_name_is_not_requested():
    script = Script([answer()])
    assert ask(script) == KEYS
    assert [(request.method, request.path) for request in script.requests] == [("GET", f"{PATH}media-role")]


@pytest.mark.parametrize("name", ["", "\n", "<html>", "../../user-data", "a b", "r" * 129, "角色"])
def test_an_invalid_role_name_raises_an_error(name):
    with pytest.raises(CredentialsError, match="names no role"):
        ask(Script([respond(name)]), None)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"Code": "InternalError"}, "did not hand out its keys: InternalError"),
        ({"Code": ...}, "no code"),
        ({"Code": ["temporary-secret"]}, "no code"),
        ({"TmpSecretId": ...}, "no usable TmpSecretId"),
        ({"TmpSecretId": ""}, "no usable TmpSecretId"),
        ({"TmpSecretKey": None}, "no usable TmpSecretKey"),
        ({"TmpSecretKey": 7}, "no usable TmpSecretKey"),
        ({"TmpSecretKey": "temporary-secret" * 100}, "no usable TmpSecretKey"),
        ({"Token": "temporary-token\r\nx-injected: yes"}, "no usable Token"),
        ({"Token": "令牌"}, "no usable Token"),
        ({"Token": "t" * 8193}, "no usable Token"),
        ({"ExpiredTime": ...}, "no usable ExpiredTime"),
        ({"ExpiredTime": "1767326645"}, "no usable ExpiredTime"),
        ({"ExpiredTime": True}, "no usable ExpiredTime"),
        ({"ExpiredTime": 10**18}, "no usable ExpiredTime"),
        ({"ExpiredTime": 10**400}, "no usable ExpiredTime"),
    ],
)
def test_a_malformed_answer_raises_an_error_without_its_content(changes, complaint):
    with pytest.raises(CredentialsError, match=complaint) as caught:
        ask(Script([answer(**changes)]))
    assert caught.value.may_pass
    assert "temporary" not in str(caught.value)
    assert "metadata.tencentyun.com" in str(caught.value)


@pytest.mark.parametrize("ahead", [timedelta(hours=-3), timedelta(0), timedelta(hours=3)])
def test_the_expiry_of_keys_is_measured_with_the_local_clock(ahead):
    date = format_datetime(KEYS.expires_at - timedelta(hours=1), usegmt=True)
    received_at = KEYS.expires_at - timedelta(hours=1) - ahead
    script = Script([replace(respond(json.dumps(FIELDS), date=date), received_at=received_at)])
    assert ask(script).expires_at == KEYS.expires_at - ahead


def test_an_absurd_date_does_not_move_the_expiry_of_keys():
    assert ask(Script([respond(json.dumps(FIELDS), date="Fri, 31 Dec 9999 23:59:59 GMT")])) == KEYS


def test_keys_that_are_expired_on_arrival_raise_an_error():
    date = format_datetime(KEYS.expires_at + timedelta(seconds=7), usegmt=True)
    with pytest.raises(CredentialsError, match="had expired when they were handed out, by 7 seconds"):
        ask(Script([respond(json.dumps(FIELDS), date=date)]))


@pytest.mark.parametrize("body", ["", "no JSON {", "[1]", "null", '"text"', "\x00\xff", "[" * 60_000])
def test_an_answer_that_is_no_json_object_raises_an_error(body):
    with pytest.raises(CredentialsError):
        ask(Script([respond(body)]))


@pytest.mark.parametrize(
    ("step", "complaint", "may_pass"),
    [
        (LOST, "gave no usable answer. It answers on Tencent's own machines", True),
        (REFUSED, "gave no usable answer", True),
        (UnreadableResponseError("too large"), "gave no usable answer", True),
        (respond("", 404), "no role 'media-role' is bound to this machine. Bind a CAM role", False),
        (respond("", 302, location="http://elsewhere.invalid/"), "answered with HTTP 302", True),
        (respond("", 500), "answered with HTTP 500", True),
        (respond("x" * 65537), "answered with HTTP 200, 65537 bytes", True),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_missing_answer_raises_an_error_with_advice(step, complaint, may_pass):
    script = Script([step])
    with pytest.raises(CredentialsError, match=complaint) as caught:
        ask(script)
    assert caught.value.may_pass is may_pass
    assert not caught.value.request_sent
    assert len(script.requests) == 1, "another module decides about retries"
