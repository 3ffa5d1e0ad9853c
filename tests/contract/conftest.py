from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import pytest

from airflow_provider_tencent_ci.emulator import Contract, Emulator
from airflow_provider_tencent_ci.hooks import tencent_ci as hooks
from airflow_provider_tencent_ci.transport import async_driver
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from tests.contract.contracts import is_broken
from tests.faults.scene import Clock, Log


class Killed(BaseException):
    """The end of a process."""


class Mortal(BlockingTransport):
    """A transport whose process can end after a request of one method, when the service has acted on it."""

    dies_after = ""
    # Headers that a proxy in front of the service adds.
    added_headers: Mapping[str, str] = {}

    def _send(self, action):
        action = replace(action, headers={**action.headers, **self.added_headers})
        answer = super()._send(action)
        if action.request.method == self.dies_after:
            raise Killed
        return answer


@pytest.fixture(scope="package")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="package")
def server(clock: Clock) -> Iterator[Emulator]:
    with Emulator(now=clock.now, objects=0, submitted_seconds=5, run_seconds=60) as emulator:
        yield emulator


@pytest.fixture
def emulator(server: Emulator, clock: Clock, contract: Contract, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The service as a contract says, with clients that use its clock."""
    clock.reset()
    server.reset()
    server.configure(**contract.switches())
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", server.connection_json())
    monkeypatch.setattr(hooks, "BlockingTransport", partial(Mortal, now=clock.now, sleep=clock.sleep))
    monkeypatch.setattr(
        async_driver, "AsyncTransport", partial(async_driver.AsyncTransport, now=clock.now, sleep=clock.sleep_async)
    )
    return server


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """The lines of the hook and of triggers."""
    log = Log()
    for client in (hooks.TencentCIHook, InventoryJobTrigger):
        monkeypatch.setattr(client, "log", log)
    return log


@pytest.fixture
def hook(emulator: Emulator, log: Log) -> Iterator[hooks.TencentCIHook]:
    with hooks.TencentCIHook() as hook:
        yield hook


@pytest.fixture
def broken(request: pytest.FixtureRequest, contract: Contract) -> bool:
    """Whether the promise of this test is one that does not hold with this contract."""
    return is_broken(request.node.originalname, contract)
