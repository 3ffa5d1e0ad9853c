"""Questions 16, 17, 18 and 22: signatures, tokens, hosts and times. No job is submitted."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list
from airflow_provider_tencent_ci.core.wire.error_codes import CODES
from airflow_provider_tencent_ci.core.wire.messages import Request, Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_errors import classify
from airflow_provider_tencent_ci.core.wire.signing import COS_TOKEN_HEADER, TOKEN_HEADER
from airflow_provider_tencent_ci.emulator.contract.facts import Answer
from airflow_provider_tencent_ci.exceptions import AuthenticationError, PermissionDeniedError, TransportError
from tests.live.check import Check
from tests.live.findings import Finding, Question, as_assumed, brief, differs, not_asked, noted, unclear
from tests.live.service import Service, is_documented

# These are no keys.
_STRANGER = Credentials("AKIDlivecheckNobodyHasThisKey0000", "not-the-key-of-anybody")
_MINUTE, _HOUR = 60, 3600
_FIRST_REFUSAL = 300
_READ = build_list(JobFilter(page_size=1))


@dataclass(frozen=True, slots=True)
class _Case:
    """
    A signature with one error; ``core/wire/service_errors.py`` must classify its refusal.

    :param fact: the fact of the contract that its status and code answer.
    """

    what: str
    keys: Credentials
    window: tuple[int, int] = (-_MINUTE, 10 * _MINUTE)
    fact: str = ""


def ask_signature(check: Check) -> Iterator[Finding]:
    service, keys = check.service, check.service.credentials
    token = {TOKEN_HEADER: keys.token} if keys.token else {}
    yield _refusal("unsigned", service.send_by_hand(_READ, {"host": service.config.endpoint.host}, "unsigned"))
    wrong_key = Credentials(keys.secret_id, _STRANGER.secret_key)
    for case in (
        _Case("of an unknown key", _STRANGER),
        _Case("made with another key", wrong_key, fact="wrong_signature"),
        _Case("that is over", keys, (-2 * _HOUR, -_HOUR)),
        _Case("that begins in an hour", keys, (_HOUR, 2 * _HOUR)),
    ):
        headers = service.signed(_READ, keys=case.keys, window=case.window, headers=token)
        response = service.send_by_hand(_READ, headers, case.what)
        yield _refusal(f"with a signature {case.what}", response, case.fact)
    yield from _tolerance(service, keys, token)


def _refusal(what: str, response: Response, fact: str = "") -> Finding:
    failure = classify(response)
    if failure is None:
        return differs(
            f"A request {what} is accepted.", "core/wire/service_clock.py learns from refusals that do not come."
        )
    said = f"A request {what}: HTTP {failure.status} {failure.code}."
    answers = {fact: f"{failure.status} {failure.code}"} if fact else {}
    if isinstance(failure, AuthenticationError | PermissionDeniedError) and failure.code in CODES:
        return as_assumed(said, **answers)
    return differs(said, f"core/wire/error_codes.py: CODES needs {failure.code!r}.", **answers)


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
            yield noted(said, cos_token_accepted=failure is None)
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
    yield _unsigned(check, "Plain http", f"http://{host}", host, _plain_http)
    other = host.replace("myqcloud.com", "tencentcos.cn")
    yield _unsigned(check, "ci.<region>.tencentcos.cn", f"https://{other}", other)
    yield from _addresses(host)


def _plain_http(response: Response) -> dict[str, Answer]:
    """Return whether HTTP is served or redirected; an answer without a request id is not the service's."""
    if response.headers.get("location", "").startswith("https://"):
        return {"plain_http": str(response.status)}
    return {"plain_http": "serve"} if "x-ci-request-id" in response.headers else {}


def _unsigned(
    check: Check,
    what: str,
    base_url: str,
    host: str,
    answers: Callable[[Response], dict[str, Answer]] = lambda _: {},
) -> Finding:
    try:
        response = check.service.send_by_hand(Request("GET", _READ.path), {"host": host}, what, base_url=base_url)
    except TransportError as error:
        return noted(f"{what}: {error}")
    failure = classify(response)
    server = response.headers.get("server", "unknown")
    return noted(f"{what}: {brief(failure)}, from the server {server!r}.", **answers(response))


def ask_date(check: Check) -> Iterator[Finding]:
    """Look at answers of each kind: a list, a job that does not exist, and two refusals."""
    service, keys = check.service, check.service.credentials
    token = {TOKEN_HEADER: keys.token} if keys.token else {}
    wrong = service.signed(_READ, keys=Credentials(keys.secret_id, _STRANGER.secret_key), headers=token)
    unknown = "b" + "0" * 31 + "2"
    answers = {
        "a list": service.answer(_READ),
        "an unknown job": service.answer(Request("GET", f"{_READ.path}/{unknown}")),
        "a wrong signature": service.send_by_hand(_READ, wrong, "made with another key"),
        "a wrong parameter": service.answer(Request("GET", _READ.path, (("size", "none"),))),
    }
    yield _dates(answers)


def _dates(answers: Mapping[str, Response]) -> Finding:
    lacking = {what for what, answer in answers.items() if "date" not in answer.headers}
    if not lacking:
        return as_assumed(f"Date is on the answer to {', '.join(answers)}.", date_header="every")
    said = f"Date is missing on the answer to {', '.join(sorted(lacking))}."
    change = "core/wire/service_clock.py learns the service's time from it."
    refusals = {what for what, answer in answers.items() if answer.status >= _FIRST_REFUSAL}
    forms = {"none": set(answers), "not_on_errors": refusals}
    found = next(({"date_header": form} for form, without in forms.items() if lacking == without), {})
    return differs(said, change, **found)


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
    Question(
        22,
        "Is Date on every answer, also on refusals?",
        "core/wire/service_clock.py learns the service's time from it, and signs with that.",
        ask_date,
    ),
)
