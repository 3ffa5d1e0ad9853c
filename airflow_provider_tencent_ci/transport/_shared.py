"""What both drivers say and send alike."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from airflow_provider_tencent_ci import __version__
from airflow_provider_tencent_ci.core.config import ServiceConfig
from airflow_provider_tencent_ci.core.credentials import Credentials
from airflow_provider_tencent_ci.core.masking import masked, masked_headers
from airflow_provider_tencent_ci.core.messages import Request, Response
from airflow_provider_tencent_ci.core.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.signing import secrets_of
from airflow_provider_tencent_ci.core.xml import MAX_BODY_BYTES
from airflow_provider_tencent_ci.exceptions import TransportError, UnreadableResponseError

__all__ = ["correct_clock", "no_answer", "received", "too_large", "wire_headers"]

_log = logging.getLogger(__name__)


def wire_headers(signed: Mapping[str, str]) -> dict[str, str]:
    """Return the headers to send. No compression: a small answer must not unpack into a large one."""
    return {
        "user-agent": f"airflow-provider-tencent-ci/{__version__}",
        "accept": "application/xml",
        "accept-encoding": "identity",
        **signed,
    }


def no_answer(request: Request, config: ServiceConfig, error: Exception, *, request_sent: bool) -> TransportError:
    """Return the error for a request that was not answered. The cause's type says enough; its text may hold a URL."""
    address = config.endpoint.of(request).base_url
    via = " through the proxy" if config.proxy else ""
    what = "The request may have reached it." if request_sent else "The request did not reach it."
    return TransportError(
        f"No answer from {address}{via} to {request.method} {request.path}: {type(error).__name__}. {what} "
        "Check the network, region and endpoint_url if this goes on.",
        request_sent=request_sent,
    )


def too_large(status: int) -> UnreadableResponseError:
    """Return the error for a body over the limit."""
    return UnreadableResponseError(
        f"The answer is larger than {MAX_BODY_BYTES // 1024**2} MB and was not read further.", status=status
    )


def received(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    received_at: datetime,
    credentials: Credentials,
    signed: Mapping[str, str],
) -> Response:
    """
    Return an answer as flows get it: with lower-case names; an error also with nothing in it that signed the request.

    What a success says is compared and kept, so it stays as it came.

    :param credentials: what the request was signed with.
    :param signed: the headers that :func:`~airflow_provider_tencent_ci.core.signing.sign` returned for it.
    """
    found = {name.lower(): value for name, value in headers.items()}
    if not 200 <= status < 300:
        secrets = secrets_of(credentials, signed)
        found, body = masked_headers(found, secrets), masked(body, secrets)
    return Response(status, found, body, received_at)


def correct_clock(clock: ServiceClock, response: Response) -> Response:
    """Learn the service's time if it turned a signature away for its time, say so, and return the answer."""
    if clock.learn(response):
        seconds = clock.ahead.total_seconds()
        _log.warning(
            "This machine's clock is %.0f seconds %s the service's. Requests are signed with the service's time from "
            "now on; set the clock (NTP).",
            abs(seconds),
            "behind" if seconds > 0 else "ahead of",
        )
    return response
