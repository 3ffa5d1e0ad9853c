"""Socket servers with faulty behaviour."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Handler = Callable[[socket.socket, bytes], None]


class RawServer:
    """
    Calls a function for each connection, in its own thread.

    :param handler: gets the connection and its first request, or the head of the request and the bytes that came with
        it.
    :param context: makes it a TLS server.
    """

    def __init__(self, handler: Handler, context: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._context = context
        self._server = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.heads: list[bytes] = []
        self.stopping = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with suppress(OSError):  # wakes up the accepting thread
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._connections:
            connection.close()

    @property
    def port(self) -> int:
        port: int = self._server.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        return len(self._connections)

    def drip(self, connection: socket.socket, pieces: bytes, pause_seconds: float = 0.02) -> None:
        """Send one byte at a time until the client closes the connection."""
        while not self.stopping.is_set():
            for piece in pieces:
                connection.sendall(bytes([piece]))
                time.sleep(pause_seconds)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                while head := read_head(connection):
                    self.heads.append(head)
                    self._handler(connection, head)


def read_head(connection: socket.socket) -> bytes:
    """Return the head of a request and the bytes that came with it; empty if there is no further request."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        if not piece:
            return b""
        head += piece
    return head
