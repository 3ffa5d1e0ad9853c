"""Fetches new temporary keys from their source, blocking or asynchronously."""

from __future__ import annotations

import math
import time
from typing import Protocol
from urllib.parse import urlsplit

from airflow_provider_tencent_ci.core.credentials.assume_role import assume_role
from airflow_provider_tencent_ci.core.credentials.machine_role import fetch_machine_role_credentials
from airflow_provider_tencent_ci.core.credentials.roles import AssumedRole, CredentialsSource, MachineRole
from airflow_provider_tencent_ci.core.credentials.sts_answer import StsDialect
from airflow_provider_tencent_ci.core.wire.request_credentials import NO_CREDENTIALS, Clock, Credentials
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig

# The metadata service is local, and many callers may be waiting.
_METADATA_SECONDS = 5.0

_STS_SECONDS = 10.0


class Masker(Protocol):
    """Receives fetched credentials before they are used, to mask them in logs."""

    def mask(self, credentials: Credentials) -> None:
        """Mask them; may block."""

    async def mask_async(self, credentials: Credentials) -> None:
        """Mask them without blocking an event loop."""


def fetch_credentials(
    origin: CredentialsSource | Credentials, clock: Clock, masker: Masker, within_seconds: float = math.inf
) -> Credentials:
    """
    Return new keys; blocks.

    :param masker: receives all keys that are fetched, also those that only assume a role.
    :param within_seconds: the time limit of all requests together; by default each has its own limit only.
    :raises CredentialsError: there are none.
    """
    from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport

    ends_at = time.monotonic() + within_seconds
    if isinstance(origin, AssumedRole):
        base = fetch_credentials(origin.base, clock, masker, within_seconds)
        config, flow = _sts(origin, base), assume_role(origin)
    elif isinstance(origin, MachineRole):
        config, flow = _metadata_service(origin), fetch_machine_role_credentials(origin)
    else:
        return origin
    with BlockingTransport(config, now=clock, within_seconds=ends_at - time.monotonic()) as transport:
        keys = transport.run(flow)
    masker.mask(keys)
    return keys


async def fetch_credentials_async(origin: CredentialsSource | Credentials, clock: Clock, masker: Masker) -> Credentials:
    """
    Return new keys without blocking an event loop.

    :param masker: receives all keys that are fetched, also those that only assume a role.
    :raises CredentialsError: there are none.
    """
    from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

    if isinstance(origin, AssumedRole):
        base = await fetch_credentials_async(origin.base, clock, masker)
        config, flow = _sts(origin, base), assume_role(origin)
    elif isinstance(origin, MachineRole):
        config, flow = _metadata_service(origin), fetch_machine_role_credentials(origin)
    else:
        return origin
    async with AsyncTransport(config, now=clock) as transport:
        keys = await transport.run(flow)
    await masker.mask_async(keys)
    return keys


def _metadata_service(origin: MachineRole) -> ServiceConfig:
    """Return the configuration of its requests: unsigned, and never through a proxy, which would see the keys."""
    return ServiceConfig(
        bucket="",
        region="",
        endpoint=Endpoint(origin.metadata_url, urlsplit(origin.metadata_url).netloc),
        credentials=NO_CREDENTIALS,
        request_timeout=_METADATA_SECONDS,
    )


def _sts(origin: AssumedRole, base: Credentials) -> ServiceConfig:
    """Return the configuration of its requests: signed with the keys that assume the role."""
    return ServiceConfig(
        bucket="",
        region="",
        endpoint=Endpoint(origin.sts_url, urlsplit(origin.sts_url).netloc),
        credentials=base,
        verify=origin.verify,
        proxy=origin.proxy,
        request_timeout=_STS_SECONDS,
        dialect=StsDialect(),
    )
