"""Commands against an emulator over HTTP, in this process and in others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_tencent_ci.cli.main import main
from airflow_provider_tencent_ci.emulator import Emulator


@dataclass
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> Any:
        """The output as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Each line of the output as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator whose jobs take about two seconds, and the default connection to it."""
    with Emulator(submitted_seconds=0.2, run_seconds=1.8) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture
def run(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run a command in this process."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # as a command does; a test would not restore it

    def run(*arguments: str) -> Done:
        capfd.readouterr()
        try:
            main(arguments)
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        return Done(status, *capfd.readouterr())

    return run
