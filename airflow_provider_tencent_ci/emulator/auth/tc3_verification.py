"""
The signature TC3-HMAC-SHA256 of Tencent's API, which STS is a part of: the check (docs/service.md, 9.3).

The tests check this, and the signature itself, with the official Python SDK.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import datetime

from airflow_provider_tencent_ci.core.wire.tc3 import tc3_scope, tc3_signature
from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.emulator.protocol.http_messages import WireRequest

__all__ = ["check_tc3"]

# The largest accepted difference between the request's time and the service's (documented).
_TOLERANCE_SECONDS = 300

_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/,\s]+)/(?P<scope>\d{4}-\d\d-\d\d/(?P<service>[a-z]+)/tc3_request), ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_MUST_BE_SIGNED = frozenset({"content-type", "host"})


def check_tc3(
    request: WireRequest, keys: Mapping[str, AccessKey], *, service: str, signed_at: datetime, now: datetime
) -> AccessKey:
    """
    Return the key that signed ``request``.

    :param service: the service that the signature must name.
    :param signed_at: the service's time without the seconds that a test put it forward.
    :param now: the service's time.
    :raises ServiceError: the signature is missing or wrong, its key is unknown, or it is not valid now.
    """
    claim = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if claim is None or claim["service"] != service or _MUST_BE_SIGNED - set(claim["headers"].split(";")):
        raise _refused("InvalidAuthorization", "Authorization is missing or malformed.")
    key = keys.get(claim["id"])
    if key is None:
        raise _refused("SecretIdNotFound", "The SecretId is not found.")
    timestamp = _timestamp(request)
    if not signed_at.timestamp() - _TOLERANCE_SECONDS <= timestamp <= now.timestamp() + _TOLERANCE_SECONDS:
        raise _refused("SignatureExpire", "The signature has expired, or it is not valid yet.")
    expected = _signature(request, claim["headers"], key.secret_key, service, timestamp)
    if claim["scope"] != tc3_scope(service, timestamp) or not hmac.compare_digest(expected, claim["signature"]):
        raise _refused("SignatureFailure", "The signature does not match the request.")
    if request.headers.get("x-tc-token") != key.token:
        raise _refused("TokenFailure", "The token does not belong to the key.")
    if key.expires_at is not None and now >= key.expires_at:
        raise _refused("TokenFailure", "The token has expired.")
    return key


def _timestamp(request: WireRequest) -> int:
    text = request.headers.get("x-tc-timestamp", "")
    if not re.fullmatch("[0-9]{1,11}", text):
        raise _refused("SignatureExpire", "X-TC-Timestamp is missing or not a number.")
    return int(text)


def _signature(request: WireRequest, signed_headers: str, secret_key: str, service: str, timestamp: int) -> str:
    return tc3_signature(
        request.method,
        request.target.partition("?")[0],
        request.raw_query,
        {name: request.headers.get(name, "") for name in signed_headers.split(";")},
        request.body,
        secret_key=secret_key,
        service=service,
        timestamp=timestamp,
    )


def _refused(reason: str, message: str) -> ServiceError:
    """Return a refusal; Tencent's API sends them with status 200."""
    return ServiceError(200, f"AuthFailure.{reason}", message)
