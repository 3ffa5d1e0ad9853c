from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from rich.console import Console
from showcase.display import Display

from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.faults.scene import Clock
from tests.live import running
from tests.live.check import Answered, Check
from tests.live.emulated import VALUES, furnish, temporary_connection
from tests.live.findings import Question
from tests.live.questions import QUESTIONS
from tests.live.running import Outcome
from tests.live.service import Service
from tests.live.settings import CONNECTION_VARIABLE, TEMPORARY_CONNECTION_VARIABLE, VARIABLES, Settings

# Seconds by a clock that only pauses move.
LIMITS = {"poll_seconds": 2.0, "wait_seconds": 120.0, "end_seconds": 90.0}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[Emulator]:
    with Emulator(now=clock.now, submitted_seconds=3, run_seconds=5) as emulator:
        furnish(emulator)
        yield emulator


@pytest.fixture
def settings() -> Settings:
    return Settings.read({variable: VALUES[name] for name, (variable, _) in VARIABLES.items()}, **LIMITS)


@pytest.fixture
def services(emulator: Emulator, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Service]]:
    """The bucket with permanent keys, and with temporary ones."""
    monkeypatch.setenv(CONNECTION_VARIABLE, emulator.connection_json())
    monkeypatch.setenv(TEMPORARY_CONNECTION_VARIABLE, temporary_connection(emulator))
    services = []
    for conn_id in ("tencent_ci_default", "tencent_ci_temporary"):
        with TencentCIHook(conn_id) as hook:
            services.append(Service(hook.config, now=clock.now, sleep=clock.sleep))
    yield services
    for service in services:
        service.close()


@pytest.fixture
def documented_host(services: list[Service], monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented host, whose names resolve to the emulator: no other host is available."""
    service, fetch, emulator_url = services[0], services[0]._fetch, services[0].config.endpoint.base_url

    def fetch_from_emulator(url: str, headers: Mapping[str, str]) -> Response:
        parts = urlsplit(url)
        # The emulator has no TLS. This is what a proxy with a certificate in front of it says.
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return fetch(f"{emulator_url}{target}", {**headers, "x-forwarded-proto": parts.scheme})

    real = socket.getaddrinfo

    def resolve(host: str, port: int, family: int = 0, *others: int, **options: int) -> list[tuple]:
        if not host.endswith("myqcloud.com"):
            return real(host, port, family, *others, **options)
        if family == socket.AF_INET6:
            raise socket.gaierror
        return [(family, 1, 6, "", (address, port)) for address in ("10.1.2.3", "203.205.1.1")]

    endpoint = Endpoint.of_bucket(defaults.BUCKET, defaults.REGION)
    monkeypatch.setattr(service, "config", replace(service.config, endpoint=endpoint))
    monkeypatch.setattr(service, "_fetch", fetch_from_emulator)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture
def output() -> StringIO:
    return StringIO()


Ask = Callable[..., dict[int, Answered]]


@pytest.fixture
def ask(services: list[Service], settings: Settings) -> Ask:
    """Checks questions by their numbers, all by default, and returns the answers."""

    def ask(*numbers: int, **changes: object) -> dict[int, Answered]:
        check = Check(replace(settings, **changes), services[0], "0a1b2c3d", services[1])
        chosen = [question for question in QUESTIONS if not numbers or question.number in numbers]
        check.ask_all(chosen, lambda _: None)
        return {answered.question.number: answered for answered in check.answered}

    return ask


Run = Callable[..., Outcome]


@pytest.fixture
def run(services: list[Service], settings: Settings, output: StringIO, tmp_path: Path) -> Run:
    """Runs a whole check, of all questions by default."""

    def run(questions: Sequence[Question] = QUESTIONS, *, show_names: bool = False, **changes: object) -> Outcome:
        display = Display(Console(file=output, width=200, force_terminal=False))
        return running.run(
            replace(settings, **changes),
            services[0],
            questions,
            display,
            temporary=services[1],
            directory=tmp_path,
            show_names=show_names,
        )

    return run


def text_of(answered: Answered) -> str:
    return " ".join(f"{finding.text} {finding.change}".strip() for finding in answered.findings)
