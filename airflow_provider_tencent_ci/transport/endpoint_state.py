"""The state that both drivers share in a process."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from airflow_provider_tencent_ci.core.wire.messages import Priority
from airflow_provider_tencent_ci.core.wire.rate_limit import RateLimit, Turn
from airflow_provider_tencent_ci.core.wire.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

_log = logging.getLogger(__name__)


class _SharedRateLimit(RateLimit):
    """A rate limit that event loops of several threads use at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()

    def reserve(self, now: datetime, priority: Priority = Priority.NORMAL) -> Turn:
        with self._lock:
            return super().reserve(now, priority)

    def answer(self, turn: Turn, now: datetime, *, is_refused: bool) -> None:
        with self._lock:
            super().answer(turn, now, is_refused=is_refused)

    def give_back(self, turn: Turn) -> None:
        with self._lock:
            super().give_back(turn)


# One clock and one rate limit for each endpoint, for all transports of this process. They are few, so none is removed.
_clocks: dict[str, ServiceClock] = {}
_rate_limits: dict[str, RateLimit] = {}


def service_clock(config: ServiceConfig) -> ServiceClock:
    """Return this process's clock of the service."""
    return _clocks.setdefault(config.endpoint.base_url, ServiceClock(_log.warning))


def service_time_now(config: ServiceConfig) -> datetime | None:
    """Return the service's time (aware, UTC); ``None`` until an answer in this process has contained it."""
    return service_clock(config).known_at(datetime.now(UTC))


def rate_limit(config: ServiceConfig) -> RateLimit:
    """Return the rate limit that all event loops of this process share for the endpoint."""
    return _rate_limits.setdefault(config.endpoint.base_url, _SharedRateLimit())
