"""The credentials that sign a request, and the interface of their provider."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

# Returns the time (aware, UTC).
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    A key pair, with a session token if the keys are temporary.

    Its ``repr`` shows the key id alone. As a provider of credentials it always returns itself.

    :param secret_id: SecretId.
    :param secret_key: SecretKey.
    :param token: the session token of temporary keys, else ``None``.
    :param expires_at: when temporary keys expire, by the clock of this machine (aware, UTC), if known.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None

    @property
    def stored(self) -> Credentials:
        """Itself."""
        return self

    def current(self, clock: Clock, within_seconds: float = math.inf) -> Credentials:
        """Return itself."""
        return self

    async def current_async(self, clock: Clock) -> Credentials:
        """Return itself."""
        return self

    def discard(self, used: Credentials, now: datetime) -> bool:
        """Return ``False``: there are no others."""
        return False


# For requests that are not signed.
NO_CREDENTIALS = Credentials("", "")


class CredentialsProvider(Protocol):
    """Returns the credentials for each request."""

    @property
    def stored(self) -> Credentials | None:
        """The credentials that were read with the connection; ``None`` if all are fetched."""

    def current(self, clock: Clock, within_seconds: float = math.inf) -> Credentials:
        """
        Return credentials that are valid now; may block.

        :param within_seconds: how long it may block; unlimited by default, since each request has its own time limit.
        :raises CredentialsError: there are none.
        """

    async def current_async(self, clock: Clock) -> Credentials:
        """
        Return credentials that are valid now, without blocking an event loop.

        :raises CredentialsError: there are none.
        """

    def discard(self, used: Credentials, now: datetime) -> bool:
        """Record that the service refused ``used`` as expired; return whether there may be others to try."""
