"""The keys that sign a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Credentials"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    A key pair, with a session token if the keys are temporary.

    Its ``repr`` shows the key id alone.

    :param secret_id: SecretId.
    :param secret_key: SecretKey.
    :param token: the session token of temporary keys, else ``None``.
    :param expires_at: when temporary keys end (aware, UTC), if known.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
