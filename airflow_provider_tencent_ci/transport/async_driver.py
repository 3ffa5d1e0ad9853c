"""Runs a flow with ``aiohttp``."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import aiohttp
from yarl import URL

from airflow_provider_tencent_ci.core.wire.body_limit import check_body_size
from airflow_provider_tencent_ci.core.wire.exchange import Action, GetCredentials, RawResponse, Send, exchange
from airflow_provider_tencent_ci.core.wire.messages import Flow, Now, RunConcurrently, Sleep
from airflow_provider_tencent_ci.core.wire.service_config import CONNECT_TIMEOUT_SECONDS, ServiceConfig
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.transport.concurrent_flows import run_in_tasks
from airflow_provider_tencent_ci.transport.endpoint_state import rate_limit, service_clock
from airflow_provider_tencent_ci.transport.message_head import MAX_LINE_BYTES, check_final_head, header_text
from airflow_provider_tencent_ci.transport.network_errors import ProxyRefusedError, no_answer
from airflow_provider_tencent_ci.transport.tls import needs_tls, tls_context

if TYPE_CHECKING:
    from types import TracebackType

ResultT = TypeVar("ResultT")

# Longer than several poll intervals, so that polls share a connection; shorter than the 240 to 350 seconds after which
# the gateways of cloud networks forget an idle one.
_KEEP_ALIVE_SECONDS = 180.0

# For the polls and cancels of the same transport, which a count must not delay.
_CONNECTIONS_BESIDE_A_COUNT = 16


class AsyncTransport:
    """
    Drives flows in the running event loop, over one pool of connections, between ``async with`` and its end.

    All transports of one process share one rate limit for an endpoint, which adapts to the service's answers
    (``core/wire/rate_limit.py``); ``requests_per_second`` is an upper limit. Cancels are sent first, counts last.

    :param config: the service, the credentials and the limits.
    :param now: the clock (aware, UTC).
    :param sleep: how to wait, in seconds.
    """

    def __init__(
        self,
        config: ServiceConfig,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config = config
        self.now = now
        self._clock = service_clock(config)
        self._rate_limit = rate_limit(config)
        self.sleep = sleep
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> AsyncTransport:
        self._session = await _session(self._config)
        if (limit := self._config.requests_per_second) is not None:
            self._rate_limit.add_limit(limit)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (limit := self._config.requests_per_second) is not None:
            self._rate_limit.remove_limit(limit)
        await self._session.close()

    def service_time(self) -> datetime | None:
        """Return the service's time (aware, UTC); ``None`` until an answer in this process has contained it."""
        return self._clock.known_at(self.now())

    async def run(self, flow: Flow[ResultT]) -> ResultT:
        """Run a flow to its end and return its result; its errors come through."""
        actions = exchange(flow, self._config, self._clock, self._rate_limit)
        try:
            action = next(actions)
            while True:
                try:
                    answer = await self._perform(action)
                except TencentCIError as error:
                    action = actions.throw(error)
                else:
                    action = actions.send(answer)
        except StopIteration as stop:
            result: ResultT = stop.value
            return result
        finally:
            actions.close()

    async def _perform(self, action: Action) -> object:
        match action:
            case Send():
                return await self._send(action)
            case Sleep(seconds):
                await self.sleep(seconds)
                return None
            case Now():
                return self.now()
            case GetCredentials():
                return await self._config.credentials.current_async(self.now)
            case RunConcurrently(_, most):
                await run_in_tasks(action, min(most, self._config.max_connections), self.run)
                return None

    async def _send(self, action: Send) -> RawResponse:
        request, config = action.request, self._config
        try:
            async with self._session.request(
                request.method,
                URL(action.url, encoded=True),
                data=request.body or None,
                headers=action.headers,
                proxy=config.proxy_of(request),
                allow_redirects=False,
            ) as answer:
                received_at = self.now()
                check_final_head(answer.version, answer.status, answer.raw_headers)
                body = await _read(answer)
                headers = tuple((name.decode(), header_text(value)) for name, value in answer.raw_headers)
                return RawResponse(answer.status, headers, body, received_at)
        except (aiohttp.ClientError, http.client.HTTPException, TimeoutError, OSError) as error:
            raise no_answer(request, config, _cause(error), request_sent=not _failed_to_connect(error)) from None


async def _session(config: ServiceConfig) -> aiohttp.ClientSession:
    # The context is read from disk.
    context = await asyncio.to_thread(tls_context, config.verify) if needs_tls(config) else True
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            ssl=context,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            limit=config.max_connections + _CONNECTIONS_BESIDE_A_COUNT,
        ),
        timeout=aiohttp.ClientTimeout(total=config.request_timeout, sock_connect=CONNECT_TIMEOUT_SECONDS),
        # The body is not decompressed, and no cookie of one bucket is sent to another.
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Content-Type",),
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
    )


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Read the undecoded body up to the limit; the session limits the time."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        check_body_size(len(body), answer.status)
    return bytes(body)


def _failed_to_connect(error: Exception) -> bool:
    """Whether the error proves that there was no connection. In doubt the request counts as sent."""
    return isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError
    )


def _cause(error: Exception) -> Exception:
    """Return an error of ``aiohttp`` as the blocking driver has it, if it has no cause that both know."""
    match error:
        case aiohttp.ClientHttpProxyError():
            return ProxyRefusedError(error.status)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return ConnectionResetError()
        case aiohttp.ClientResponseError():
            return http.client.HTTPException()
    return error
