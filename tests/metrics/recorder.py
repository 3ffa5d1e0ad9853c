"""A ``Stats`` of Airflow that keeps what it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_tencent_ci.compat.stats_and_tags import AirflowStats
from airflow_provider_tencent_ci.metrics import recording, table

if TYPE_CHECKING:
    import pytest

__all__ = ["Recorder", "Sent", "find_stats_by", "record_to"]


class Sent(NamedTuple):
    """One value, as Airflow's ``Stats`` gets it."""

    name: str
    value: float
    tags: dict[str, str]


class Recorder:
    """It has the methods that are called."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def incr(self, name, count=1, rate=1, *, tags=None):
        self.sent.append(Sent(name, count, tags or {}))

    def gauge(self, name, value, rate=1, delta=False, *, tags=None):
        self.sent.append(Sent(name, value, tags or {}))

    def timing(self, name, milliseconds, *, tags=None):
        self.sent.append(Sent(name, milliseconds, tags or {}))

    def values(self, metric):
        """The values of one metric, with the values of their tags."""
        return [(*sent.tags.values(), sent.value) for sent in self.sent if sent.name == metric.name]


def record_to(monkeypatch: pytest.MonkeyPatch, stats: object, takes_tags: bool = True) -> None:
    """Let this process send to ``stats``, as if the deployment had metrics on."""
    find_stats_by(monkeypatch, lambda: AirflowStats(stats, takes_tags))


def find_stats_by(monkeypatch: pytest.MonkeyPatch, find: Callable[[], AirflowStats | None]) -> None:
    """Let the metrics find Airflow's ``Stats`` by this function."""
    for module in (recording, table):
        monkeypatch.setattr(module, "airflow_stats", find)
