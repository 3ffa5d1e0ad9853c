"""
The exchange with the metadata service of a machine, which hands out the keys of the machine's role.

It is plain, unsigned HTTP within the machine. Paths and fields are those of document 213/4934, and were seen in the
official SDKs (tencentcloud/common/credential.py, cvm_role_provider.go).
"""

from __future__ import annotations

import json
import re

from airflow_provider_tencent_ci.core.credentials.roles import MachineRole
from airflow_provider_tencent_ci.core.credentials.temporary_keys import (
    read_temporary_keys,
    with_local_expiry,
)
from airflow_provider_tencent_ci.core.wire.flow_steps import send
from airflow_provider_tencent_ci.core.wire.messages import Flow, Request, Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.exceptions import ApiError, CredentialsError, TransportError

METADATA_PATH = "/latest/meta-data/cam/security-credentials/"

# An answer is about two kilobytes long.
_MAX_BYTES = 64 * 1024

_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


def fetch_machine_role_credentials(origin: MachineRole) -> Flow[Credentials]:
    """
    Request the keys of the machine's role, and first its name if it is not given.

    :raises CredentialsError: there is no answer, no such role, or no usable keys in the answer.
    """
    role_name = origin.role_name or (yield from _bound_role(origin))
    answer = yield from _ask(origin, METADATA_PATH + role_name, f"no role {role_name!r} is bound to this machine")
    try:
        fields = json.loads(_text(answer))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise CredentialsError(f"{origin}: the answer is no JSON object.")
    if fields.get("Code") != "Success":
        raise CredentialsError(f"{origin}: the metadata service did not hand out its keys: {_code(fields)}.")
    return with_local_expiry(origin, read_temporary_keys(origin, fields), answer)


def _bound_role(origin: MachineRole) -> Flow[str]:
    """Return the first name of the list; a machine has at most one role (document 213/45917)."""
    answer = yield from _ask(origin, METADATA_PATH, "no role is bound to this machine")
    role_name = _text(answer).strip().partition("\n")[0].strip()
    if not _ROLE_NAME.fullmatch(role_name):
        raise CredentialsError(f"{origin}: the metadata service names no role. Bind one to the machine.")
    return role_name


def _ask(origin: MachineRole, path: str, if_not_found: str) -> Flow[Response]:
    try:
        response = yield from send(Request("GET", path, headers={"accept": "*/*"}))
    except (ApiError, TransportError):  # their advice applies to the bucket's service
        raise CredentialsError(
            f"{origin}: the metadata service gave no usable answer. It answers on Tencent's own machines (CVM) only; "
            "elsewhere use other credentials."
        ) from None
    if response.status == 404:
        raise CredentialsError(f"{origin}: {if_not_found}. Bind a CAM role to it in the CVM console.", may_pass=False)
    if response.status != 200 or len(response.body) > _MAX_BYTES:
        raise CredentialsError(
            f"{origin}: the metadata service answered with HTTP {response.status}, {len(response.body)} bytes."
        )
    return response


def _text(answer: Response) -> str:
    return answer.body.decode(errors="replace")


def _code(fields: dict[str, object]) -> str:
    code = fields.get("Code")
    return code if isinstance(code, str) and re.fullmatch(r"[\w.]{1,64}", code) else "no code"
