"""Questions 16, 17 and 18: signatures, tokens and hosts. Only reads are sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list
from airflow_provider_tencent_ci.core.wire.error_codes import CODES
from airflow_provider_tencent_ci.core.wire.messages import Request, Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_errors import classify
from airflow_provider_tencent_ci.core.wire.signing import COS_TOKEN_HEADER, TOKEN_HEADER
from airflow_provider_tencent_ci.exceptions import AuthenticationError, PermissionDeniedError, TransportError
from tests.live.check import Check
from tests.live.findings import Finding, Question, as_assumed, brief, differs, not_asked, noted, unclear
from tests.live.service import Service, is_documented

# These are no keys.
_STRANGER = Credentials("AKIDlivecheckNobodyHasThisKey0000", "not-the-key-of-anybody")
_MINUTE, _HOUR = 60, 3600
_READ = build_list(JobFilter(page_size=1))


@dataclass(frozen=True, slots=True)
class _Case:
    """A signature with one error; ``core/wire/service_errors.py`` must classify its refusal."""

    what: str
    keys: Credentials
    window: tuple[int, int] = (-_MINUTE, 10 * _MINUTE)


def ask_signature(check: Check) -> Iterator[Finding]:
    service, keys = check.service, check.service.credentials
    token = {TOKEN_HEADER: keys.token} if keys.token else {}
    yield _refusal("unsigned", service.send_by_hand(_READ, {"host": service.config.endpoint.host}, "unsigned"))
    wrong_key = Credentials(keys.secret_id, _STRANGER.secret_key)
    for case in (
        _Case("of an unknown key", _STRANGER),
        _Case("made with another key", wrong_key),
        _Case("that is over", keys, (-2 * _HOUR, -_HOUR)),
        _Case("that begins in an hour", keys, (_HOUR, 2 * _HOUR)),
    ):
        headers = service.signed(_READ, keys=case.keys, window=case.window, headers=token)
        yield _refusal(f"with a signature {case.what}", service.send_by_hand(_READ, headers, case.what))
    yield from _tolerance(service, keys, token)


def _refusal(what: str, response: Response) -> Finding:
    failure = classify(response)
    if failure is None:
        return differs(
            f"A request {what} is accepted.", "core/wire/service_clock.py learns from refusals that do not come."
        )
    said = f"A request {what}: HTTP {failure.status} {failure.code}."
    if isinstance(failure, AuthenticationError | PermissionDeniedError) and failure.code in CODES:
        return as_assumed(said)
    return differs(said, f"core/wire/error_codes.py: CODES needs {failure.code!r}.")


def _tolerance(service: Service, keys: Credentials, token: Mapping[str, str]) -> Iterator[Finding]:
    """Variants that a server may accept or refuse; the package relies on none of them."""
    early = service.signed(_READ, keys=keys, window=(10 * _MINUTE, 20 * _MINUTE), headers=token)
    plain = service.signed(_READ, keys=keys, listed=False, headers=token)
    blank = build_list(JobFilter(name="no such", page_size=1))
    signed = service.signed(blank, keys=keys, headers=token)
    with_plus = service.config.endpoint.url_of(blank).removeprefix(service.config.endpoint.base_url).replace("%20", "+")
    for what, response in (
        ("that begins in ten minutes", service.send_by_hand(_READ, early, "begins in ten minutes")),
        ("that covers neither host nor parameters", service.send_by_hand(_READ, plain, "nothing listed")),
        ("of a blank that travels as +", service.send_by_hand(blank, signed, "+ for a blank", target=with_plus)),
    ):
        failure = classify(response)
        yield noted(f"A signature {what}: {brief(failure)}.")


def ask_token(check: Check) -> Iterator[Finding]:
    service = check.service if check.service.credentials.token else check.temporary
    if service is None:
        yield not_asked(
            "Needs temporary keys: the connection's own, or a second one, AIRFLOW_CONN_TENCENT_CI_TEMPORARY."
        )
        return
    keys = service.credentials
    for header in (TOKEN_HEADER, COS_TOKEN_HEADER):
        headers = service.signed(_READ, keys=keys, headers={header: keys.token or ""})
        failure = classify(service.send_by_hand(_READ, headers, f"token in {header}"))
        said = f"A token in {header}: {brief(failure)}."
        if header == COS_TOKEN_HEADER:
            yield noted(said, "" if failure is None else "The emulator's cos_token_accepted should be off.")
        elif failure is None:
            yield as_assumed(said)
        else:
            yield differs(said, "core/wire/signing.py: TOKEN_HEADER is what the package sends.")


def ask_hosts(check: Check) -> Iterator[Finding]:
    config = check.service.config
    host = f"{config.bucket}.ci.{config.region}.myqcloud.com"
    if not is_documented(config):
        yield not_asked(
            f"The connection's endpoint_url leads elsewhere ({config.endpoint.base_url.partition(':')[0]})."
        )
        return
    # Unsigned: a signed request should not be sent without TLS.
    yield _unsigned(check, "Plain http", f"http://{host}", host)
    other = host.replace("myqcloud.com", "tencentcos.cn")
    yield _unsigned(check, "ci.<region>.tencentcos.cn", f"https://{other}", other)
    yield from _addresses(host)


def _unsigned(check: Check, what: str, base_url: str, host: str) -> Finding:
    try:
        response = check.service.send_by_hand(Request("GET", _READ.path), {"host": host}, what, base_url=base_url)
    except TransportError as error:
        return noted(f"{what}: {error}")
    failure = classify(response)
    server = response.headers.get("server", "unknown")
    return noted(f"{what}: {brief(failure)}, from the server {server!r}.")


def _addresses(host: str) -> Iterator[Finding]:
    for family, what in ((socket.AF_INET, "IPv4"), (socket.AF_INET6, "IPv6")):
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, 443, family, socket.SOCK_STREAM)}
        except OSError as error:
            yield unclear(f"{what}: no address ({type(error).__name__}).")
            continue
        private = sum(ip_address(address).is_private for address in found)
        yield noted(f"{what}: {len(found)} addresses, {private} of them private.")


QUESTIONS = (
    Question(
        16,
        "Which code and status does which signature failure have? What skew is tolerated? What has to be signed?",
        "core/wire/service_errors.py tells what may be repeated; core/wire/service_clock.py corrects the clock.",
        ask_signature,
    ),
    Question(
        17,
        "Is x-cos-security-token accepted on the CI host?",
        "core/wire/signing.py sends x-ci-security-token.",
        ask_token,
    ),
    Question(
        18,
        "Is plain http accepted? Are there other domains, private addresses, IPv6?",
        "core/wire/service_config.py uses https and myqcloud.com unless endpoint_url says otherwise.",
        ask_hosts,
    ),
)
