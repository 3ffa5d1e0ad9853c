"""Running a flow with ``requests``."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import requests
from requests.exceptions import ConnectTimeout, RequestException
from urllib3.exceptions import HTTPError, NewConnectionError

from airflow_provider_tencent_ci.core.config import CONNECT_TIMEOUT_SECONDS, ServiceConfig
from airflow_provider_tencent_ci.core.credentials import Credentials
from airflow_provider_tencent_ci.core.failures import refused_for_expired_keys
from airflow_provider_tencent_ci.core.messages import Flow, Pause, Request, Response
from airflow_provider_tencent_ci.core.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.signing import sign
from airflow_provider_tencent_ci.core.xml import MAX_BODY_BYTES
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.transport._shared import correct_clock, no_answer, received, too_large, wire_headers

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["BlockingTransport"]

_CHUNK_BYTES = 64 * 1024

ResultT = TypeVar("ResultT")


class BlockingTransport:
    """
    Drives flows in the calling thread, over one pool of connections.

    :param config: the service, the credentials and the limits.
    :param now: the clock (aware, UTC).
    :param sleep: how to wait, in seconds.
    """

    def __init__(
        self,
        config: ServiceConfig,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self.now = now
        self._clock = ServiceClock()
        self._sleep = sleep
        self._session = _session(config)

    def __enter__(self) -> BlockingTransport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def twin(self, *, sleep: Callable[[float], None]) -> BlockingTransport:
        """Return a transport for another thread: the same configuration and clocks, connections of its own."""
        other = BlockingTransport(self.config, now=self.now, sleep=sleep)
        other._clock = self._clock
        return other

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def run(self, flow: Flow[ResultT]) -> ResultT:
        """Run a flow to its end and return its result; its errors come through."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._perform(step)
                except TencentCIError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as stop:
            result: ResultT = stop.value
            return result
        finally:
            flow.close()

    def _perform(self, step: Request | Pause) -> Response | datetime:
        if isinstance(step, Request):
            return self._exchange(step)
        if step.seconds > 0:
            self._sleep(step.seconds)
        return self.now()

    def _exchange(self, request: Request) -> Response:
        """Send a request; once more with newer keys if the service calls the keys expired, and so did not act on it."""
        source = self.config.credentials
        credentials = source.current(self.now)
        response = self._send(request, credentials)
        if refused_for_expired_keys(response) and source.discard(credentials, self.now()):
            response = self._send(request, source.current(self.now))
        return response

    def _send(self, request: Request, credentials: Credentials) -> Response:
        config = self.config
        endpoint = config.endpoint.of(request)
        headers = sign(request, endpoint.host, credentials, self._clock.at(self.now()))
        ends_at = time.monotonic() + config.request_timeout
        try:
            with self._session.request(
                request.method,
                endpoint.url_of(request),
                data=request.body,
                headers=wire_headers(headers),
                timeout=(min(CONNECT_TIMEOUT_SECONDS, config.request_timeout), config.request_timeout),
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = _read(answer, ends_at)
                response = received(answer.status_code, answer.headers, body, self.now(), credentials, headers)
                return correct_clock(self._clock, response)
        except (RequestException, HTTPError, OSError) as error:
            raise no_answer(request, config, error, request_sent=not _failed_to_connect(error)) from None


def _session(config: ServiceConfig) -> requests.Session:
    session = requests.Session()
    # Otherwise a .netrc replaces our Authorization. Proxies of the environment are in the configuration already.
    session.trust_env = False
    session.verify = config.verify
    if config.proxy:
        session.proxies = {"http": config.proxy, "https": config.proxy}
    return session


def _read(answer: requests.Response, ends_at: float) -> bytes:
    """Read the body as it is on the wire, up to the limits of size and time."""
    body = bytearray()
    while chunk := answer.raw.read1(_CHUNK_BYTES, decode_content=False):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise too_large(answer.status_code)
        if time.monotonic() > ends_at:
            raise requests.exceptions.ReadTimeout("the answer took too long")
    return bytes(body)


def _failed_to_connect(error: Exception) -> bool:
    """Whether the error says that no connection came about. What is not certain counts as sent."""
    causes = [error, *error.args, *(getattr(cause, "reason", None) for cause in error.args)]
    causes += [inner for cause in causes if isinstance(cause, Exception) for inner in cause.args]
    before_sending = ConnectTimeout | NewConnectionError | ssl.SSLCertVerificationError
    return any(isinstance(cause, before_sending) for cause in causes)
