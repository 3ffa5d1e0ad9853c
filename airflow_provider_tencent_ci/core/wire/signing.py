"""
The request signature of COS and CI.

The steps and their names are those of "Request Signature" (document 436/7778), so that a mismatch can be compared
with it line by line. docs/service.md, section 6, has the facts that the document does not contain.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

from airflow_provider_tencent_ci.core.wire.messages import COS, Request
from airflow_provider_tencent_ci.core.wire.request_credentials import NO_CREDENTIALS, Credentials

TOKEN_HEADER = "x-ci-security-token"  # noqa: S105 - the name of a header

# The documentation names another one for hosts of COS (docs/service.md, 1.3).
COS_TOKEN_HEADER = "x-cos-security-token"  # noqa: S105 - the name of a header

# The key time starts at a multiple of five minutes and ends ten minutes after its last use, so that all
# requests of five minutes share one SignKey. It starts a minute early for clocks that run ahead of the service's.
WINDOW_SECONDS = 300
_EARLY_SECONDS = 60
_LATE_SECONDS = 600

# Content-Length is left out: an HTTP library or a proxy may write it late (docs/service.md, 6.2).
_SIGNED_HEADERS = frozenset({"host", "content-type", "content-md5", TOKEN_HEADER, COS_TOKEN_HEADER})


_UNRESERVED = "-_.~"
_IS_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*").fullmatch
_ENCODED_ASCII = [quote(chr(code), safe=_UNRESERVED) for code in range(128)]


def encode(text: str) -> str:
    """Percent-encode all but ``A-Z a-z 0-9 - _ . ~``: a blank becomes ``%20``, a plus sign ``%2B``."""
    # The fastest way first: most names need no encoding, and translate() is faster than quote().
    if _IS_UNRESERVED(text):
        return text
    return text.translate(_ENCODED_ASCII) if text.isascii() else quote(text, safe=_UNRESERVED)


def query_string(query: Iterable[tuple[str, str | None]]) -> str:
    """Write the query exactly as it is signed, so that no server has to guess what a ``+`` means."""
    return "&".join([encode(key) if value is None else f"{encode(key)}={encode(value)}" for key, value in query])


def key_time(now: datetime) -> str:
    """Return ``KeyTime``, ``start;end`` in Unix seconds: the same text for all moments of one window."""
    start, end = _key_window(now)
    return f"{start};{end}"


def is_valid_at(moment: datetime, signed_at: datetime) -> bool:
    """
    Whether a signature made at one time is valid at another one.

    :param moment: by the clock of the server.
    :param signed_at: by the clock of the client.
    """
    start, end = _key_window(signed_at)
    return start <= moment.timestamp() <= end


def sign(request: Request, host: str, credentials: Credentials, now: datetime) -> dict[str, str]:
    """
    Return the headers to send with ``request``: its own, ``host``, the token if there is one, ``authorization``.

    :param host: the wire value of ``Host``.
    :param credentials: with ``NO_CREDENTIALS`` nothing is signed.
    :param now: the time of the signature; each attempt has a new signature.
    """
    headers = {name.lower(): value for name, value in request.headers.items()} | {"host": host}
    if credentials is NO_CREDENTIALS:
        return headers
    if credentials.token:
        headers[COS_TOKEN_HEADER if request.service == COS else TOKEN_HEADER] = credentials.token
    signed = {name: value for name, value in headers.items() if name in _SIGNED_HEADERS}
    headers["authorization"] = _authorization(
        request.method, request.path, request.query, tuple(signed.items()), credentials, key_time(now)
    )
    return headers


def secrets_of(credentials: Credentials, signed: Mapping[str, str]) -> list[str]:
    """
    Return the secrets of a signed request: key, token, ``SignKey`` and ``Signature``.

    :param signed: the headers that :func:`sign` returned; without ``authorization`` nothing was signed.
    """
    if "authorization" not in signed:
        return []
    fields = dict(field.partition("=")[::2] for field in signed["authorization"].split("&"))
    sign_key = _sign_key(credentials.secret_key, fields["q-key-time"])
    return [credentials.secret_key, credentials.token or "", sign_key, fields["q-signature"]]


def authorization(
    method: str,
    path: str,
    query: Iterable[tuple[str, str | None]],
    headers: Mapping[str, str],
    credentials: Credentials,
    sign_time: str,
) -> str:
    """
    Return the value of ``Authorization`` over exactly the parameters and headers given.

    :param path: the decoded path.
    :param sign_time: used as both ``q-sign-time`` and ``q-key-time``, as every SDK does.
    """
    return _authorization(method, path, tuple(query), tuple(headers.items()), credentials, sign_time)


@lru_cache(maxsize=256)  # the polls of one window are the same request
def _authorization(
    method: str,
    path: str,
    query: tuple[tuple[str, str | None], ...],
    headers: tuple[tuple[str, str], ...],
    credentials: Credentials,
    sign_time: str,
) -> str:
    parameters, parameter_list = _canonical(query)
    header_text, header_list = _canonical(headers)
    http_string = f"{method.lower()}\n{path}\n{parameters}\n{header_text}\n"
    string_to_sign = f"sha1\n{sign_time}\n{hashlib.sha1(http_string.encode()).hexdigest()}\n"
    signature = _hmac_sha1(_sign_key(credentials.secret_key, sign_time), string_to_sign)
    return (
        f"q-sign-algorithm=sha1&q-ak={credentials.secret_id}&q-sign-time={sign_time}&q-key-time={sign_time}"
        f"&q-header-list={header_list}&q-url-param-list={parameter_list}&q-signature={signature}"
    )


def _canonical(pairs: Iterable[tuple[str, str | None]]) -> tuple[str, str]:
    """Return ``k=v`` pairs joined by ``&`` and the keys joined by ``;``, both sorted by key."""
    ordered = sorted([(encode(key).lower(), encode(value or "")) for key, value in pairs])
    return "&".join([f"{key}={value}" for key, value in ordered]), ";".join([key for key, _ in ordered])


def _key_window(now: datetime) -> tuple[int, int]:
    start = int(now.timestamp()) // WINDOW_SECONDS * WINDOW_SECONDS
    return start - _EARLY_SECONDS, start + WINDOW_SECONDS + _LATE_SECONDS


@lru_cache(maxsize=64)
def _sign_key(secret_key: str, sign_time: str) -> str:
    return _hmac_sha1(secret_key, sign_time)


def _hmac_sha1(key: str, message: str) -> str:
    return hmac.new(key.encode(), message.encode(), hashlib.sha1).hexdigest()
