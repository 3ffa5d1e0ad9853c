"""Running a flow ahead of the time at which its result is needed."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import cached_property
from types import TracebackType
from typing import Generic, TypeVar

from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import CredentialsError
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport

__all__ = ["Ahead"]

ResultT = TypeVar("ResultT")


class Ahead(Generic[ResultT]):
    """
    Drives flows one after the other, each in a thread, while the caller does something else.

    They have connections of their own, so that the caller may go on using the transport. Leaving the ``with`` block
    waits for nobody: a flow that is no longer wanted ends with the request that is on its way, its thread with it.

    :param transport: whose configuration and clocks are used; no connection of it is.
    """

    def __init__(self, transport: BlockingTransport) -> None:
        self._model = transport
        self._abandoned = threading.Event()
        self._under_way: Future[ResultT] | None = None

    def __enter__(self) -> Ahead[ResultT]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandoned.set()
        if self._under_way is not None:
            self._under_way.add_done_callback(lambda _done: self._transport.close())

    def start(self, flow: Flow[ResultT]) -> None:
        """Begin to run a flow; :meth:`result` is to be asked for before the next one."""
        self._renew_credentials()
        self._under_way = under_way = Future[ResultT]()
        # A thread for each flow, not one of a pool: none is left to stop, and the end of the process waits for none.
        threading.Thread(target=self._run, args=(flow, under_way), name="tencent-ci-ahead", daemon=True).start()

    def result(self) -> ResultT:
        """Wait for the flow that was started last, and return its result; its errors come through."""
        if self._under_way is None:
            raise RuntimeError("No flow was started.")
        return self._under_way.result()

    @cached_property
    def _transport(self) -> BlockingTransport:
        return self._model.twin(sleep=self._sleep)

    def _run(self, flow: Flow[ResultT], under_way: Future[ResultT]) -> None:
        try:
            under_way.set_result(self._transport.run(flow))
        except BaseException as error:  # whatever it is, it is the caller's
            under_way.set_exception(error)

    def _sleep(self, seconds: float) -> None:
        if self._abandoned.wait(seconds):
            raise _AbandonedError

    def _renew_credentials(self) -> None:
        """
        Have keys that are due renewed in this thread.

        Airflow 3.0 takes new keys to mask from one thread at a time only (``CommsDecoder.send`` has no lock there).
        """
        with suppress(CredentialsError):  # the flow will say so
            self._model.config.credentials.current(self._model.now)


class _AbandonedError(Exception):
    """Nobody wants the flow's result any more."""
