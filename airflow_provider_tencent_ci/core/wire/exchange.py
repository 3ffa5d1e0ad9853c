"""
The exchange: runs a flow, and makes all decisions around its requests, without I/O.

A driver sends bytes, sleeps, tells the time and fetches credentials. The exchange signs each request with the service's
time, sends it once more if the service refused the credentials or the time, and redacts error answers.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from airflow_provider_tencent_ci import __version__
from airflow_provider_tencent_ci.core.wire.error_codes import CHECK_KEY_ADVICE
from airflow_provider_tencent_ci.core.wire.expired_keys import can_be_refreshed, is_expired_credentials_refusal
from airflow_provider_tencent_ci.core.wire.flow_steps import wrap_flow
from airflow_provider_tencent_ci.core.wire.messages import (
    Flow,
    Now,
    Request,
    Response,
    RunConcurrently,
    ServiceTime,
    Sleep,
    Step,
)
from airflow_provider_tencent_ci.core.wire.rate_limit import RateLimit, Turn
from airflow_provider_tencent_ci.core.wire.redaction import redact, redact_headers
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.core.wire.service_dialect import CI_DIALECT, Dialect
from airflow_provider_tencent_ci.core.wire.service_errors import asks_to_slow_down
from airflow_provider_tencent_ci.core.wire.signature_age import may_be_signed_again, was_signed_long_ago
from airflow_provider_tencent_ci.exceptions import ApiError, InvalidArgumentError, TencentCIError, TransportError

ResultT = TypeVar("ResultT")

# No compression: a small answer must not unpack into a large one.
_HEADERS = {
    "user-agent": f"airflow-provider-tencent-ci/{__version__}",
    "accept": "application/xml",
    "accept-encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class GetCredentials:
    """Get credentials that are valid now, from :attr:`.ServiceConfig.credentials`; may raise ``CredentialsError``."""


@dataclass(frozen=True, slots=True)
class Send:
    """
    Send a request, and receive its :class:`RawResponse`; may raise ``TransportError`` or ``UnreadableResponseError``.

    :param request: method and body, and the subject of the request.
    :param url: the address, encoded as it is signed.
    :param headers: all that are sent, with lower-case names.
    """

    request: Request
    url: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RawResponse:
    """
    An answer as it came.

    :param status: the HTTP status.
    :param headers: names and values, in any case; names may repeat.
    :param body: the whole body.
    :param received_at: when its headers arrived, by the clock of this machine (aware, UTC).
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: datetime


# The actions of a driver. It answers with credentials, a RawResponse, nothing, or this machine's time (aware, UTC).
# It runs the flows of a RunConcurrently as it runs this one, each in an exchange of its own.
Action = GetCredentials | Send | Sleep | Now | RunConcurrently


def exchange(
    flow: Flow[ResultT], config: ServiceConfig, clock: ServiceClock, rate_limit: RateLimit | None = None
) -> Generator[Action, Any, ResultT]:
    """
    Run a flow to its end and return its result; its errors come through.

    An error of the service, or of a request without an answer, gets the place of the configuration as soon as it
    occurs: a flow may log it, or write it into another error. An error of the flow gets it at the end.

    :param config: the service, the credentials and the limits.
    :param clock: the service's clock, shared by all drivers of this service.
    :param rate_limit: limits the requests of all drivers that share it; ``None`` for no limit.
    """
    try:
        return (yield from wrap_flow(flow, lambda step: _performed(step, config, clock, rate_limit)))
    except InvalidArgumentError:  # the same in each place
        raise
    except TencentCIError as error:  # that of a flow, such as one about a job that no list shows
        error.place = error.at(config.place).place
        raise


def read_response(
    answer: RawResponse,
    credentials: Credentials,
    signed: Mapping[str, str],
    dialect: Dialect = CI_DIALECT,
    *,
    signed_at: datetime | None = None,
    url: str = "",
    place: str = "",
    key_advice: str = CHECK_KEY_ADVICE,
) -> Response:
    """
    Return an answer as flows receive it: header names in lower case, and secrets redacted in an error.

    The body of a success is compared and stored, so it is not changed.

    :param credentials: the credentials that signed the request.
    :param signed: the headers that the dialect returned for it.
    :param dialect: the service's; by default that of CI and COS.
    :param signed_at: see :class:`~.messages.Response`, as for the further ones.
    """
    headers, body = _joined(answer.headers), answer.body
    if (error_text := dialect.error_text(answer.status, body)) is not None:
        secrets = dialect.secrets_of(credentials, signed)
        headers, body = redact_headers(headers, secrets), redact(error_text, secrets)
    return Response(answer.status, headers, body, answer.received_at, signed_at, url, place, key_advice)


def _performed(
    step: Step, config: ServiceConfig, clock: ServiceClock, rate_limit: RateLimit | None
) -> Generator[Action, Any, object] | None:
    if isinstance(step, Request):
        return _placed(_answered(step, config, clock, rate_limit), config.place)
    return _service_time(clock) if isinstance(step, ServiceTime) else None


def _service_time(clock: ServiceClock) -> Generator[Action, Any, datetime | None]:
    return clock.known_at((yield Now()))


def _placed(answering: Generator[Action, Any, Response], place: str) -> Generator[Action, Any, Response]:
    """Let an error tell the place, before the flow receives it."""
    try:
        return (yield from answering)
    except (ApiError, TransportError) as error:
        error.place = place
        raise


def _answered(
    request: Request, config: ServiceConfig, clock: ServiceClock, rate_limit: RateLimit | None
) -> Generator[Action, Any, Response]:
    """
    Send a request; once more with newer credentials if they had expired, and once more with a corrected time.

    In both cases the service refused the request before it acted on it. A read that was sent long after it was signed,
    since the process was frozen, is signed and sent again, too. Other requests are not: they may be outdated by then.
    """
    may_refresh = may_correct = may_sign_again = True
    while True:
        credentials: Credentials = yield GetCredentials()
        turn = yield from _wait_for_rate_limit(rate_limit, request, config)
        correction = clock.correction
        response = yield from _sent(request, config, credentials, clock)
        if turn is not None:
            turn.answered(response.received_at, is_refused=asks_to_slow_down(response))
        is_about_time = config.dialect.may_be_time_refusal(response)
        if not is_about_time:
            clock.learn(response)
        if is_about_time and was_signed_long_ago(response, correction):  # this tells nothing about the clock
            if not may_sign_again or not may_be_signed_again(request):
                return response
            may_sign_again = False
        elif may_correct and is_about_time and clock.learn_from_refusal(response, correction):
            may_correct = False
        elif (
            may_refresh
            and is_expired_credentials_refusal(response)
            and (yield from can_be_refreshed(credentials, config))
        ):
            may_refresh = False
        else:
            return response


def _wait_for_rate_limit(
    rate_limit: RateLimit | None, request: Request, config: ServiceConfig
) -> Generator[Action, Any, Turn | None]:
    """Wait before the request is signed, so that the signature does not expire meanwhile."""
    if rate_limit is None:
        return None
    turn, waited_seconds = rate_limit.reserve((yield Now()), request.priority), 0.0
    while turn.wait_seconds > 0:
        waited_seconds += turn.wait_seconds
        try:
            yield Sleep(turn.wait_seconds)
        except BaseException:  # the request was cancelled
            turn.give_back()
            raise
        turn = turn.waited((yield Now()))
    if config.observer and waited_seconds:
        config.observer.rate_limit_waited(request, waited_seconds)
    return turn


def _sent(
    request: Request, config: ServiceConfig, credentials: Credentials, clock: ServiceClock
) -> Generator[Action, Any, Response]:
    """Send a request once, and tell the observer how it ended."""
    try:
        response = yield from _answer(request, config, credentials, clock)
    except TencentCIError as error:
        if config.observer:
            config.observer.request_ended(request, error)
        raise
    if config.observer:
        config.observer.request_ended(request, response)
    return response


def _answer(
    request: Request, config: ServiceConfig, credentials: Credentials, clock: ServiceClock
) -> Generator[Action, Any, Response]:
    endpoint = config.endpoint.of(request)
    signed_at = clock.at((yield Now()))
    signed = config.dialect.sign(request, endpoint.host, credentials, signed_at)
    url = endpoint.url_of(request)
    answer: RawResponse = yield Send(request, url, {**_HEADERS, **signed})
    return read_response(
        answer,
        credentials,
        signed,
        config.dialect,
        signed_at=signed_at,
        url=url,
        place=config.place,
        key_advice=config.key_advice,
    )


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by lower-case name; repeated ones are joined (RFC 9110, 5.2)."""
    found: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
