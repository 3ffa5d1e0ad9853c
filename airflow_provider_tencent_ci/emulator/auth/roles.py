"""CAM roles, and the temporary keys that are handed out for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey

__all__ = ["ACCOUNT", "Role", "new_key"]

ACCOUNT = "100000000001"


@dataclass(frozen=True, slots=True)
class Role:
    """
    A role.

    :param name: unique in the account.
    :param actions: the CAM actions that its keys may use; ``None``: all.
    :param external_id: what somebody who assumes it must say; ``None``: nothing.
    """

    name: str
    actions: frozenset[str] | None = None
    external_id: str | None = None

    @property
    def arn(self) -> str:
        """Its resource name (document 598/35840)."""
        return f"qcs::cam::uin/{ACCOUNT}:roleName/{self.name}"


def new_key(role: Role, expires_at: datetime) -> AccessKey:
    """Return temporary keys of a role, never the same ones twice; to the second, as ``ExpiredTime`` is."""
    serial = uuid4().hex
    return AccessKey(
        secret_id=f"AKIDTEMPORARY{serial}",
        secret_key=f"fake-temporary-key-{serial}",
        token=f"fake-token-{serial}==",
        actions=role.actions,
        expires_at=expires_at.replace(microsecond=0),
    )
