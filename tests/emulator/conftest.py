from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.buckets import Bucket
from airflow_provider_tencent_ci.emulator.model.clock import Clock
from airflow_provider_tencent_ci.emulator.model.service import Service

NOON = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)  # in Beijing


@pytest.fixture
def emulator(tencent_ci_emulator: Emulator) -> Emulator:
    """The shipped fixture under a shorter name."""
    return tencent_ci_emulator


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is put forward."""
    return Clock(lambda: NOON)


@pytest.fixture
def service(clock: Clock) -> Service:
    """A service with one bucket of four films, without HTTP."""
    service = Service(clock)
    bucket = defaults.new_bucket(defaults.BUCKET, defaults.REGION, NOON)
    for stored in defaults.media_objects(4, NOON + timedelta(hours=1)):
        bucket.objects[stored.key] = stored
    service.buckets[bucket.name] = bucket
    return service


@pytest.fixture
def bucket(service: Service) -> Bucket:
    return service.buckets[defaults.BUCKET]
