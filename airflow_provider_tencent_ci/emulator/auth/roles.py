"""CAM roles and their temporary keys."""

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
    :param external_id: the ``ExternalId`` that a request must have to assume it; ``None``: none.
    """

    name: str
    actions: frozenset[str] | None = None
    external_id: str | None = None

    @property
    def arn(self) -> str:
        """Its resource name (Tencent's document 598/35840)."""
        return f"qcs::cam::uin/{ACCOUNT}:roleName/{self.name}"


def new_key(role: Role, expires_at: datetime) -> AccessKey:
    """Return new temporary keys of a role; they expire at a whole second, like ``ExpiredTime``."""
    serial = uuid4().hex
    return AccessKey(
        secret_id=f"AKIDTEMPORARY{serial}",
        secret_key=f"fake-temporary-key-{serial}",
        token=f"fake-token-{serial}==",
        actions=role.actions,
        expires_at=expires_at.replace(microsecond=0),
    )
