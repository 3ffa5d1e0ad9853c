"""The HTTP server in a daemon thread, which tests start and stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from airflow_provider_tencent_ci.emulator.http.server import Front, start_server
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Reply, WireRequest

__all__ = ["ServerThread"]

_START_SECONDS = 10.0


class ServerThread:
    """
    A server that can be started and stopped, more than once.

    :param front: answers clients.
    :param control: answers the control API.
    :param host: the address to listen on.
    :param port: 0: a free one.
    """

    def __init__(self, front: Front, control: Callable[[WireRequest], Reply], host: str, port: int) -> None:
        self._front = front
        self._control = control
        self._host = host
        self._wanted_port = port
        self._port: int | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_wanted: asyncio.Event | None = None
        self._start_error: BaseException | None = None

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        if self._port is None:
            raise RuntimeError("The emulator is not running.")
        return self._port

    @property
    def url(self) -> str:
        """The server's address."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """
        Start the thread and return when the server listens.

        :raises OSError: the address cannot be listened on.
        """
        if self._thread is not None:
            raise RuntimeError("The emulator is running already.")
        listening = threading.Event()
        self._start_error = None
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening)), name="tencent-ci-emulator", daemon=True
        )
        self._thread.start()
        if not listening.wait(_START_SECONDS):
            raise RuntimeError(f"The emulator did not start within {_START_SECONDS:g} seconds.")
        if self._start_error is not None:
            self._thread = None
            raise self._start_error

    def stop(self) -> None:
        """Stop the server and wait for its thread; does nothing if the server does not run."""
        thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None and self._stop_wanted is not None:
            self._loop.call_soon_threadsafe(self._stop_wanted.set)
            thread.join()
        self._port = None

    async def _serve(self, listening: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop_wanted = asyncio.Event()
        try:
            runner = await start_server(self._front, self._control, self._host, self._wanted_port)
        except BaseException as error:
            self._start_error = error
            listening.set()
            return
        self._port = runner.addresses[0][1]
        listening.set()
        try:
            await self._stop_wanted.wait()
        finally:
            await runner.cleanup()
