"""One body of tests for both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport

BUCKET, REGION = "examplebucket-1250000000", "ap-beijing"


class Clock:
    """The time of a transport; only pauses move it."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.ahead_seconds, UTC)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["blocking", "asynchronous"])
def run(request: pytest.FixtureRequest, clock: Clock) -> Callable[[ServiceConfig, Flow[Any]], Any]:
    """Runs a flow over a new transport, once with each kind."""

    def blocking(config: ServiceConfig, flow: Flow[Any]) -> Any:
        with BlockingTransport(config, now=clock.now, sleep=clock.sleep) as transport:
            return transport.run(flow)

    def asynchronous(config: ServiceConfig, flow: Flow[Any]) -> Any:
        async def main() -> Any:
            async with AsyncTransport(config, now=clock.now, sleep=clock.sleep_async) as transport:
                return await transport.run(flow)

        return asyncio.run(main())

    return {"blocking": blocking, "asynchronous": asynchronous}[request.param]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


def configuration(url: str, bucket: str = BUCKET, region: str = REGION, **changes: Any) -> ServiceConfig:
    from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_ID, SECRET_KEY

    changes = {"credentials": Credentials(SECRET_ID, SECRET_KEY), "request_timeout": 5.0, **changes}
    changes.setdefault("objects_proxy", changes.get("proxy"))
    return ServiceConfig(bucket, region, Endpoint.of_bucket(bucket, region, url), **changes)


@pytest.fixture
def config(emulator: Emulator) -> ServiceConfig:
    return configuration(emulator.url)
