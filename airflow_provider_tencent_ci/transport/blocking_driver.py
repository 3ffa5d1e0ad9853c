"""Runs a flow with ``requests``."""

from __future__ import annotations

import asyncio
import http.client
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeVar

import requests
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from airflow_provider_tencent_ci.core.wire.body_limit import check_body_size
from airflow_provider_tencent_ci.core.wire.exchange import Action, GetCredentials, RawResponse, Send, exchange
from airflow_provider_tencent_ci.core.wire.flow_steps import run_concurrently
from airflow_provider_tencent_ci.core.wire.messages import Flow, Now, RunConcurrently, Sleep
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.exceptions import TencentCIError, TransportError
from airflow_provider_tencent_ci.transport.endpoint_state import service_clock
from airflow_provider_tencent_ci.transport.message_head import header_text
from airflow_provider_tencent_ci.transport.network_errors import no_answer
from airflow_provider_tencent_ci.transport.time_limits import BoundedAdapter, bounded
from airflow_provider_tencent_ci.transport.tls import needs_tls, tls_context

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK_BYTES = 64 * 1024

ResultT = TypeVar("ResultT")


class BlockingTransport:
    """
    Drives flows in the calling thread, over one pool of connections.

    Flows that run side by side use an event loop and connections of their own, until the last of them has ended.

    :param config: the service, the credentials and the limits.
    :param now: the clock (aware, UTC).
    :param sleep: how to wait, in seconds.
    :param within_seconds: the time limit of all requests, pauses and refreshes of credentials; beyond it a
        ``TransportError`` is raised.
    """

    def __init__(
        self,
        config: ServiceConfig,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        within_seconds: float = math.inf,
    ) -> None:
        self.config = config
        self._ends_at = time.monotonic() + within_seconds
        self.now = now
        self._clock = service_clock(config)
        self._sleep = sleep

    def __enter__(self) -> BlockingTransport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The transport can be used again."""
        if session := self.__dict__.pop("_session", None):
            session.close()

    def service_time(self) -> datetime | None:
        """Return the service's time (aware, UTC); ``None`` until an answer in this process has contained it."""
        return self._clock.known_at(self.now())

    def run(self, flow: Flow[ResultT]) -> ResultT:
        """Run a flow to its end and return its result; its errors come through."""
        actions = exchange(flow, self.config, self._clock)
        try:
            action = next(actions)
            while True:
                try:
                    answer = self._perform(action)
                except TencentCIError as error:
                    action = actions.throw(error)
                else:
                    action = actions.send(answer)
        except StopIteration as stop:
            result: ResultT = stop.value
            return result
        finally:
            actions.close()

    def _perform(self, action: Action) -> object:
        match action:
            case Send():
                return self._send(action)
            case Sleep(seconds):
                self._pause(seconds)
                return None
            case Now():
                return self.now()
            case GetCredentials():
                return self.config.credentials.current(self.now, self._left_seconds())
            case RunConcurrently():
                self._run_concurrently(action)
                return None

    def _run_concurrently(self, step: RunConcurrently) -> None:
        # Imported late, since a task that counts no files does not need it.
        from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
        from airflow_provider_tencent_ci.transport.concurrent_flows import run_in_own_loop

        async def main() -> None:
            async with asyncio.timeout(None if (left := self._left_seconds()) == math.inf else left):
                async with AsyncTransport(self.config, now=self.now, sleep=self._sleep_in_loop) as transport:
                    await transport.run(run_concurrently(step.source, step.most))

        try:
            run_in_own_loop(main)
        except TimeoutError:
            raise _out_of_time() from None

    async def _sleep_in_loop(self, seconds: float) -> None:
        if self._sleep is time.sleep:
            await asyncio.sleep(seconds)
        else:
            self._sleep(seconds)

    @cached_property
    def _session(self) -> requests.Session:
        return _session(self.config)

    def _send(self, action: Send) -> RawResponse:
        request, config, session = action.request, self.config, self._session
        with bounded(min(config.request_timeout, self._left_seconds())) as exchange:
            try:
                with session.request(
                    request.method,
                    action.url,
                    data=request.body,
                    headers=dict(action.headers),
                    proxies=_proxies(config.proxy_of(request)),
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    received_at = self.now()
                    body = _read(answer)
                    # Bytes behind it must not count as the next answer. Below 200 it is none, so they may come late.
                    if answer.status_code < 200 or exchange.has_bytes_behind():
                        self.close()
                    headers = tuple(
                        (name, header_text(value.encode("latin-1"))) for name, value in answer.headers.items()
                    )
                    return RawResponse(answer.status_code, headers, body, received_at)
            except (RequestException, HTTPError, http.client.HTTPException, OSError) as error:
                raise no_answer(request, config, error, request_sent=exchange.request_sent) from None

    def _pause(self, seconds: float) -> None:
        left = self._left_seconds()
        self._sleep(min(seconds, left))
        if seconds > left:
            raise _out_of_time()

    def _left_seconds(self) -> float:
        return max(0.0, self._ends_at - time.monotonic())


def _out_of_time() -> TransportError:
    return TransportError("The time for these requests is over.", request_sent=False)


class _Session(requests.Session):
    """A session that looks at no redirect: ``requests`` parses its target even if it may not follow it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def _session(config: ServiceConfig) -> requests.Session:
    session = _Session()
    # No cookie of one bucket is sent to another.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Otherwise a .netrc replaces our Authorization. Proxies of the environment are in the configuration already.
    session.trust_env = False
    adapter = BoundedAdapter(tls_context(config.verify) if needs_tls(config) else None)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    session.verify = config.verify is not False
    return session


def _proxies(proxy: str | None) -> dict[str, str]:
    return {"http": proxy, "https": proxy} if proxy else {}


def _read(answer: requests.Response) -> bytes:
    """Read the undecoded body up to the limit."""
    body = bytearray()
    while chunk := answer.raw.read1(_CHUNK_BYTES, decode_content=False):
        body += chunk
        check_body_size(len(body), answer.status_code)
    return bytes(body)
