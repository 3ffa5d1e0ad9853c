"""
Connections of ``requests`` with a time limit for a whole exchange, for any behaviour of the peer.

``requests`` and ``urllib3`` limit each single read: a peer that sends one byte at a time can hold a caller without
limit, and an upload has the timeout of a connection. Here each socket call has the rest of the exchange's time. Only
name resolution is not limited here; the operating system limits it.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from airflow_provider_tencent_ci.core.wire.service_config import CONNECT_TIMEOUT_SECONDS
from airflow_provider_tencent_ci.transport.message_head import (
    check_bytes_behind,
    chunk_size,
    read_final_head,
    read_line,
)
from airflow_provider_tencent_ci.transport.network_errors import ProxyRefusedError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK_BYTES = 64 * 1024

# The standard library has no exception of its own for this.
_REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: (\d+).*", re.DOTALL)


class BoundedExchange:
    """
    One request and its answer.

    :param seconds: how long it may take, from connecting to the last byte read.
    :ivar request_sent: whether a byte of the request may have left.
    """

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self.request_sent = False
        self.reader: _Reader | None = None

    def left_seconds(self) -> float:
        """
        Return the rest of the time.

        :raises TimeoutError: the time is over.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time of the exchange is over.")
        return left

    def has_bytes_behind(self) -> bool:
        """
        Whether more bytes came with the answer: empty lines, or the beginning of another answer.

        :raises http.client.HTTPException: they are neither, so the answer may end anywhere.
        """
        behind = self.reader.unread() if self.reader is not None else b""
        check_bytes_behind(behind)
        return bool(behind)


# Per thread, and the innermost one: a signal handler may start its own exchange during another one.
_exchange: ContextVar[BoundedExchange] = ContextVar("exchange")


@contextmanager
def bounded(seconds: float) -> Iterator[BoundedExchange]:
    """Limit the time of all requests within the block; they use connections of a :class:`BoundedAdapter`."""
    exchange = BoundedExchange(seconds)
    token = _exchange.set(exchange)
    try:
        yield exchange
    finally:
        _exchange.reset(token)


class BoundedAdapter(HTTPAdapter):
    """
    Gives a session connections with the time limit of the exchange; see :func:`bounded`.

    :param context: checks certificates, also those of a proxy; ``None`` if no connection has TLS.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use these connections without a proxy."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Use these connections through a proxy, too."""
        manager = super().proxy_manager_for(proxy, **kwargs, proxy_ssl_context=self._context)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        """Give the pool the context; some versions of ``requests`` have one of their own."""
        host, pool = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, {**pool, "ssl_context": self._context}

    def cert_verify(self, *_args: Any) -> None:
        """Leave the certificates to the context; ``requests`` would add its own."""


class _FinalAnswer(http.client.HTTPResponse):
    """The answer after all interim ones, read by the rules of :mod:`.message_head`."""

    fp: Any

    def begin(self, **kwargs: Any) -> None:
        reader = self.fp
        try:
            self.fp = io.BytesIO(read_final_head(reader))
            super().begin(**kwargs)
        finally:
            self.fp = reader

    def _read_next_chunk_size(self) -> int:
        return chunk_size(read_line(self.fp))

    def _safe_read(self, amt: int) -> bytes:
        """Read the end of a chunk; chunks themselves are read as they come."""
        data: bytes = super()._safe_read(amt)  # type: ignore[misc]
        if data != b"\r\n":
            raise http.client.HTTPException
        return data

    def _read_and_discard_trailer(self) -> None:
        while read_line(self.fp) != b"\r\n":
            pass


class _BoundedConnection(HTTPConnection):
    """The common part of HTTP and HTTPS. The socket is replaced last, since TLS needs a real one."""

    response_class = _FinalAnswer

    def connect(self) -> None:
        super().connect()
        self.sock = _BoundedSocket(self.sock)

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers.

        Each has the connect timeout, all together the rest of the time.
        """
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        failure: OSError | None = None
        for _, _, _, _, address in addresses:
            seconds = min(CONNECT_TIMEOUT_SECONDS, _exchange.get().left_seconds())
            try:
                return create_connection(
                    (str(address[0]), self.port),
                    seconds,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as error:
                failure = error
        raise NewConnectionError(self, f"No address of {self.host} can be connected to.") from failure

    def _tunnel(self) -> None:
        """Open a tunnel through a proxy; this does not count as the request."""
        real = self.sock
        self.sock = _BoundedSocket(real, is_request=False)
        try:
            super()._tunnel()
        except OSError as error:
            if found := _REFUSED_TUNNEL.fullmatch(str(error)):
                raise ProxyRefusedError(int(found[1])) from None
            raise
        finally:
            if self.sock is not None:
                self.sock = real


class _BoundedHTTPSConnection(_BoundedConnection, HTTPSConnection):
    pass


class _BoundedPool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _BoundedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedHTTPSConnection


_POOLS = {"http": _BoundedPool, "https": _BoundedHTTPSPool}


class _BoundedSocket:
    """
    A connected socket; each call has the rest of the exchange's time.

    :param is_request: whether the sent bytes are the request.
    """

    def __init__(self, sock: Any, *, is_request: bool = True) -> None:
        self._sock = sock
        self._is_request = is_request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        """Ignore a new timeout."""

    def sendall(self, data: bytes) -> None:
        exchange, left = _exchange.get(), memoryview(data)
        exchange.request_sent = exchange.request_sent or self._is_request
        while left:
            self._sock.settimeout(exchange.left_seconds())
            left = left[self._sock.send(left[:_CHUNK_BYTES]) :]

    def makefile(self, mode: str = "rb", *args: Any, **kwargs: Any) -> io.BufferedReader:
        reader = _exchange.get().reader = _Reader(_BoundedReader(self._sock))
        return reader


class _Reader(io.BufferedReader):
    """Reads an answer, and knows whether bytes are left over."""

    raw: _BoundedReader
    _left_over = b""

    def unread(self) -> bytes:
        """Return the bytes that have come and were not read; reads no more from the socket."""
        if not self.closed:
            self.raw.is_paused = True
            self._left_over = self.peek()
            self.raw.is_paused = False
        return self._left_over

    def close(self) -> None:
        self.unread()
        super().close()


class _BoundedReader(io.RawIOBase):
    """Reads from a socket. Like a socket's own file, it may be read after the socket was closed."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self.is_paused = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self.is_paused:
            return None
        self._sock.settimeout(_exchange.get().left_seconds())
        count: int | None = self._file.readinto(buffer)
        return count

    def close(self) -> None:
        super().close()
        self._file.close()
