"""The credentials that a connection names."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_tencent_ci.compat.connections import mask_secrets, mask_secrets_async
from airflow_provider_tencent_ci.core.credentials.roles import (
    DEFAULT_DURATION_SECONDS,
    DEFAULT_SESSION_NAME,
    MAX_DURATION_SECONDS,
    METADATA_URL,
    STS_REGION,
    STS_URL,
    AssumedRole,
    CredentialsSource,
    MachineRole,
)
from airflow_provider_tencent_ci.core.wire.error_codes import CHECK_KEY_ADVICE
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials, CredentialsProvider
from airflow_provider_tencent_ci.core.wire.service_config import base_url
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.hooks.extra_values import (
    header_text,
    text_field,
    verify_field,
    whole_number_field,
)
from airflow_provider_tencent_ci.hooks.proxy_setting import proxy_field
from airflow_provider_tencent_ci.transport.credentials_cache import CredentialsCache

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

# Seen in the official SDKs: the first two in all of them; for the token each tool has a different name (the Node SDK,
# the command line, Terraform).
_SECRET_ID_VARIABLE = "TENCENTCLOUD_SECRET_ID"  # noqa: S105 - the name of a variable
_SECRET_KEY_VARIABLE = "TENCENTCLOUD_SECRET_KEY"  # noqa: S105 - the name of a variable
_TOKEN_VARIABLES = ("TENCENTCLOUD_SESSION_TOKEN", "TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN")

# The limit of caches; the least recently used one is dropped. A triggerer may run for months while connections change.
_MAX_CACHES = 64

ReadT = TypeVar("ReadT")


def read_credentials(connection: Connection, extra: Mapping[str, Any]) -> CredentialsProvider:
    """
    Return the provider of a connection's credentials.

    Connections with the same source share their temporary keys within a process; a changed connection gets new keys.

    :raises InvalidArgumentError: a field is missing or wrong; the message names it.
    """
    return _choose(KINDS, "credentials", _kind(extra))(connection, extra)


def key_advice(extra: Mapping[str, Any]) -> str:
    """
    Return what to do if the service does not accept the key, by the source of the connection's credentials.

    :raises InvalidArgumentError: there is no such source.
    """
    return _choose(_KEY_ADVICE, "credentials", _kind(extra))


def _kind(extra: Mapping[str, Any]) -> str:
    return text_field(extra, "credentials") or "keys"


def _keys(connection: Connection, extra: Mapping[str, Any]) -> Credentials:
    if not connection.login:
        raise InvalidArgumentError("login is missing: it holds the SecretId.")
    if not connection.password:
        raise InvalidArgumentError("password is missing: it holds the SecretKey.")
    token = text_field(extra, "token")
    return Credentials(
        header_text("login (SecretId)", connection.login),
        header_text("password (SecretKey)", connection.password),
        header_text("token in extra", token) if token else None,
    )


def _environment(connection: Connection, extra: Mapping[str, Any]) -> Credentials:
    for variable in (_SECRET_ID_VARIABLE, _SECRET_KEY_VARIABLE):
        if not os.environ.get(variable, "").strip():
            raise InvalidArgumentError(
                f"{variable} is not set in the environment of this process, where credentials=environment looks for it."
            )
    token = next((variable for variable in _TOKEN_VARIABLES if os.environ.get(variable, "").strip()), None)
    return Credentials(
        header_text(_SECRET_ID_VARIABLE, os.environ[_SECRET_ID_VARIABLE]),
        header_text(_SECRET_KEY_VARIABLE, os.environ[_SECRET_KEY_VARIABLE]),
        header_text(token, os.environ[token]) if token else None,
    )


def _machine_role(connection: Connection, extra: Mapping[str, Any]) -> MachineRole:
    return MachineRole(
        role_name=text_field(extra, "role_name"),
        metadata_url=base_url("metadata_url in extra", text_field(extra, "metadata_url") or METADATA_URL),
    )


def _assumed_role(connection: Connection, extra: Mapping[str, Any]) -> AssumedRole:
    role_arn = text_field(extra, "role_arn")
    if not role_arn:
        raise InvalidArgumentError(
            "role_arn in extra is missing: it names the role to assume, qcs::cam::uin/<account>:roleName/<name>."
        )
    sts_url = base_url("sts_url in extra", text_field(extra, "sts_url") or STS_URL)
    read_base = _choose(_BASES, "assume_role_with", text_field(extra, "assume_role_with") or "keys")
    return AssumedRole(
        base=read_base(connection, extra),
        role_arn=role_arn,
        session_name=text_field(extra, "role_session_name") or DEFAULT_SESSION_NAME,
        external_id=text_field(extra, "role_external_id"),
        duration_seconds=whole_number_field(
            extra, "role_duration", DEFAULT_DURATION_SECONDS, MAX_DURATION_SECONDS, "seconds"
        ),
        sts_url=sts_url,
        region=header_text("sts_region in extra", text_field(extra, "sts_region") or STS_REGION),
        verify=verify_field(extra),
        proxy=proxy_field(extra, sts_url),
    )


def _cached(read: Callable[..., CredentialsSource]) -> Callable[..., CredentialsProvider]:
    return lambda *arguments: _shared_cache(read(*arguments))


def _choose(kinds: Mapping[str, ReadT], field: str, kind: str) -> ReadT:
    if kind not in kinds:
        raise InvalidArgumentError(f"{field}={kind!r} in extra is none of {', '.join(kinds)}.")
    return kinds[kind]


class _AirflowMasker:
    """Lets Airflow mask new keys in its logs."""

    def mask(self, credentials: Credentials) -> None:
        mask_secrets(credentials.secret_key, credentials.token)

    async def mask_async(self, credentials: Credentials) -> None:
        await mask_secrets_async(credentials.secret_key, credentials.token)


_caches_lock = threading.RLock()


@lru_cache(maxsize=_MAX_CACHES)
def _credentials_cache(source: CredentialsSource) -> CredentialsCache:
    return CredentialsCache(source, _AirflowMasker())


def _shared_cache(source: CredentialsSource) -> CredentialsCache:
    with _caches_lock:  # two threads that start at the same time would each create a cache
        return _credentials_cache(source)


_BASES: Mapping[str, Callable[..., Credentials | MachineRole]] = {
    "keys": _keys,
    "machine_role": _machine_role,
    "environment": _environment,
}
KINDS: Mapping[str, Callable[..., CredentialsProvider]] = {
    "keys": _keys,
    "machine_role": _cached(_machine_role),
    "assume_role": _cached(_assumed_role),
    "environment": _environment,
}
_KEY_ADVICE: Mapping[str, str] = {
    "keys": CHECK_KEY_ADVICE,
    "machine_role": "The key is that of this machine's role: check which role is bound to the machine (CVM console).",
    "assume_role": "The key is that of the assumed role: check role_arn and sts_url in the extra of the connection.",
    "environment": f"Check {_SECRET_ID_VARIABLE} and {_SECRET_KEY_VARIABLE} in the environment of this process.",
}
