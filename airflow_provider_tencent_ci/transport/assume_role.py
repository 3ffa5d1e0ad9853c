"""
Assuming a role through Tencent's own SDK, the optional extra ``sts``.

The SDK blocks, and at the level DEBUG it logs keys, which is prevented here.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_tencent_ci.core.credentials.credentials_source import AssumedRole
from airflow_provider_tencent_ci.core.credentials.temporary_keys import read_temporary_keys
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.exceptions import CredentialsError

_REQUEST_SECONDS = 10

_SDK_LOGGER = "tencentcloud_sdk_common"

# Errors of the service that come and go; all others are about the arguments or the permissions.
_PASSING_CODES = ("InternalError", "RequestLimitExceeded", "ResourceUnavailable")

_MAX_MESSAGE_LENGTH = 300


def assume_role(origin: AssumedRole, base: Credentials) -> Credentials:
    """
    Call ``AssumeRole`` with the keys ``base``; blocks for up to some ten seconds.

    :raises CredentialsError: the SDK is not installed, there is no answer, STS refuses, or it hands out no usable keys.
    """
    try:
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import (  # type: ignore[import-untyped]
            TencentCloudSDKException,
        )
        from tencentcloud.sts.v20180813.sts_client import StsClient  # type: ignore[import-untyped]
    except ImportError:
        raise CredentialsError(
            f"{origin} cannot be assumed, since Tencent's SDK is not installed here: "
            "pip install 'airflow-provider-tencent-ci[sts]', on workers and triggerers.",
            may_pass=False,
        ) from None
    try:
        with _unlogged():
            answer = StsClient(_sdk_credential(base), origin.region, _profile(origin)).AssumeRole(_request(origin))
    except TencentCloudSDKException as error:
        raise _refusal(origin, base, error) from None
    keys = answer.Credentials
    return read_temporary_keys(
        origin,
        {
            "TmpSecretId": getattr(keys, "TmpSecretId", None),
            "TmpSecretKey": getattr(keys, "TmpSecretKey", None),
            "Token": getattr(keys, "Token", None),
            "ExpiredTime": answer.ExpiredTime,
        },
    )


def _sdk_credential(base: Credentials) -> Any:
    from tencentcloud.common.credential import Credential  # type: ignore[import-untyped]

    return Credential(base.secret_id, base.secret_key, base.token)


def _profile(origin: AssumedRole) -> Any:
    from tencentcloud.common.profile.client_profile import ClientProfile  # type: ignore[import-untyped]
    from tencentcloud.common.profile.http_profile import HttpProfile  # type: ignore[import-untyped]

    address = urlsplit(origin.sts_url)
    http = HttpProfile(
        protocol=address.scheme,
        endpoint=address.netloc,
        reqTimeout=_REQUEST_SECONDS,
        proxy=origin.proxy,
        certification=None if origin.verify is True else origin.verify,
    )
    return ClientProfile(httpProfile=http, language="en-US")


def _request(origin: AssumedRole) -> Any:
    from tencentcloud.sts.v20180813.models import AssumeRoleRequest  # type: ignore[import-untyped]

    request = AssumeRoleRequest()
    request.RoleArn = origin.role_arn
    request.RoleSessionName = origin.session_name
    request.DurationSeconds = origin.duration_seconds
    request.ExternalId = origin.external_id
    return request


def _refusal(origin: AssumedRole, base: Credentials, error: Any) -> CredentialsError:
    """Return the error for what the SDK raised. Without a request id it is not the service's, and may show anything."""
    code = error.code if isinstance(error.code, str) and re.fullmatch(r"[\w.]{1,80}", error.code) else "no code"
    if not isinstance(error.requestId, str) or not error.requestId:
        return CredentialsError(f"{origin} could not be assumed: no usable answer ({code}). Check the network.")
    message = str(error.message)[:_MAX_MESSAGE_LENGTH].replace(base.token or base.secret_key, "***")
    return CredentialsError(
        f"{origin} could not be assumed: {message} (code {code}, request id {error.requestId[:80]}) {_advice(code)}",
        may_pass=code.startswith(_PASSING_CODES),
    )


def _advice(code: str) -> str:
    if code == "AuthFailure.SignatureExpire":
        return "Check the clock of this machine (NTP)."
    if code.startswith("AuthFailure"):
        return "Check the keys that the role is to be assumed with."
    return "Check role_arn, the role's trusted accounts, role_external_id, and that the keys may use sts:AssumeRole."


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep what this thread does out of the SDK's log, which at the level DEBUG shows whole requests and answers."""
    thread = threading.get_ident()

    def is_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger(_SDK_LOGGER)
    logger.addFilter(is_elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(is_elsewhere)
