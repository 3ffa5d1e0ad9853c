"""
The two services that hand out temporary keys, on the emulator's own port: the metadata service of a machine, and STS.

The metadata service follows Tencent's document 213/4934 and the official SDKs. STS has ``AssumeRole`` only; it follows
document 598/35840 and the official Python SDK, which accepts its answers. Each request gets new keys (assumed for the
metadata service). Cloud Infinite accepts them until they expire.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_tencent_ci.emulator.auth.permissions import may_use
from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey
from airflow_provider_tencent_ci.emulator.auth.roles import Role, new_key
from airflow_provider_tencent_ci.emulator.auth.tc3_verification import check_tc3
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Reply, WireRequest

__all__ = ["KEY_OPERATIONS", "KeyServices", "key_operation", "key_refusal"]

_METADATA_PATH = "/latest/meta-data/cam/security-credentials/"
_STS_VERSION = "2018-08-13"
_MAX_DURATION_SECONDS = 43200
_DEFAULT_DURATION_SECONDS = 7200
_SESSION_NAME = re.compile(r"[\w+=,.@_-]{2,128}", re.ASCII)

KEY_OPERATIONS = ("metadata_roles", "metadata", "assume_role")


def key_operation(request: WireRequest) -> str | None:
    """Return the one of ``KEY_OPERATIONS`` that a request asks for; ``None``: it is for Cloud Infinite or COS."""
    if "x-tc-action" in request.headers:
        return "assume_role"
    if request.path.startswith(_METADATA_PATH):
        return "metadata" if request.path != _METADATA_PATH else "metadata_roles"
    return None


@dataclass(slots=True)
class KeyServices:
    """
    All roles, and the keys that were handed out for them.

    :param keys: all keys that the emulator knows; new keys are added to it.
    :param bound_role: the name of the machine's role; ``None``: it has none.
    :param handed_out: the keys that were handed out, oldest first.
    """

    keys: dict[str, AccessKey]
    roles: dict[str, Role] = field(default_factory=dict)
    bound_role: str | None = None
    handed_out: list[AccessKey] = field(default_factory=list)

    def clear(self) -> None:
        """Forget all roles and all keys that were handed out."""
        self.roles.clear()
        self.handed_out.clear()
        self.bound_role = None

    def answer(
        self,
        operation: str,
        request: WireRequest,
        *,
        signed_at: datetime,
        now: datetime,
        longest_seconds: float,
        request_id: str,
    ) -> Reply:
        """
        Answer a request.

        :param signed_at: the service's time without the seconds that a test put it forward.
        :param now: the service's time; new keys live from then on.
        :param longest_seconds: how long they live at most.
        :raises ServiceError: no keys are handed out.
        """
        if operation == "metadata_roles":
            return Reply(200, {"Content-Type": "text/plain"}, self._machine_role().name.encode())
        if operation == "metadata":
            role = self._machine_role()
            if request.path.removeprefix(_METADATA_PATH) != role.name:
                raise _not_found()
            key = self._hand_out(role, now, longest_seconds)
            return _json({**_fields(key), **_expiry(key), "Code": "Success"})
        caller = check_tc3(request, self.keys, service="sts", signed_at=signed_at, now=now)
        role, seconds = self._role_to_assume(request, caller)
        key = self._hand_out(role, now, min(seconds, longest_seconds))
        return _json({"Response": {"Credentials": _fields(key), **_expiry(key), "RequestId": request_id}})

    def _machine_role(self) -> Role:
        role = self.roles.get(self.bound_role or "")
        if role is None:
            raise _not_found()
        return role

    def _role_to_assume(self, request: WireRequest, caller: AccessKey) -> tuple[Role, float]:
        """Return the role that a request names, and the lifetime that it wants for the keys."""
        if request.headers["x-tc-action"] != "AssumeRole" or request.headers.get("x-tc-version") != _STS_VERSION:
            raise ServiceError(200, "InvalidAction", "The only action is AssumeRole of version 2018-08-13.")
        if not request.headers.get("x-tc-region"):
            raise ServiceError(200, "MissingParameter", "X-TC-Region is missing.")
        given = _read(request.body)
        if not _SESSION_NAME.fullmatch(str(given.get("RoleSessionName", ""))):
            raise ServiceError(200, "InvalidParameter.ParamError", "RoleSessionName is missing or malformed.")
        seconds = given.get("DurationSeconds", _DEFAULT_DURATION_SECONDS)
        if not isinstance(seconds, int) or not 0 < seconds <= _MAX_DURATION_SECONDS:
            raise ServiceError(200, "InvalidParameter.OverTimeError", "DurationSeconds is at most 43200.")
        role = next((role for role in self.roles.values() if role.arn == given.get("RoleArn")), None)
        if role is None:
            raise ServiceError(200, "ResourceNotFound.RoleNotFound", f"There is no role {given.get('RoleArn')!r}.")
        if not may_use(caller, "sts:AssumeRole") or role.external_id != given.get("ExternalId"):
            raise ServiceError(200, "UnauthorizedOperation", f"You are not authorized to assume {role.arn!r}.")
        return role, seconds

    def _hand_out(self, role: Role, now: datetime, seconds: float) -> AccessKey:
        key = new_key(role, now + timedelta(seconds=seconds))
        self.keys[key.secret_id] = key
        self.handed_out.append(key)
        return key


def key_refusal(operation: str, error: ServiceError, request_id: str) -> Reply:
    """Return an error in the form of the operation's service."""
    if operation == "assume_role":
        body = {"Response": {"Error": {"Code": error.code, "Message": error.message}, "RequestId": request_id}}
        return _json(body, error.status)
    return Reply(error.status, {"Content-Type": "text/plain"}, error.message.encode())


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise ServiceError(200, "InvalidParameter.ParamError", "The body is not a JSON object.")
    return given


def _fields(key: AccessKey) -> dict[str, Any]:
    return {"TmpSecretId": key.secret_id, "TmpSecretKey": key.secret_key, "Token": key.token}


def _expiry(key: AccessKey) -> dict[str, Any]:
    expires_at = key.expires_at
    assert expires_at is not None  # noqa: S101 - temporary keys expire
    return {"ExpiredTime": int(expires_at.timestamp()), "Expiration": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _json(content: Any, status: int = 200) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(content).encode())


def _not_found() -> ServiceError:
    return ServiceError(404, "NotFound", "404 - Not Found")
