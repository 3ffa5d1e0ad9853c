"""Where temporary keys come from, as frozen values: equal ones share their keys, and no ``repr`` shows a secret."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials

# Document 213/4934; also in the official Python SDK (tencentcloud/common/credential.py, CVMRoleCredential).
METADATA_URL = "http://metadata.tencentyun.com"

# Document 598/35840; the region is a required parameter of the request, its default is the SDK's own
# (tencentcloud/common/credential.py, STSAssumeRoleCredential).
STS_URL = "https://sts.tencentcloudapi.com"
STS_REGION = "ap-guangzhou"

# The default and the maximum of DurationSeconds are documented (598/35840).
DEFAULT_DURATION_SECONDS = 7200
MAX_DURATION_SECONDS = 43200

DEFAULT_SESSION_NAME = "airflow-provider-tencent-ci"


@dataclass(frozen=True, slots=True)
class MachineRole:
    """
    The CAM role that is bound to the machine (a CVM) this runs on.

    :param role_name: the role's name; by default the one that the metadata service names.
    :param metadata_url: scheme and authority of the metadata service.
    """

    role_name: str | None = None
    metadata_url: str = METADATA_URL

    def __str__(self) -> str:
        """Name it in errors."""
        return f"The role of this machine ({self.metadata_url})"


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """
    A CAM role that is assumed with other keys, through Tencent's Security Token Service (STS).

    :param base: the keys that assume it, or where they come from.
    :param role_arn: such as ``qcs::cam::uin/100000000001:roleName/media``.
    :param session_name: the name of the session in Tencent's audit logs.
    :param external_id: the role's external id, if it has one.
    :param duration_seconds: the requested lifetime of the keys.
    :param sts_url: scheme and authority of the service.
    :param region: the region parameter of the request.
    :param verify: whether the server's certificate is checked, or the path of a CA bundle to check it with.
    :param proxy: the URL of an HTTP proxy, or ``None``.
    """

    base: Credentials | MachineRole
    role_arn: str
    session_name: str = DEFAULT_SESSION_NAME
    external_id: str | None = field(default=None, repr=False)
    duration_seconds: int = DEFAULT_DURATION_SECONDS
    sts_url: str = STS_URL
    region: str = STS_REGION
    verify: bool | str = True
    proxy: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Name it in errors."""
        return f"The role {self.role_arn} ({self.sts_url})"


CredentialsSource = MachineRole | AssumedRole
