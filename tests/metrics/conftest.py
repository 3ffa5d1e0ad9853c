"""A recorder of the metrics of this process, and a receiver for those of other processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_tencent_ci.metrics import recording
from tests.metrics.recorder import Recorder, record_to
from tests.metrics.statsd_receiver import StatsdReceiver


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    record_to(monkeypatch, recorder)
    monkeypatch.setattr(recording._observer, "_waits", type(recording._observer._waits)())
    return recorder


@pytest.fixture
def receiver() -> Iterator[StatsdReceiver]:
    with StatsdReceiver() as receiver:
        yield receiver
