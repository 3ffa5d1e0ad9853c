"""A collector of OpenTelemetry's metrics on the loopback, over HTTP."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["Collector"]


class Collector:
    """
    Receives until its block ends.

    :ivar points: the last data point of each series, by the metric's name and the values of its attributes.
    """

    def __init__(self) -> None:
        self.points: dict[tuple[str, ...], Any] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._read(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables with which Airflow sends here."""
        return {
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "AIRFLOW__METRICS__OTEL_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__OTEL_PORT": str(self._server.server_port),
            "AIRFLOW__METRICS__OTEL_INTERVAL_MILLISECONDS": "500",
        }

    def _read(self, body: bytes) -> None:
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self._keep(metric)

    def _keep(self, metric: Any) -> None:
        data = getattr(metric, metric.WhichOneof("data"))
        for point in data.data_points:
            values = {one.key: one.value.string_value for one in point.attributes}
            self.points[(metric.name, *values.values())] = point
