"""Temporary keys as the metadata service and STS hand them out: the same fields in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from airflow_provider_tencent_ci.core.credentials.roles import CredentialsSource
from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_errors import service_time_of
from airflow_provider_tencent_ci.core.wire.texts import not_for_header
from airflow_provider_tencent_ci.exceptions import CredentialsError

# Document 1150/49457: at most 1,024 bytes for the keys and 4,096 for the token; the limits here are larger, for later
# formats.
_MAX_KEY_LENGTH = 1024
_MAX_TOKEN_LENGTH = 8192


def read_temporary_keys(origin: CredentialsSource, fields: Mapping[str, object]) -> Credentials:
    """
    Read ``TmpSecretId``, ``TmpSecretKey``, ``Token`` and ``ExpiredTime`` (Unix seconds).

    The names are documented for STS (1150/49457) and seen in the official SDKs for the metadata service.

    :param origin: the service that answered, for the error.
    :return: keys with the expiry of the answer, by the clock of that service.
    :raises CredentialsError: a field is missing or invalid; the message names it and never shows its value.
    """
    return Credentials(
        secret_id=_text(origin, fields, "TmpSecretId", _MAX_KEY_LENGTH),
        secret_key=_text(origin, fields, "TmpSecretKey", _MAX_KEY_LENGTH),
        token=_text(origin, fields, "Token", _MAX_TOKEN_LENGTH),
        expires_at=_moment(origin, fields, "ExpiredTime"),
    )


def with_local_expiry(origin: CredentialsSource, keys: Credentials, answer: Response) -> Credentials:
    """
    Return keys with their expiry by the clock of this machine.

    :param keys: as they were read from the answer.
    :raises CredentialsError: they had expired when they were handed out.
    """
    handed_out_at = service_time_of(answer)
    if handed_out_at is None or keys.expires_at is None:
        return keys
    lifetime = keys.expires_at - handed_out_at
    if lifetime <= timedelta(0):
        raise CredentialsError(
            f"{origin}: temporary keys had expired when they were handed out, by "
            f"{-lifetime.total_seconds():.0f} seconds."
        )
    return replace(keys, expires_at=answer.received_at + lifetime)


def _text(origin: CredentialsSource, fields: Mapping[str, object], name: str, longest: int) -> str:
    """Return a field that can be sent in a header: a line break in it would start another header."""
    value = fields.get(name)
    if isinstance(value, str) and 0 < len(value) <= longest and not_for_header(value) is None:
        return value
    raise _unreadable(origin, name)


def _moment(origin: CredentialsSource, fields: Mapping[str, object], name: str) -> datetime:
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError, ValueError):  # beyond the last year of datetime
            pass
    raise _unreadable(origin, name)


def _unreadable(origin: CredentialsSource, name: str) -> CredentialsError:
    return CredentialsError(f"{origin}: the answer has no usable {name}.")
