"""Airflow's ``Stats`` on each version: where a process finds it, and which form of names its receiver understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from airflow.configuration import conf

__all__ = ["AirflowStats", "airflow_stats", "hostname"]

# The switches of [metrics]. Airflow takes the first that is on.
_DATADOG, _STATSD, _OPEN_TELEMETRY = "statsd_datadog_enabled", "statsd_on", "otel_on"


@dataclass(frozen=True, slots=True)
class AirflowStats:
    """
    Airflow's ``Stats``, as the deployment has set it.

    :param stats: has ``incr``, ``gauge`` and ``timing``.
    :param takes_tags: whether a metric keeps its tags. Plain StatsD has none, and Airflow drops them: then the values
        are parts of the name, as in Airflow's own metrics.
    """

    stats: Any
    takes_tags: bool

    def count(self, name: str, number: float, tags: Mapping[str, str]) -> None:
        """Add to a counter."""
        self.stats.incr(self._named(name, tags), count=int(number), tags=self._tags(tags))

    def gauge(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Set a gauge."""
        self.stats.gauge(self._named(name, tags), value, tags=self._tags(tags))

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        """Add a duration. A number is in milliseconds everywhere; the unit of a timedelta depends on the version."""
        self.stats.timing(self._named(name, tags), seconds * 1000, tags=self._tags(tags))

    def _named(self, name: str, tags: Mapping[str, str]) -> str:
        return name if self.takes_tags else ".".join([name, *(value.replace(".", "_") for value in tags.values())])

    def _tags(self, tags: Mapping[str, str]) -> dict[str, str] | None:
        return dict(tags) if self.takes_tags and tags else None


@cache
def airflow_stats() -> AirflowStats | None:
    """Return Airflow's ``Stats`` for this process; ``None`` if the deployment sends no metrics."""
    if not any(_is_on(switch) for switch in (_DATADOG, _STATSD, _OPEN_TELEMETRY)):
        return None
    return AirflowStats(_stats(), _takes_tags())


@cache
def hostname() -> str:
    """Return this machine's name as Airflow has it in its own metrics, such as ``triggers.running``."""
    from airflow.utils.net import get_hostname

    return str(get_hostname())  # type: ignore[no-untyped-call]


def _stats() -> Any:
    """
    Return the ``Stats`` that sends in this process.

    Before 3.2 it reads the configuration by itself. Since then there are two, the core's and the SDK's, and each sends
    nothing until it is initialized. A task's process does that for the SDK's at its start, any other process when it
    imports ``serde`` (sdk/serde/__init__.py).
    """
    try:
        import_module("airflow.sdk.serde")
        return import_module("airflow.sdk.observability.stats").Stats
    except ImportError:  # before 3.2
        return import_module("airflow.stats").Stats


def _takes_tags() -> bool:
    if _is_on(_DATADOG):
        return conf.getboolean("metrics", "statsd_datadog_metrics_tags", fallback=True)
    return not _is_on(_STATSD) or _is_on("statsd_influxdb_enabled")


def _is_on(switch: str) -> bool:
    return bool(conf.getboolean("metrics", switch, fallback=False))
