"""The set-up of a case: the emulator, the network, clients with their own clock, and their records."""

from __future__ import annotations

import json
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_tencent_ci.core.wire.messages import Flow, Request
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.emulator import Emulator, FaultKind
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport
from tests.faults.network import SERVICE_NAME, Gate, Names
from tests.faults.table import REQUEST_TIMEOUT_SECONDS, Case, Column, Injected, NetworkFault, Span

__all__ = ["Authorities", "Clock", "Log", "Scene", "Watched"]

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

_OPERATIONS = {Column.SUBMIT: "create", Column.BLOCKING: "list", Column.DEFERRED: "list", Column.CANCEL: "cancel"}


class Clock:
    """The time of clients and emulator; only pauses move it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.time = START
        self._at_pauses: deque[Callable[[], None]] = deque()

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        if self._at_pauses:
            self._at_pauses.popleft()()

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def at_pause(self, number: int, act: Callable[[], None]) -> None:
        """Call a function at the pause with this number, counted from now, from 1."""
        self._at_pauses.extend([_nothing] * (number - 1))
        self._at_pauses.append(act)


class Log:
    """A logger that stores its lines."""

    def __init__(self) -> None:
        self.text = ""

    def info(self, message: str, *arguments: object) -> None:
        self.text += message % arguments + "\n"

    warning = error = info


class Watched(BlockingTransport):
    """A transport that records the methods of its requests, and calls a function before the first one of a method."""

    methods: list[str]
    before: tuple[str, Callable[[], None]] | None = None

    def run(self, flow: Flow[Any]) -> Any:
        self.methods = []
        return super().run(self._watch(flow))

    def _watch(self, flow: Flow[Any]) -> Flow[Any]:
        try:
            step = next(flow)
            while True:
                if isinstance(step, Request):
                    self._note(step)
                try:
                    answer = yield step
                except TencentCIError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as stop:
            return stop.value

    def _note(self, request: Request) -> None:
        self.methods.append(request.method)
        if self.before and self.before[0] == request.method:
            act, self.before = self.before[1], None
            self.close()  # a change of the network affects new connections only
            act()


@dataclass(frozen=True, slots=True)
class Authorities:
    """
    The contexts of TLS servers.

    :param bundle: the path of the certificate that clients trust.
    """

    trusted: ssl.SSLContext
    unknown: ssl.SSLContext
    bundle: str


class Scene:
    """
    All parts of one case.

    :param elsewhere: another server; a redirect points to it, and no client may contact it.
    """

    def __init__(
        self,
        case: Case,
        clock: Clock,
        emulator: Emulator,
        elsewhere: Emulator,
        gate: Gate,
        names: Names,
        authorities: Authorities,
    ) -> None:
        self.case = case
        self.clock = clock
        self.emulator = emulator
        self.elsewhere = elsewhere
        self.gate = gate
        self.names = names
        self.authorities = authorities
        self.log = Log()
        self.transport: Watched
        emulator.reset()
        elsewhere.reset()
        clock.reset()

    def connection(self) -> str:
        """Return the value of the connection's variable; it uses the network that the case breaks."""
        connection = self.emulator.connection()
        extra = connection["extra"]
        trouble = self.case.row.trouble
        if trouble is NetworkFault.NAME_NOT_FOUND:
            extra["endpoint_url"] = f"http://{SERVICE_NAME}:{self.emulator.port}"
        elif trouble is NetworkFault.REFUSED:
            self.gate.open()
            extra["endpoint_url"] = f"http://127.0.0.1:{self.gate.port}"
        elif isinstance(trouble, NetworkFault):
            self.gate.open(self.authorities.trusted)
            extra |= {"endpoint_url": f"https://127.0.0.1:{self.gate.port}", "verify": self.authorities.bundle}
        if self.case.takes_real_time and trouble.fault.kind is not FaultKind.HUGE_BODY:
            extra["request_timeout"] = REQUEST_TIMEOUT_SECONDS
        return json.dumps(connection)

    def transport_for(self, config: ServiceConfig, **options: Any) -> Watched:
        """Return a blocking transport with the scene's clock; the last one is kept."""
        self.transport = Watched(config, now=self.clock.now, sleep=self.clock.sleep, **options)
        return self.transport

    @property
    def strikes_at_once(self) -> bool:
        """Whether the fault starts before the column's own request."""
        trouble = self.case.row.trouble
        return isinstance(trouble, Injected) and trouble.fault.operation != "any"

    def strike(self) -> None:
        """Start the fault, and end it if it is a passing one."""
        trouble = self.case.row.trouble
        if isinstance(trouble, Injected):
            self._inject(trouble)
            return
        self._break(trouble)
        if self.case.span is Span.PASSING:
            self.clock.at_pause(self.case.row.passing_times, self._mend)

    def _inject(self, trouble: Injected) -> None:
        fault = trouble.fault
        if fault.operation == "any" and not trouble.everywhere:
            fault = replace(fault, operation=_OPERATIONS[self.case.column])
        times = self.case.row.passing_times if self.case.span is Span.PASSING else None
        self.emulator.inject(replace(fault, times=times, location=self.elsewhere.url))
        if trouble.until_created and self.case.column is Column.SUBMIT:
            self.clock.at_pause(1, self._wait_for_a_job)

    def _break(self, trouble: NetworkFault) -> None:
        if trouble is NetworkFault.NAME_NOT_FOUND:
            self.names.known = False
        elif trouble is NetworkFault.REFUSED:
            self.gate.close()
        else:
            self.gate.open(self.authorities.unknown if trouble is NetworkFault.UNTRUSTED else None)

    def _mend(self) -> None:
        self.names.known = True
        if self.case.row.trouble is not NetworkFault.NAME_NOT_FOUND:
            self.gate.open(None if self.case.row.trouble is NetworkFault.REFUSED else self.authorities.trusted)

    def _wait_for_a_job(self) -> None:
        ends_at = time.monotonic() + 30
        while not self.emulator.jobs:
            assert time.monotonic() < ends_at, "the service never executed it"
            time.sleep(0.02)


def _nothing() -> None:
    pass
