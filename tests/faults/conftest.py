from __future__ import annotations

import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trustme

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.hooks import tencent_ci as hooks
from airflow_provider_tencent_ci.transport import async_driver
from airflow_provider_tencent_ci.triggers.inventory_job import InventoryJobTrigger
from tests.faults.network import Gate, Names
from tests.faults.scene import Authorities, Clock, Scene
from tests.faults.table import Case


@pytest.fixture(scope="package")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="package")
def emulator(clock: Clock) -> Iterator[Emulator]:
    """One emulator for the whole table; each case resets it, and its jobs outlast every wait."""
    with Emulator(now=clock.now, submitted_seconds=0, run_seconds=86400) as emulator:
        yield emulator


@pytest.fixture(scope="package")
def elsewhere() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="package")
def gate(emulator: Emulator) -> Iterator[Gate]:
    with Gate(emulator.port) as gate:
        yield gate


@pytest.fixture(scope="package")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    trusted = trustme.CA()
    bundle: Path = tmp_path_factory.mktemp("authorities") / "ca.pem"
    trusted.cert_pem.write_to_path(bundle)
    return Authorities(_server_side(trusted), _server_side(trustme.CA()), str(bundle))


def _server_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def scene(
    case: Case,
    clock: Clock,
    emulator: Emulator,
    elsewhere: Emulator,
    gate: Gate,
    authorities: Authorities,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    """The case's scene, with real clients that use its clock and its log."""
    scene = Scene(case, clock, emulator, elsewhere, gate, Names(monkeypatch), authorities)
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", scene.connection())
    monkeypatch.setattr(hooks, "BlockingTransport", scene.transport_for)
    monkeypatch.setattr(
        async_driver, "AsyncTransport", partial(async_driver.AsyncTransport, now=clock.now, sleep=clock.sleep_async)
    )
    for client in (hooks.TencentCIHook, InventoryJobTrigger):
        monkeypatch.setattr(client, "log", scene.log)
    yield scene
    assert not elsewhere.count(), "no client follows a redirect"
