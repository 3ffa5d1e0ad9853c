"""The HTTP server: moves bytes between sockets and the gateway, and injects the faults of a connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from aiohttp import web

from airflow_provider_tencent_ci.emulator.http.gateway import Exchange
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Reply, WireRequest

__all__ = ["CONTROL_PREFIX", "Front", "start_server"]

#: Requests below this path are for the control API.
CONTROL_PREFIX = "/_emulator/"

_DRIPS = 50
_NO_DATE = ""
# With this option set, a close sends a reset instead of the regular end of a connection.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Front(Protocol):
    """The object that answers clients. The server waits for :attr:`Exchange.wait_seconds` between its two methods."""

    def receive(self, request: WireRequest) -> Exchange:
        """Record a request that came in."""

    def answer(self, exchange: Exchange) -> Reply:
        """Answer a request."""


async def start_server(front: Front, control: Callable[[WireRequest], Reply], host: str, port: int) -> web.AppRunner:
    """
    Start to listen and return the runner. Its ``addresses`` are known, and its ``cleanup`` stops the server.

    :param front: answers clients.
    :param control: answers the control API.
    :param host: the address to listen on.
    :param port: 0: a free one.
    :raises OSError: the address cannot be listened on.
    """
    # aiohttp's own limit is off: the gateway refuses a long body with the service's error.
    application = web.Application(client_max_size=0)
    application.on_response_prepare.append(_drop_date)
    application.router.add_route("*", "/{path:(?s:.*)}", _Handler(front, control).handle)  # a path may have line feeds
    # Requests that hang because of a fault must not delay the end of a test.
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


class _Handler:
    def __init__(self, front: Front, control: Callable[[WireRequest], Reply]) -> None:
        self._front = front
        self._control = control

    async def handle(self, incoming: web.Request) -> web.StreamResponse:
        request = await _read(incoming)
        if request.path.startswith(CONTROL_PREFIX):
            return await _deliver(incoming, self._controlled(incoming, request))
        exchange = self._front.receive(request)
        await asyncio.sleep(exchange.wait_seconds)
        reply = self._front.answer(exchange)
        await asyncio.sleep(reply.delivery.hold_seconds)
        return await _deliver(incoming, reply)

    def _controlled(self, incoming: web.Request, request: WireRequest) -> Reply:
        if _is_loopback(incoming.remote):
            return self._control(request)
        return Reply(403, body=b"The control API is for this machine only.")


async def _read(incoming: web.Request) -> WireRequest:
    headers = {name.lower(): _readable(value) for name, value in incoming.headers.items()}
    return WireRequest(incoming.method, incoming.raw_path, headers, await incoming.read())


async def _deliver(incoming: web.Request, reply: Reply) -> web.StreamResponse:
    delivery = reply.delivery
    if delivery.reset:
        _reset(incoming)
        return web.Response(status=reply.status)
    headers = {**reply.headers, "Date": _NO_DATE} if delivery.without_date else reply.headers
    if not (delivery.cut or delivery.drip_seconds):
        return web.Response(status=reply.status, headers=headers, body=reply.body)
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = len(reply.body)
    await response.prepare(incoming)
    if delivery.cut:
        await response.write(reply.body[: len(reply.body) // 2])
        _reset(incoming)
    else:
        await _drip(response, reply.body, delivery.drip_seconds)
    return response


async def _drop_date(incoming: web.Request, response: web.StreamResponse) -> None:
    """Remove the mark of an answer without ``Date``; without a mark, aiohttp would have added one."""
    if response.headers.get("Date") == _NO_DATE:
        del response.headers["Date"]


async def _drip(response: web.StreamResponse, body: bytes, seconds: float) -> None:
    size = max(len(body) // _DRIPS, 1)
    for start in range(0, len(body), size):
        await asyncio.sleep(seconds / _DRIPS)
        await response.write(body[start : start + size])


def _reset(incoming: web.Request) -> None:
    transport = incoming.transport
    if transport is None:  # the client has gone already
        return
    if (connection := transport.get_extra_info("socket")) is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def _readable(value: str) -> str:
    """Replace bytes that are not UTF-8, which aiohttp keeps as lone surrogates."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_loopback(address: str | None) -> bool:
    return address is not None and ip_address(address).is_loopback
