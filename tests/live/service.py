"""The service of a run: through the package's own transport, with every exchange recorded, and by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import requests

from airflow_provider_tencent_ci.core.wire.exchange import RawResponse, read_response
from airflow_provider_tencent_ci.core.wire.flow_steps import send, wrap_flow
from airflow_provider_tencent_ci.core.wire.messages import Flow, Request, Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.retryable_errors import was_not_executed
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig
from airflow_provider_tencent_ci.core.wire.service_errors import classify
from airflow_provider_tencent_ci.core.wire.signing import authorization
from airflow_provider_tencent_ci.exceptions import TencentCIError, TransportError
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport
from tests.live.budget import Budget
from tests.live.evidence import Exchange

ResultT = TypeVar("ResultT")

_HAND_MADE_SECONDS = 15.0
_MOST_OF_A_HAND_MADE_BODY = 64 * 1024
_SUBMISSION = ("POST", "/inventorytriggerjob")


class Service:
    """
    One bucket's endpoint.

    :param config: of the connection.
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
        self.pause = sleep
        self.budget = Budget()
        self.exchanges: list[Exchange] = []
        self.used_credentials: set[Credentials] = set()
        self._transport = BlockingTransport(config, now=now, sleep=sleep)

    def close(self) -> None:
        self._transport.close()

    @property
    def credentials(self) -> Credentials:
        """Credentials that are valid now; all of them are stored, so that the report masks them."""
        credentials = self.config.credentials.current(self.now)
        self.used_credentials.add(credentials)
        return credentials

    def run(self, flow: Flow[ResultT]) -> ResultT:
        """Run a flow of ``core``; its errors come through."""
        return self._transport.run(self._noted(flow))

    def answer(self, request: Request) -> Response:
        """Send one request as the package sends it, and return the answer."""
        return self.run(send(request))

    def send_by_hand(
        self,
        request: Request,
        headers: Mapping[str, str],
        note: str,
        *,
        base_url: str = "",
        target: str = "",
    ) -> Response:
        """
        Send a request with only these headers.

        :param note: the unusual part.
        :param base_url: the address; by default the endpoint.
        :param target: path and query on the wire; by default as the package writes them.
        :raises TransportError: no answer.
        """
        assert request.method == "GET", "only reads are sent by hand"
        endpoint = self.config.endpoint
        url = endpoint.url_of(request).removeprefix(endpoint.base_url)
        sent_at = self.now()
        try:
            response = self._fetch((base_url or endpoint.base_url) + (target or url), headers)
        except (requests.RequestException, OSError) as error:
            failure = TransportError(f"No answer: {type(error).__name__}.", request_sent=True)
            self.exchanges.append(Exchange(request, sent_at, error=str(failure), note=note))
            raise failure from None
        self.exchanges.append(Exchange(request, sent_at, response, note=note))
        return response

    def signed(
        self,
        request: Request,
        *,
        keys: Credentials,
        window: tuple[int, int] = (-60, 600),
        headers: Mapping[str, str] | None = None,
        listed: bool = True,
    ) -> dict[str, str]:
        """
        Return headers signed by hand.

        :param window: begin and end of the signature in seconds from now.
        :param headers: further ones to sign.
        :param listed: whether host and parameters take part in the signature.
        """
        now = int(self.now().timestamp())
        every = {"host": self.config.endpoint.host, **(headers or {})}
        covered, query = (every, request.query) if listed else ({}, ())
        sign_time = f"{now + window[0]};{now + window[1]}"
        return {**every, "authorization": authorization("GET", request.path, query, covered, keys, sign_time)}

    def _fetch(self, url: str, headers: Mapping[str, str]) -> Response:
        with requests.Session() as session:
            session.trust_env = False
            with session.get(
                url,
                headers={"accept-encoding": "identity", **headers},
                timeout=_HAND_MADE_SECONDS,
                allow_redirects=False,
                verify=self.config.verify,
                proxies={"http": self.config.proxy, "https": self.config.proxy} if self.config.proxy else {},
                stream=True,
            ) as answer:
                body = answer.raw.read(_MOST_OF_A_HAND_MADE_BODY) or b""
        came = RawResponse(answer.status_code, tuple(answer.headers.items()), body, self.now())
        return read_response(came, self.credentials, headers)

    def _noted(self, flow: Flow[ResultT]) -> Flow[ResultT]:
        """Perform a flow's steps, record their results, and block a submission beyond the agreed number."""
        return wrap_flow(flow, lambda step: self._noted_exchange(step) if isinstance(step, Request) else None)

    def _noted_exchange(self, request: Request) -> Flow[Response]:
        is_submission = (request.method, request.path) == _SUBMISSION
        if is_submission:
            self.budget.spend()
        sent_at = self.now()
        failure: TencentCIError | None = None
        try:
            answer = yield from send(request)
            failure = classify(answer)
            self.exchanges.append(Exchange(request, sent_at, answer))
        except TencentCIError as error:
            failure = error
            self.exchanges.append(Exchange(request, sent_at, error=str(error)))
            raise
        finally:
            if is_submission and failure is not None and was_not_executed(failure):
                self.budget.give_back()
        return answer


def is_documented(config: ServiceConfig) -> bool:
    """Whether requests go to the documented host, and not to ``endpoint_url``."""
    return config.endpoint == Endpoint.of_bucket(config.bucket, config.region)
