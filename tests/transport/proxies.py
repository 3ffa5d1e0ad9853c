"""A proxy for tests, which opens tunnels and passes on plain requests."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from contextlib import suppress

from tests.transport.servers import RawServer


class Proxy(RawServer):
    """
    Passes everything on, or refuses everything.

    :param refusal: the whole answer to each request, instead of passing it on.
    """

    def __init__(self, refusal: bytes = b"", context: ssl.SSLContext | None = None) -> None:
        super().__init__(self._serve_one, context)
        self._refusal = refusal

    def _serve_one(self, connection: socket.socket, head: bytes) -> None:
        method, target, _ = head.split(b" ", 2)
        if self._refusal:
            connection.sendall(self._refusal)
            connection.shutdown(socket.SHUT_WR)
            return
        authority = target if method == b"CONNECT" else re.match(rb"http://([^/]*)", target)[1]
        host, _, port = authority.rpartition(b":")
        with socket.create_connection((host.decode(), int(port))) as onward:
            if method == b"CONNECT":
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                onward.sendall(head)
            for source, sink in ((connection, onward), (onward, connection)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()
            self.stopping.wait(60)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
