"""The state that both drivers share in a process, and the errors that both raise."""

from __future__ import annotations

import logging

from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.service_clock import ServiceClock
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.core.wire.xml import MAX_BODY_BYTES
from airflow_provider_tencent_ci.exceptions import TransportError, UnreadableResponseError

_log = logging.getLogger(__name__)

# One clock for each endpoint, for all transports of this process. They are few, so none is removed.
_clocks: dict[str, ServiceClock] = {}


def service_clock(config: ServiceConfig) -> ServiceClock:
    """Return this process's clock of the service."""
    return _clocks.setdefault(config.endpoint.base_url, ServiceClock(_log.warning))


def no_answer(request: Request, config: ServiceConfig, error: Exception, *, request_sent: bool) -> TransportError:
    """Return the error for a request that was not answered. The cause's type says enough; its text may hold a URL."""
    address = config.endpoint.of(request).base_url
    via = " through the proxy" if config.proxy else ""
    what = "The request may have reached it." if request_sent else "The request did not reach it."
    return TransportError(
        f"No answer from {address}{via} to {request.method} {request.path}: {type(error).__name__}. {what} "
        "Check the network, region and endpoint_url if this goes on.",
        request_sent=request_sent,
    )


def too_large(status: int) -> UnreadableResponseError:
    """Return the error for a body over the limit."""
    return UnreadableResponseError(
        f"The answer is larger than {MAX_BODY_BYTES // 1024**2} MB and was not read further.", status=status
    )
