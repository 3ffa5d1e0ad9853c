"""
An error answer of the service becomes an exception: its class, message and advice.

The code decides (``error_codes.py``); a code that is not in the table is classified by its status (docs/service.md, 5).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from airflow_provider_tencent_ci.core.wire.error_codes import (
    CHECK_BUCKET,
    CHECK_CLOCK,
    CHECK_INTERMEDIARY,
    CODES,
    GRANT_ACTION,
    MEANING_BY_STATUS,
    PROXY_REFUSAL_ADVICE,
    Meaning,
)
from airflow_provider_tencent_ci.core.wire.intermediary import is_web_page
from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.core.wire.service_times import parse_http_date
from airflow_provider_tencent_ci.core.wire.signing import is_valid_at
from airflow_provider_tencent_ci.core.wire.texts import shortened
from airflow_provider_tencent_ci.exceptions import (
    ApiError,
    AuthenticationError,
    InvalidRequestError,
    PermissionDeniedError,
    RedirectError,
    ServiceUnavailableError,
    TencentCIError,
    ThrottledError,
    TransportError,
    UnreadableResponseError,
)

# The answer may come from a gateway or a proxy, so the lengths are bounded.
_MAX_WORD_LENGTH = 200

# The signature was refused because of its time; a new signature is accepted.
_SIGNED_TOO_LONG_AGO = frozenset({"SignatureExpired", "RequestTimeTooSkewed"})

# COS has no separate code for an expired signature (docs/service.md, 5.2).
_COS_CODE, _COS_MESSAGE = "AccessDenied", "Request has expired"

# Codes that a signature with a wrong time may get, too.
_WRONG_SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidAuthorization", "AccessDenied"})

# A ``Date`` that differs by more is broken or hostile.
_MAX_CLOCK_DIFFERENCE = timedelta(days=2)

# Only a proxy sends this status (RFC 9110, 15.5.8).
_PROXY_REFUSED = 407

# A gateway timed out, before or after it passed the request on: the status does not show which.
_GIVEN_UP_BY_A_GATEWAY = frozenset({408, 425, 499})

# The second is COS's status of ``SlowDown``, and that of an overloaded gateway.
_TOO_MANY = frozenset({429, 503})

# Statuses with one meaning, whichever gateway sends them.
_OF_ANY_GATEWAY = _GIVEN_UP_BY_A_GATEWAY | {429}


def classify(response: Response) -> ApiError | TransportError | None:
    """Return the error of an answer, or ``None`` if it is no error; a ``TransportError`` if a proxy refused."""
    if response.status == _PROXY_REFUSED:
        return TransportError(
            f"The proxy refused: 407 Proxy Authentication Required. The request did not reach the service. "
            f"{PROXY_REFUSAL_ADVICE}",
            request_sent=False,
        )
    if not response.is_error and not is_web_page(response.headers, response.body):
        return None
    return error_of(response)


def error_of(response: Response) -> ApiError:
    """Return the error of an answer that is one, whatever its status says."""
    meaning = _meaning(response)
    return meaning.error(
        _message(response),
        status=response.status,
        code=response.error.code,
        request_id=shortened(response.error.request_id or request_id_of(response), _MAX_WORD_LENGTH),
        advice=" ".join(filter(None, (_key_advice(meaning, response), meaning.advice, _clock_advice(response)))),
        retry_after_seconds=_retry_after_seconds(response),
    )


def asks_to_slow_down(response: Response) -> bool:
    """Whether the service refused a request because there are too many (docs/service.md, 2.9)."""
    status = response.status
    return status in _TOO_MANY or (status >= 400 and issubclass(_meaning(response).error, ThrottledError))


def is_time_refusal(response: Response) -> bool:
    """Whether the service refused a request because its signature has expired, or is not yet valid."""
    error = response.error
    is_in_words_of_cos = error.code == _COS_CODE and error.message.startswith(_COS_MESSAGE)
    return 400 <= response.status < 500 and (error.code in _SIGNED_TOO_LONG_AGO or is_in_words_of_cos)


def may_be_time_refusal(response: Response) -> bool:
    """
    Whether the service refused a request unexecuted, perhaps because of the time of its signature.

    Its codes for that are documented in part. If by ``Date`` the signature was not valid, any refusal of the signature
    or the key may come from that.
    """
    if not 400 <= response.status < 500:
        return False
    if is_time_refusal(response):
        return True
    refusal = AuthenticationError | PermissionDeniedError
    return issubclass(_meaning(response).error, refusal) and _is_signature_of_another_time(response)


def service_time_of(response: Response) -> datetime | None:
    """Return the service's time (aware, UTC), in whole seconds; ``None`` if the answer has no credible time."""
    moment = _date_of(response)
    if moment is None or abs(moment - response.received_at) > _MAX_CLOCK_DIFFERENCE:
        return None
    return moment


def request_id_of(response: Response) -> str:
    """Return the service's id of the request: from an error's body, or from the headers that CI and COS use."""
    found = response.is_error and response.error.request_id
    found = found or response.headers.get("x-ci-request-id") or response.headers.get("x-cos-request-id") or ""
    return shortened(found, _MAX_WORD_LENGTH)


def is_time_refusal_error(error: TencentCIError) -> bool:
    """Whether the time of the signature was refused. ``AccessDenied`` is an ``AuthenticationError`` only then."""
    return isinstance(error, AuthenticationError) and error.code in {*_SIGNED_TOO_LONG_AGO, _COS_CODE}


def _meaning(response: Response) -> Meaning:
    status, code = response.status, response.error.code
    if status < 200:  # an interim status is not final: the outcome of the request is not known
        return Meaning(UnreadableResponseError)
    if 300 <= status < 400:
        return Meaning(RedirectError, _redirect_advice(response))
    if is_web_page(response.headers, response.body) and not (status in _OF_ANY_GATEWAY or status >= 500):
        return Meaning(UnreadableResponseError, CHECK_INTERMEDIARY)
    if is_time_refusal(response):
        return Meaning(AuthenticationError, CHECK_CLOCK)
    if status == 401 and code == "AccessDenied":
        return _signature_or_permission(response)
    if code in CODES:
        return CODES[code]
    if status < 300:  # an unknown error that calls itself a success: the outcome of the request is not known
        return Meaning(UnreadableResponseError)
    return _by_status(status)


def _by_status(status: int) -> Meaning:
    if status in MEANING_BY_STATUS:
        return MEANING_BY_STATUS[status]
    is_failure = status >= 500 or status in _GIVEN_UP_BY_A_GATEWAY
    return Meaning(ServiceUnavailableError if is_failure else InvalidRequestError)


def _signature_or_permission(response: Response) -> Meaning:
    """Return the meaning of a code that CI gives a wrong signature and a missing permission (docs/service.md, 5.2)."""
    advice = f"Either the signature was not accepted: {response.key_advice} Or the key may not do this: {GRANT_ACTION}"
    return Meaning(PermissionDeniedError, advice)


def _key_advice(meaning: Meaning, response: Response) -> str:
    return response.key_advice if meaning.is_about_key else ""


def _redirect_advice(response: Response) -> str:
    """Return advice for a redirect; the service redirects plain HTTP to HTTPS (docs/service.md, 1.1)."""
    try:
        sent_to, location = urlsplit(response.url), urlsplit(response.headers.get("location", ""))
    except ValueError:  # invalid brackets
        return f"Redirects are not followed. {CHECK_BUCKET}"
    if (sent_to.scheme, location.scheme) == ("http", "https") and sent_to.path == location.path:
        return "The service accepts https only: write https:// in endpoint_url of the connection."
    return f"Redirects are not followed. {CHECK_BUCKET}"


def _clock_advice(response: Response) -> str:
    """Return advice with the clock difference, if it is the reason for the refused signature."""
    may_be_the_time = is_time_refusal(response) or response.error.code in _WRONG_SIGNATURE
    service_time = service_time_of(response)
    if not may_be_the_time or service_time is None or not _is_signature_of_another_time(response):
        return ""
    if is_valid_at(service_time, response.received_at):  # this machine's clock was right
        return ""
    ahead_seconds = (response.received_at - service_time).total_seconds()
    direction = "ahead of" if ahead_seconds > 0 else "behind"
    return f"This machine's clock is {abs(ahead_seconds):.0f} seconds {direction} the service's: set it (NTP)."


def _is_signature_of_another_time(response: Response) -> bool:
    """Whether the signature was not valid at the service's time, if the answer has the time."""
    service_time = service_time_of(response)
    signed_at = response.signed_at or response.received_at
    return service_time is not None and not is_valid_at(service_time, signed_at)


def _message(response: Response) -> str:
    if response.error.message:
        return " ".join(part for part in (response.error.message, _signed(response)) if part)
    if 300 <= response.status < 400:
        location = shortened(response.headers.get("location", "nowhere"), _MAX_WORD_LENGTH)
        return f"The answer, HTTP {response.status}, redirects to {location!r}."
    if is_web_page(response.headers, response.body):
        return f"A proxy or gateway answered in place of the service, with HTTP {response.status} and a web page."
    return f"The service answered with HTTP {response.status} and no message."


def _signed(response: Response) -> str:
    """Return the texts that the service signed: their difference to the request shows what changed it on its way."""
    return f"The service signed {response.error.signed}." if response.error.signed else ""


def _retry_after_seconds(response: Response) -> float | None:
    """Read ``Retry-After`` in either form, seconds or a date of the service's clock; never negative."""
    value = response.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    moment = parse_http_date(value)
    if moment is None:
        return None
    # Both dates may be wrong, and any proxy may have written one of them. The shorter pause does less harm.
    clocks = (_date_of(response), response.signed_at or response.received_at)
    pauses = ((moment - clock).total_seconds() for clock in clocks if clock is not None)
    return min((seconds for seconds in pauses if seconds > 0), default=0.0)


def _date_of(response: Response) -> datetime | None:
    return parse_http_date(response.headers.get("date", ""))
