"""The network between a client and the emulator; a test can break and repair it during a request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pytest

__all__ = ["SERVICE_NAME", "Gate", "Names"]

SERVICE_NAME = "emulator.invalid"


class Names:
    """
    Name resolution in which :data:`SERVICE_NAME` is this machine, or unknown. It replaces the lowest call of both
    transports; names in ``.invalid`` exist nowhere else.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known = True
        self._ask = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._answer)

    def _answer(self, host: Any, *arguments: Any, **options: Any) -> Any:
        if host != SERVICE_NAME:
            return self._ask(host, *arguments, **options)
        if not self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._ask("127.0.0.1", *arguments, **options)


class Gate:
    """
    A local port that forwards to another one, with or without TLS, or to none.

    :param target_port: the port to forward to.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        # Keeps the port while no server listens there.
        self._keeper = _bound(0)
        self.port: int = self._keeper.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._keeper.close()

    def open(self, context: ssl.SSLContext | None = None) -> None:
        """Close, then listen again, with TLS if there is a ``context``."""
        self.close()
        self._run(self._listen(context))

    def close(self) -> None:
        """Refuse all further connections; existing ones stay open."""
        self._run(self._stop_listening())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self, context: ssl.SSLContext | None) -> None:
        self._server = await asyncio.start_server(self._lead, sock=_bound(self.port), ssl=context)

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _end(self) -> None:
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        for source, sink in ((reader, onward_writer), (onward_reader, writer)):
            task = asyncio.ensure_future(_pump(source, sink))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound
