"""Which errors of a request can be retried: what the service certainly did not execute, and what may pass."""

from __future__ import annotations

from airflow_provider_tencent_ci.core.wire.service_errors import is_time_refusal_error
from airflow_provider_tencent_ci.exceptions import (
    CredentialsError,
    QueueSaturatedError,
    ServiceUnavailableError,
    TencentCIError,
    ThrottledError,
    TransportError,
    UnreadableResponseError,
)


def was_not_executed(error: TencentCIError) -> bool:
    """
    Whether the service certainly did not execute the request, so that even a submission may be sent again.

    Either no byte of it can have arrived, or it was rejected unread (docs/service.md, 5.3).
    """
    if isinstance(error, TransportError):
        return not error.request_sent
    return isinstance(error, ThrottledError | QueueSaturatedError) or is_time_refusal_error(error)


def is_transient(error: TencentCIError) -> bool:
    """Whether a retry may help. For idempotent requests."""
    return was_not_executed(error) or isinstance(
        error, TransportError | ServiceUnavailableError | UnreadableResponseError
    )


def is_refused_as_too_many(error: TencentCIError) -> bool:
    """Whether the service, or a gateway, answered that there are too many requests."""
    return isinstance(error, ThrottledError) or (isinstance(error, ServiceUnavailableError) and error.status == 503)


def is_permanent(error: TencentCIError) -> bool:
    """Whether an error is permanent although errors of its class usually pass: credentials that cannot be fetched."""
    return isinstance(error, CredentialsError) and not error.may_pass
