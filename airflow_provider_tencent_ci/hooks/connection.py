"""What a connection of type ``tencent_ci`` says, as the configuration of a transport."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_tencent_ci.core.config import REQUEST_TIMEOUT_SECONDS, Endpoint, ServiceConfig
from airflow_provider_tencent_ci.core.credentials import Credentials
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

__all__ = ["read_connection"]


def read_connection(connection: Connection, bucket: str | None, region: str | None) -> ServiceConfig:
    """
    Turn a connection into a configuration.

    Fields of ``extra`` (JSON): ``region``, ``bucket``, ``token``, ``endpoint_url``; also ``verify`` (``false``, or
    the path of a CA bundle), ``proxy`` (a URL; by default what the environment names) and ``request_timeout``
    (seconds, default 30).

    :param bucket: replaces the connection's, if given.
    :param region: likewise.
    :raises InvalidArgumentError: a field is missing or wrong; the message names it and the connection.
    """
    try:
        extra = _extra(connection)
        bucket = bucket or _text(extra, "bucket")
        region = region or _text(extra, "region")
        endpoint = Endpoint.of_bucket(bucket or "", region or "", _text(extra, "endpoint_url"))
        return ServiceConfig(
            bucket=bucket or "",
            region=region or "",
            endpoint=endpoint,
            credentials=_credentials(connection, extra),
            verify=_verify(extra),
            proxy=_text(extra, "proxy") or _environment_proxy(endpoint.base_url),
            request_timeout=_request_timeout(extra),
        )
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"Connection {connection.conn_id!r}: {error}") from None


def _extra(connection: Connection) -> Mapping[str, Any]:
    # Not `extra_dejson`, which on 3.x makes a blocking call to mask what is masked as a whole already.
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise InvalidArgumentError('extra must be a JSON object, such as {"region": "ap-beijing", "bucket": "..."}.')
    return extra


def _credentials(connection: Connection, extra: Mapping[str, Any]) -> Credentials:
    if not connection.login:
        raise InvalidArgumentError("login is missing: it holds the SecretId.")
    if not connection.password:
        raise InvalidArgumentError("password is missing: it holds the SecretKey.")
    return Credentials(connection.login.strip(), connection.password.strip(), _text(extra, "token"))


def _text(extra: Mapping[str, Any], field: str) -> str | None:
    value = extra.get(field)
    if value is not None and not isinstance(value, str):
        raise InvalidArgumentError(f"{field} in extra must be a text.")
    return value.strip() or None if value else None


def _verify(extra: Mapping[str, Any]) -> bool | str:
    value = extra.get("verify", True)
    if isinstance(value, bool) or (isinstance(value, str) and value):
        return value
    raise InvalidArgumentError("verify in extra must be true, false or the path of a CA bundle.")


def _request_timeout(extra: Mapping[str, Any]) -> float:
    value = extra.get("request_timeout", REQUEST_TIMEOUT_SECONDS)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 300:
        raise InvalidArgumentError("request_timeout in extra must be a number of seconds, more than 0, at most 300.")
    return float(value)


def _environment_proxy(base_url: str) -> str | None:
    parts = urlsplit(base_url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)
