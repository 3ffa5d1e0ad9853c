"""
The signature TC3-HMAC-SHA256 of Tencent's API, which STS is a part of.

The steps and their names are those of "Signature v3" (document 1084/39391), so that a mismatch can be compared with it
line by line. It signs the same parts as the official Python SDK (docs/service.md, 9.3).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.signing import query_string

_ALGORITHM = "TC3-HMAC-SHA256"


def sign_tc3(request: Request, host: str, credentials: Credentials, now: datetime, service: str) -> dict[str, str]:
    """
    Return the headers to send with ``request``: its own, ``host``, time, token if there is one, ``authorization``.

    :param request: it needs a ``Content-Type``.
    :param host: the wire value of ``Host``.
    :param now: the time of the signature.
    :param service: the service that the signature names, such as ``sts``.
    """
    timestamp = int(now.timestamp())
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers |= {"host": host, "x-tc-timestamp": str(timestamp)}
    if credentials.token:
        headers["x-tc-token"] = credentials.token
    signature = tc3_signature(
        request.method,
        request.path,
        query_string(request.query),
        {name: headers[name] for name in ("content-type", "host")},
        request.body,
        secret_key=credentials.secret_key,
        service=service,
        timestamp=timestamp,
    )
    headers["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.secret_id}/{tc3_scope(service, timestamp)}, "
        f"SignedHeaders=content-type;host, Signature={signature}"
    )
    return headers


def tc3_scope(service: str, timestamp: int) -> str:
    """Return ``CredentialScope``: the day of the signature in UTC, and the service."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d}/{service}/tc3_request"


def tc3_signature(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secret_key: str,
    service: str,
    timestamp: int,
) -> str:
    """
    Return the signature of a request.

    :param path: as it is on the wire, like ``query``.
    :param headers: exactly those to sign, in their order, with lower-case names.
    :param timestamp: Unix seconds.
    """
    header_text = "".join(f"{name}:{value.strip()}\n" for name, value in headers.items())
    canonical_request = f"{method}\n{path}\n{query}\n{header_text}\n{';'.join(headers)}\n{_sha256(body)}"
    scope = tc3_scope(service, timestamp)
    string_to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{_sha256(canonical_request.encode())}"
    key = f"TC3{secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac_sha256(key, part)
    return _hmac_sha256(key, string_to_sign).hex()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hmac_sha256(key: bytes, message: str) -> bytes:
    return hmac.new(key, message.encode(), hashlib.sha256).digest()
