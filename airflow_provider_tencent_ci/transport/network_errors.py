"""The errors of a request without a usable answer: the same words for both drivers."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from airflow_provider_tencent_ci.core.wire.error_codes import PROXY_REFUSAL_ADVICE
from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.exceptions import TransportError

_CHECK_NETWORK = "Check the network, region and endpoint_url if this goes on."
_CHECK_TRUST = (
    "If your network has its own CA, name a file with its certificate in verify of the connection's extra, or in "
    "REQUESTS_CA_BUNDLE."
)
_CHECK_TLS = "Check http or https in endpoint_url, and the proxy."
_CHECK_PROXY = "Check proxy in the connection's extra, or https_proxy, http_proxy and no_proxy of this process."

_KINDS: Mapping[str, type[BaseException] | tuple[type[BaseException], ...]] = {
    "the host name was not found": socket.gaierror,
    "the connection was refused": ConnectionRefusedError,
    "the time is over": TimeoutError,
    "the connection broke": (ConnectionError, http.client.IncompleteRead),
    "the answer is not valid HTTP": http.client.HTTPException,
}


class ProxyRefusedError(OSError):
    """
    A proxy did not open a tunnel.

    :param status: its HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


def no_answer(request: Request, config: ServiceConfig, error: Exception, *, request_sent: bool) -> TransportError:
    """
    Return the error for a request that was not answered.

    It has the kind of the cause, and never the text of a foreign exception, which may hold a URL with a password.
    """
    address, proxy = config.endpoint.of(request).base_url, config.proxy_of(request)
    via = f" through the proxy {_without_user(proxy)}" if proxy else ""
    what = "The request may have reached it." if request_sent else "The request did not reach it."
    cause, advice = _cause_and_advice(error, is_of_proxy=proxy is not None and not request_sent)
    return TransportError(
        f"No answer from {address}{via} to {request.method} {request.path}: {cause}. {what} {advice}",
        request_sent=request_sent,
    )


def _cause_and_advice(error: Exception, *, is_of_proxy: bool) -> tuple[str, str]:
    """
    Return the cause in words that do not depend on the library, and what to do.

    :param is_of_proxy: whether there was no connection beyond the proxy.
    """
    causes = list(_chain(error))
    for cause in causes:
        if isinstance(cause, ProxyRefusedError):
            return f"the proxy refused: {_status_text(cause.status)}", PROXY_REFUSAL_ADVICE
        # The classes of aiohttp inherit from those of ssl, but do not have their attributes.
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_message"):
            return f"the certificate is not trusted: {cause.verify_message.rstrip('.')}", _CHECK_TRUST
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and isinstance(getattr(cause, "reason", None), str):
            return f"TLS failed: {cause.reason}", _CHECK_TLS
    where, advice = (", at the proxy", _CHECK_PROXY) if is_of_proxy else ("", _CHECK_NETWORK)
    return _words(causes) + where, advice


def _words(causes: Sequence[BaseException]) -> str:
    for words, kind in _KINDS.items():
        if any(isinstance(cause, kind) for cause in causes):
            return words
    # The system's own words, such as "No route to host".
    numbers = (cause.errno for cause in causes if isinstance(cause, OSError))
    return next((os.strerror(number) for number in numbers if number), type(causes[0]).__name__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes, wherever ``requests``, ``urllib3`` and ``aiohttp`` keep them."""
    waiting, seen = [error], set[int]()
    while waiting:
        error = waiting.pop(0)
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        kept = (getattr(error, name, None) for name in ("reason", "os_error", "certificate_error"))
        waiting += [each for each in (*kept, error.__cause__, error.__context__, *error.args) if _is_error(each)]


def _is_error(value: object) -> bool:
    return isinstance(value, BaseException)


def _status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
