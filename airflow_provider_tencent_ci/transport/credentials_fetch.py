"""Fetches new temporary keys from their source, blocking or asynchronously."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow_provider_tencent_ci.core.credentials.assume_role import assume_role
from airflow_provider_tencent_ci.core.credentials.credentials_source import AssumedRole, CredentialsSource, MachineRole
from airflow_provider_tencent_ci.core.credentials.instance_metadata import fetch_machine_role_credentials
from airflow_provider_tencent_ci.core.credentials.sts_answer import StsDialect
from airflow_provider_tencent_ci.core.wire.request_credentials import NO_CREDENTIALS, Clock, Credentials
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig

# The metadata service is local, and many callers may be waiting.
_METADATA_SECONDS = 5.0

_STS_SECONDS = 10.0


def fetch_credentials(origin: CredentialsSource | Credentials, clock: Clock) -> Credentials:
    """
    Return new keys; blocks.

    :raises CredentialsError: there are none.
    """
    from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport

    if isinstance(origin, AssumedRole):
        base = fetch_credentials(origin.base, clock)
        with BlockingTransport(_sts(origin, base), now=clock) as transport:
            return transport.run(assume_role(origin))
    if isinstance(origin, MachineRole):
        with BlockingTransport(_metadata_service(origin), now=clock) as transport:
            return transport.run(fetch_machine_role_credentials(origin))
    return origin


async def fetch_credentials_async(origin: CredentialsSource | Credentials, clock: Clock) -> Credentials:
    """
    Return new keys without blocking an event loop.

    :raises CredentialsError: there are none.
    """
    from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

    if isinstance(origin, AssumedRole):
        base = await fetch_credentials_async(origin.base, clock)
        async with AsyncTransport(_sts(origin, base), now=clock) as transport:
            return await transport.run(assume_role(origin))
    if isinstance(origin, MachineRole):
        async with AsyncTransport(_metadata_service(origin), now=clock) as transport:
            return await transport.run(fetch_machine_role_credentials(origin))
    return origin


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
