"""
The signature of CI and COS: which key signed a request, and whether it arrived as it was signed (docs/service.md, 6.1).

A signature covers only the headers and parameters that ``q-header-list`` and ``q-url-param-list`` name. Where CI's and
COS's documents name an error differently, the error has both names.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.signing import (
    COS_TOKEN_HEADER,
    TOKEN_HEADER,
    authorization,
    encode,
)
from airflow_provider_tencent_ci.emulator.model.switches import SignatureRules
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.emulator.protocol.http_messages import WireRequest

__all__ = ["SIGNATURE_PARAMETERS", "AccessKey", "check_signature"]

# The official SDKs disagree about the name on CI's hosts. COS has one name (docs/service.md, 1.3).
_CI_TOKEN_HEADERS = (TOKEN_HEADER, COS_TOKEN_HEADER)
_FIELDS = (
    "q-sign-algorithm",
    "q-ak",
    "q-sign-time",
    "q-key-time",
    "q-header-list",
    "q-url-param-list",
    "q-signature",
)
_DOCUMENTED_WRONG = SignatureRules().wrong_signature
_WINDOW = re.compile(r"([0-9]{1,12});([0-9]{1,12})")
#: The parameters with which a signed URL carries its signature: as seven fields, or all of them in one (``sign``); and
#: the token of temporary keys, which the SDKs add after signing (docs/service.md, 6.6).
SIGNATURE_PARAMETERS = frozenset({*_FIELDS, "sign", *_CI_TOKEN_HEADERS})
# The official Python SDK sends `?cancel` without listing it (docs/service.md, 6.5).
_MAY_BE_UNSIGNED = frozenset({"cancel", *_CI_TOKEN_HEADERS})


@dataclass(frozen=True, slots=True)
class AccessKey:
    """
    A key pair that the emulator knows.

    :param secret_id: SecretId.
    :param secret_key: SecretKey.
    :param token: the session token, which requests must carry; ``None`` for permanent keys.
    :param actions: the CAM actions it may use, such as ``ci:DescribeInventoryTriggerJobs``; ``None``: all.
    :param expires_at: when it expires (aware), by the service's clock; ``None``: never.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    actions: frozenset[str] | None = None
    expires_at: datetime | None = None


def check_signature(
    request: WireRequest,
    keys: Mapping[str, AccessKey],
    rules: SignatureRules,
    *,
    signed_at: datetime,
    now: datetime,
    for_objects: bool = False,
) -> AccessKey:
    """
    Return the key that signed ``request``.

    :param signed_at: the service's time without the seconds that a test put it forward. A client may sign with this
        time or with ``now``.
    :param now: the service's time.
    :param for_objects: whether the request came to a host of COS.
    :raises ServiceError: the signature is missing or wrong, its key is unknown, or it is not valid now.
    """
    claim = _read_claim(request)
    key = keys.get(claim["q-ak"])
    if key is None:
        raise ServiceError(
            401, "SecretidNotExist", f"There is no key {claim['q-ak']!r}.", cos=(403, "InvalidAccessKeyId")
        )
    _check_window(claim, rules, signed_at, now)
    parameters = [(name, value) for name, value in request.parameters if name not in (*_FIELDS, "sign")]
    if rules.all_parameters_signed:
        _check_all_listed(claim, parameters)
    wrong = _DOCUMENTED_WRONG if for_objects else rules.wrong_signature
    _check_against_key(claim, request, parameters, key, wrong)
    _check_token(request, key, now, _token_headers(rules, for_objects=for_objects))
    return key


def _read_claim(request: WireRequest) -> dict[str, str]:
    """Read the seven fields of a signature from the header or from the query (docs/service.md, 6.6)."""
    text = request.headers.get("authorization") or request.query.get("sign", "")
    given = {name: value for name, _, value in (part.partition("=") for part in text.split("&"))}
    given = given if text else request.query
    if not text and "q-signature" not in given:
        raise ServiceError(401, "MissingAuthorization", "The request is not signed.", cos=(403, "AccessDenied"))
    if missing := [name for name in _FIELDS if name not in given]:
        raise _invalid(f"Authorization lacks {', '.join(missing)}.")
    if given["q-sign-algorithm"] != "sha1":
        raise _invalid(f"q-sign-algorithm is {given['q-sign-algorithm']!r}, not 'sha1'.")
    if given["q-sign-time"] != given["q-key-time"]:  # every SDK sends them equal (docs/service.md, 6.1)
        raise _invalid("q-sign-time and q-key-time differ.")
    return given


def _check_window(claim: Mapping[str, str], rules: SignatureRules, signed_at: datetime, now: datetime) -> None:
    """Check the time: the start may be ``skew_seconds`` ahead, the end is exact (assumed; docs/service.md, 6.3)."""
    window = _WINDOW.fullmatch(claim["q-sign-time"])
    if window is None:
        raise _invalid(f"q-sign-time {claim['q-sign-time']!r} does not have the form start;end.")
    start, end = int(window[1]), int(window[2])
    if signed_at.timestamp() > end:
        raise ServiceError(
            401,
            "SignatureExpired",
            "The signature has expired: the end of q-sign-time is past.",
            cos=(403, "AccessDenied"),
            cos_message="Request has expired",
        )
    if now.timestamp() + rules.skew_seconds < start:
        raise ServiceError(
            401, "SignatureExpired", "The signature is not valid yet.", cos=(403, "RequestTimeTooSkewed")
        )


def _check_all_listed(claim: Mapping[str, str], parameters: Iterable[tuple[str, str]]) -> None:
    listed = _names(claim["q-url-param-list"])
    for name, _ in parameters:
        if _signed_name(name) not in listed | _MAY_BE_UNSIGNED:
            raise _invalid(f"The query parameter {name!r} is not in q-url-param-list.")


def _check_against_key(
    claim: Mapping[str, str],
    request: WireRequest,
    parameters: Iterable[tuple[str, str]],
    key: AccessKey,
    wrong: str,
) -> None:
    """
    Sign the listed parts with the key, for each form of ``Host``, and compare the results with the signature.

    :param wrong: status and code of the refusal.
    """
    listed = _names(claim["q-url-param-list"])
    query = [(name, value) for name, value in parameters if _signed_name(name) in listed]
    if missing := sorted(listed - {_signed_name(name) for name, _ in query}):
        raise _invalid(f"q-url-param-list names {missing[0]!r}, which the request does not have.")
    credentials = Credentials(key.secret_id, key.secret_key)
    for headers in _header_forms(claim, request):
        expected = authorization(
            request.method, request.path, query, headers, credentials, claim["q-sign-time"]
        ).rpartition("=")[2]
        if hmac.compare_digest(expected.encode(), claim["q-signature"].encode(errors="replace")):
            return
    raise _mismatch(claim, request, query, wrong)


def _header_forms(claim: Mapping[str, str], request: WireRequest) -> Iterator[dict[str, str]]:
    """Yield the listed headers with ``Host`` as it was sent, then without its port (docs/service.md, 6.2)."""
    listed = _names(claim["q-header-list"])
    present = {_signed_name(name): (name, value) for name, value in request.headers.items()}
    if missing := sorted(listed - present.keys()):
        raise _invalid(f"q-header-list names {missing[0]!r}, which the request does not have.")
    headers = dict(present[name] for name in listed)
    yield headers
    if "host" in headers:
        yield headers | {"host": request.host}


def _token_headers(rules: SignatureRules, *, for_objects: bool) -> tuple[str, ...]:
    if for_objects:
        return (COS_TOKEN_HEADER,)
    return _CI_TOKEN_HEADERS if rules.cos_token_accepted else (TOKEN_HEADER,)


def _check_token(request: WireRequest, key: AccessKey, now: datetime, names: tuple[str, ...]) -> None:
    if key.expires_at is not None and now >= key.expires_at:
        raise ServiceError(400, "ExpiredToken", "The temporary key has expired.")
    if key.token is None:
        return
    given = [place[name] for name in names for place in (request.headers, request.query) if name in place]
    if not given:
        raise _invalid(f"The key is temporary: {names[0]} is required.", cos_code="InvalidAccessKeyId")
    if any(token != key.token for token in given):
        raise _invalid("The session token does not belong to the key.", cos_code="InvalidAccessKeyId")


def _mismatch(
    claim: Mapping[str, str], request: WireRequest, query: Iterable[tuple[str, str]], wrong: str
) -> ServiceError:
    """Return the error for a wrong signature; as COS does, it shows the text that the server expected to be signed."""
    headers = next(_header_forms(claim, request))
    http_string = f"{request.method.lower()}\n{request.path}\n{_joined(query)}\n{_joined(headers.items())}\n"
    digest = hashlib.sha1(http_string.encode(), usedforsecurity=False).hexdigest()
    status, _, code = wrong.partition(" ")
    return ServiceError(
        int(status),
        code,
        "The signature does not match the request.",
        cos=(403, "SignatureDoesNotMatch") if wrong == _DOCUMENTED_WRONG else None,
        details={"StringToSign": f"sha1\n{claim['q-sign-time']}\n{digest}\n", "FormatString": http_string},
    )


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted((_signed_name(k), encode(v)) for k, v in pairs))


def _signed_name(name: str) -> str:
    return encode(name).lower()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.lower().split(";")) if text else frozenset()


def _invalid(message: str, *, cos_code: str = "AccessDenied") -> ServiceError:
    return ServiceError(401, "InvalidAuthorization", message, cos=(403, cos_code))
