"""The emulator as an object: the service, its server in a thread, and the connection to it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from airflow_provider_tencent_ci.emulator.auth.roles import Role
from airflow_provider_tencent_ci.emulator.control.controls import Controls
from airflow_provider_tencent_ci.emulator.http.server import start_server
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour

__all__ = ["CONNECTION_VARIABLE", "Emulator"]

CONNECTION_VARIABLE = "AIRFLOW_CONN_TENCENT_CI_DEFAULT"

_START_SECONDS = 10.0


class Emulator(Controls):
    """
    Cloud Infinite on a port of this machine.

    .. code-block:: python

        with Emulator(run_seconds=60) as emulator:
            os.environ["AIRFLOW_CONN_TENCENT_CI_DEFAULT"] = emulator.connection_json()
            ...  # submit a job
            emulator.advance(seconds=61)
            assert emulator.jobs[0].state == "Success"

    Errors inside the emulator, as against those that it answers with, are raised when it is stopped.

    :param host: the address to listen on; anything but the loopback lets other machines in.
    :param port: 0: a free one.
    :param bucket: the bucket that is there from the start.
    :param region: its region.
    :param objects: how many media objects it holds at the start.
    :param now: where the time comes from (returns an aware datetime), for jobs and for the windows of signatures;
        default: this machine's clock.
    :param switches: switches of :class:`~airflow_provider_tencent_ci.emulator.Behaviour` by name, without their groups.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        bucket: str = defaults.BUCKET,
        region: str = defaults.REGION,
        objects: int = defaults.OBJECT_COUNT,
        now: Callable[[], datetime] | None = None,
        **switches: Any,
    ) -> None:
        super().__init__(
            bucket=bucket, region=region, objects=objects, now=now, behaviour=Behaviour().changed(**switches)
        )
        self._host = host
        self._wanted_port = port
        self._port: int | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_wanted: asyncio.Event | None = None
        self._start_error: BaseException | None = None

    def start(self) -> Self:
        """
        Start the server in a daemon thread and return when it listens.

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
        return self

    def stop(self) -> None:
        """
        Stop the server; does nothing if it does not run.

        :raises Exception: what went wrong inside the emulator.
        """
        thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None and self._stop_wanted is not None:
            self._loop.call_soon_threadsafe(self._stop_wanted.set)
            thread.join()
        self._port = None
        self.check()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except Exception as failure:
            if error is None:
                raise
            error.add_note(f"The emulator failed, too: {failure!r}")

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._port is None:
            raise RuntimeError("The emulator is not running.")
        return self._port

    @property
    def url(self) -> str:
        """Its address, such as ``http://127.0.0.1:40123``; the ``endpoint_url`` of a connection."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    def connection(self, credentials: str = "keys") -> dict[str, Any]:
        """
        Return an Airflow connection to the first bucket.

        :param credentials: ``keys``; ``machine_role`` for the keys of the machine's role; ``assume_role`` for those of
            the first role, assumed with the first key.
        """
        extra = {"region": self.default_region, "bucket": self.default_bucket, "endpoint_url": self.url}
        key_pair = {"login": defaults.SECRET_ID, "password": defaults.SECRET_KEY}
        if credentials == "machine_role":
            extra |= {"credentials": credentials, "metadata_url": self.url}
            key_pair = {}
        elif credentials == "assume_role":
            role_arn = Role(defaults.ROLE_NAME).arn
            extra |= {"credentials": credentials, "role_arn": role_arn, "sts_url": self.url}
        elif credentials != "keys":
            raise ValueError(f"credentials={credentials!r} is none of keys, machine_role, assume_role.")
        return {"conn_type": "tencent_ci", **key_pair, "extra": extra}

    def connection_json(self, credentials: str = "keys") -> str:
        """Return the connection as a value for ``AIRFLOW_CONN_TENCENT_CI_DEFAULT``."""
        return json.dumps(self.connection(credentials))

    def connection_uri(self) -> str:
        """Return the connection as a URI, the other form of the variable's value."""
        login, password = quote(defaults.SECRET_ID, safe=""), quote(defaults.SECRET_KEY, safe="")
        return f"tencent-ci://{login}:{password}@/?{urlencode(self.connection()['extra'])}"

    async def _serve(self, listening: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop_wanted = asyncio.Event()
        try:
            runner = await start_server(self, self._host, self._wanted_port)
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
