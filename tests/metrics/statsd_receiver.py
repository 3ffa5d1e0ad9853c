"""A receiver of StatsD's packets on the loopback."""

from __future__ import annotations

import socket
import threading
import time
from typing import NamedTuple, Self

__all__ = ["Received", "StatsdReceiver"]


class Received(NamedTuple):
    """
    One value.

    :param name: with the tags in it, as it was sent.
    :param kind: ``c``, ``g`` or ``ms``.
    """

    name: str
    value: float
    kind: str

    @property
    def tags(self) -> dict[str, str]:
        """The tags in the form of InfluxDB."""
        return dict(tag.split("=", 1) for tag in self.name.split(",")[1:])

    @property
    def metric(self) -> str:
        """The name without tags."""
        return self.name.split(",")[0]


class StatsdReceiver:
    """
    Listens on UDP until its block ends.

    :ivar port: where.
    :ivar received: all values, in order.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables with which Airflow sends here."""
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(self.port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        }

    def ours(self) -> list[Received]:
        """
        Return the values of this package.

        Those that were sent before this call are among them: the last packet is this method's own.
        """
        mark = f"mark.{time.monotonic_ns()}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.sendto(f"{mark}:1|c".encode(), ("127.0.0.1", self.port))
        ends_at = time.monotonic() + 10
        while mark not in (one.name for one in reversed(self.received)):
            assert time.monotonic() < ends_at, "the receiver hangs"
            time.sleep(0.01)
        return [one for one in self.received if one.name.startswith("airflow.tencent_ci.")]

    def totals(self, metric: str) -> dict[tuple[str, ...], float]:
        """Return the sums of a metric's values by the values of its tags."""
        found: dict[tuple[str, ...], float] = {}
        for one in self.ours():
            if one.metric == f"airflow.{metric}":
                key = tuple(one.tags.values())
                found[key] = found.get(key, 0) + one.value
        return found

    def _listen(self) -> None:
        while packet := self._socket.recv(65536):
            for line in packet.decode().splitlines():
                name, _, rest = line.rpartition(":")
                value, kind = rest.split("|")[:2]
                self.received.append(Received(name, float(value), kind))
