"""The metrics of a real task run arrive at a collector of OpenTelemetry."""

from __future__ import annotations

import pytest

from tests.metrics.collector import Collector
from tests.metrics.night import FILES, run_night
from tests.metrics.test_nights import emulator  # noqa: F401 - a fixture
from tests.runs.conftest import airflow_database  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="Airflow sends to OpenTelemetry with this package")


def test_a_night_arrives_at_a_collector(emulator):  # noqa: F811
    with Collector() as collector:
        run_night(collector.settings)
    points = {key: point for key, point in collector.points.items() if key[0].startswith("airflow.tencent_ci.")}
    asked = sum(request.operation == "create" for request in emulator.requests)
    assert points["airflow.tencent_ci.requests", "create_job", "ok"].as_int == asked == 1
    assert points["airflow.tencent_ci.submissions", "created"].as_int == 1
    assert points["airflow.tencent_ci.waits_ended", "success"].as_int == 1
    assert points["airflow.tencent_ci.files", "failed"].as_int == FILES / 10
    delay = points["airflow.tencent_ci.job_end_delay",]  # a histogram since 3.3, else a gauge
    assert getattr(delay, "count", 1) == 1
    assert 0 <= (delay.sum if hasattr(delay, "sum") else delay.as_double) < 60_000
