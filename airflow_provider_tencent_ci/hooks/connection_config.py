"""Turn a connection of type ``tencent_ci`` into the configuration of a transport."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.core.wire.flow_steps import MOST_CONNECTIONS
from airflow_provider_tencent_ci.core.wire.service_config import (
    MAX_CONNECTIONS,
    REQUEST_TIMEOUT_SECONDS,
    Endpoint,
    ServiceConfig,
)
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.hooks.connection_credentials import key_advice, read_credentials
from airflow_provider_tencent_ci.hooks.extra_names import describe_unknown_fields, plain_extra, warn_of_unknown_fields
from airflow_provider_tencent_ci.hooks.extra_values import (
    number_field,
    optional_number_field,
    text_field,
    verify_field,
    whole_number_field,
)
from airflow_provider_tencent_ci.hooks.proxy_setting import proxy_field
from airflow_provider_tencent_ci.metrics.recording import service_observer

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


def read_connection(connection: Connection, bucket: str | None, region: str | None) -> ServiceConfig:
    """
    Turn a connection into a configuration.

    Fields of ``extra`` (JSON): ``region``, ``bucket``, ``token``, ``endpoint_url``; also ``verify`` (``false``, or
    the path of a CA bundle; by default that of the environment), ``proxy`` (a URL; by default that of the
    environment), ``request_timeout`` (seconds, default 30), ``requests_per_second`` (an upper limit of a process;
    by default none),
    ``max_connections`` (of a count or a list, 1 to 100, default 16), and ``credentials`` with the fields that belong
    to it (:mod:`.connection_credentials`, docs/connection.md).

    :param bucket: replaces the connection's, if given.
    :param region: replaces the connection's, if given.
    A field of another name has no effect; the log says so, once for a connection and process.

    :raises InvalidArgumentError: a field is missing or wrong; the message names it and the connection.
    """
    extra: Mapping[str, Any] = {}
    try:
        extra = read_extra(connection)
        warn_of_unknown_fields(connection.conn_id, extra)
        bucket = bucket or text_field(extra, "bucket")
        region = region or text_field(extra, "region")
        endpoint = Endpoint.of_bucket(bucket or "", region or "", text_field(extra, "endpoint_url"))
        return ServiceConfig(
            bucket=bucket or "",
            region=region or "",
            endpoint=endpoint,
            credentials=read_credentials(connection, extra),
            verify=verify_field(extra),
            proxy=proxy_field(extra, endpoint.base_url),
            objects_proxy=proxy_field(extra, endpoint.objects.base_url) if endpoint.objects else None,
            request_timeout=number_field(extra, "request_timeout", REQUEST_TIMEOUT_SECONDS, 300),
            place=place_of(connection.conn_id, bucket),
            requests_per_second=optional_number_field(extra, "requests_per_second", 1000),
            max_connections=whole_number_field(extra, "max_connections", MAX_CONNECTIONS, MOST_CONNECTIONS),
            key_advice=key_advice(extra),
            observer=service_observer(),
        )
    except InvalidArgumentError as error:
        # A field that is missing may be there with a slip in its name.
        slips = describe_unknown_fields(extra)
        raise InvalidArgumentError(f"Connection {connection.conn_id!r}: {error} {slips}".rstrip()) from None


def place_of(conn_id: str, bucket: str | None = None) -> str:
    """Return the beginning of the message of an error; without the bucket if it is not known yet."""
    return f"Connection {conn_id!r}, bucket {bucket}: " if bucket else f"Connection {conn_id!r}: "


def read_extra(connection: Connection) -> Mapping[str, Any]:
    """
    Return the fields of the extra.

    :raises InvalidArgumentError: it is no JSON object.
    """
    # Not `extra_dejson`: on 3.x it makes a blocking call to mask values, and the whole extra is masked already.
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise InvalidArgumentError('extra must be a JSON object, such as {"region": "ap-beijing", "bucket": "..."}.')
    return plain_extra(extra)
