"""The state that both drivers share in a process."""

from __future__ import annotations

import logging

from airflow_provider_tencent_ci.core.wire.rate_limit import TokenBucket
from airflow_provider_tencent_ci.core.wire.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig

_log = logging.getLogger(__name__)

# One clock and one rate limit for each endpoint, for all transports of this process. They are few, so none is removed.
_clocks: dict[str, ServiceClock] = {}
_rate_limits: dict[str, TokenBucket] = {}


def service_clock(config: ServiceConfig) -> ServiceClock:
    """Return this process's clock of the service."""
    return _clocks.setdefault(config.endpoint.base_url, ServiceClock(_log.warning))


def rate_limit(config: ServiceConfig) -> TokenBucket:
    """Return the rate limit that all event loops of this process share for the endpoint."""
    return _rate_limits.setdefault(config.endpoint.base_url, TokenBucket())
