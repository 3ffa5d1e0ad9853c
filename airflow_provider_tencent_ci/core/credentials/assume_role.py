"""
The exchange with STS, which hands out the keys of a role that other keys may assume.

Action, version and fields are those of document 598/35840; headers and body are those that the official Python SDK
sends (docs/service.md, 9.3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from airflow_provider_tencent_ci.core.credentials.roles import AssumedRole
from airflow_provider_tencent_ci.core.credentials.sts_answer import TIME_REFUSAL_CODE, StsAnswer, read_sts_answer
from airflow_provider_tencent_ci.core.credentials.temporary_keys import read_temporary_keys, with_local_expiry
from airflow_provider_tencent_ci.core.wire.flow_steps import send
from airflow_provider_tencent_ci.core.wire.messages import Flow, Request, Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.exceptions import ApiError, CredentialsError, TransportError

# Transient errors of the service; all others are about the arguments or the permissions.
_PASSING_CODES = ("InternalError", "RequestLimitExceeded", "ResourceUnavailable")


def assume_role(origin: AssumedRole) -> Flow[Credentials]:
    """
    Request the keys of a role once. The exchange signs the request with the keys that assume it.

    :raises CredentialsError: there is no answer, STS refuses, or it hands out no usable keys.
    """
    response = yield from _ask(origin)
    answer = read_sts_answer(response.body) if response.status == 200 else None
    if answer is None:
        raise _no_answer(origin, f"HTTP {response.status}")
    if answer.error is not None:
        raise _refusal(origin, answer.request_id, *answer.error)
    return with_local_expiry(origin, read_temporary_keys(origin, _key_fields(answer)), response)


def _ask(origin: AssumedRole) -> Flow[Response]:
    try:
        return (yield from send(_request(origin)))
    except ApiError as error:  # cut off, or too large
        raise _no_answer(origin, f"HTTP {error.status}") from None
    except TransportError:  # its advice applies to the bucket's service
        raise _no_answer(origin, "nothing came") from None


def _request(origin: AssumedRole) -> Request:
    wanted = {
        "RoleArn": origin.role_arn,
        "RoleSessionName": origin.session_name,
        "DurationSeconds": origin.duration_seconds,
    }
    if origin.external_id is not None:
        wanted["ExternalId"] = origin.external_id
    headers = {
        "accept": "application/json",
        "content-type": "application/json",
        "x-tc-action": "AssumeRole",
        "x-tc-version": "2018-08-13",
        "x-tc-region": origin.region,
        "x-tc-language": "en-US",
    }
    return Request("POST", "/", headers=headers, body=json.dumps(wanted).encode())


def _key_fields(answer: StsAnswer) -> Mapping[str, object]:
    keys = answer.fields.get("Credentials")
    return {**(keys if isinstance(keys, dict) else {}), "ExpiredTime": answer.fields.get("ExpiredTime")}


def _no_answer(origin: AssumedRole, what: str) -> CredentialsError:
    return CredentialsError(f"{origin} could not be assumed: no usable answer ({what}). Check the network.")


def _refusal(origin: AssumedRole, request_id: str, code: str, message: str) -> CredentialsError:
    return CredentialsError(
        f"{origin} could not be assumed: {message} (code {code}, request id {request_id}) {_advice(code)}",
        may_pass=code.startswith(_PASSING_CODES),
    )


def _advice(code: str) -> str:
    if code == TIME_REFUSAL_CODE:
        return "Check the clock of this machine (NTP)."
    if code.startswith("AuthFailure"):
        return "Check the keys that the role is to be assumed with."
    return "Check role_arn, the role's trusted accounts, role_external_id, and that the keys may use sts:AssumeRole."
