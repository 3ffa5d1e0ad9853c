"""The refresh of temporary credentials: when they are used, refreshed and discarded. No I/O, no clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.exceptions import CredentialsError

# Credentials are refreshed five minutes before they expire, as in the official SDK; but not before 3/4 of their
# lifetime.
_MARGIN = timedelta(minutes=5)
_MAX_MARGIN_SHARE_OF_LIFETIME = 1 / 4

# The backoff after a failed refresh.
_BACKOFF = timedelta(seconds=10)

# Credentials younger than this have not expired, whatever the service says: a clock is wrong. A refresh would not help.
_MIN_AGE_TO_EXPIRE = timedelta(seconds=60)


class RefreshState:
    """
    The credentials of one source over time, by the clock of this machine.

    New credentials are valid. If they look expired already, the clock of this machine is wrong, and their expiry is not
    known: they are used until the service refuses them as expired.
    """

    def __init__(self) -> None:
        self._held: Credentials | None = None
        self._ends_at: datetime | None = None
        self._obtained_at: datetime | None = None
        self._due_at: datetime | None = None
        self._error: CredentialsError | None = None
        self._failed_at: datetime | None = None

    def usable(self, now: datetime) -> Credentials | None:
        """Return the credentials, if they are valid."""
        held = self._held
        if held is None or (self._ends_at is not None and self._ends_at <= now):
            return None
        return held

    def is_due(self, now: datetime) -> bool:
        """Whether it is time for a refresh."""
        if self._failed_at is not None and self._failed_at <= now < self._failed_at + _BACKOFF:
            return False
        return self._held is None or (self._due_at is not None and self._due_at <= now)

    def refreshed(self, credentials: Credentials, now: datetime) -> None:
        """Store new credentials."""
        ends_at = credentials.expires_at
        self._held, self._obtained_at, self._ends_at, self._due_at = credentials, now, None, None
        if ends_at is not None and ends_at > now:
            lifetime = ends_at - now
            self._ends_at, self._due_at = ends_at, ends_at - min(_MARGIN, lifetime * _MAX_MARGIN_SHARE_OF_LIFETIME)
        self._error = self._failed_at = None

    def failed(self, error: CredentialsError, now: datetime) -> bool:
        """Record a failed refresh; return whether it is the first failure in a row."""
        is_news = self._error is None
        self._error, self._failed_at = error, now
        return is_news

    def error(self) -> CredentialsError:
        """Return why there are no credentials; a new exception each time, since several threads may raise it."""
        error = self._error or CredentialsError("There are no temporary keys.")
        return CredentialsError(str(error), may_pass=error.may_pass)

    def discard(self, used: Credentials, now: datetime) -> bool:
        """
        Discard credentials that the service refused as expired.

        :return: whether a retry may help: there are newer ones already, or a refresh is possible.
        """
        if self._held != used:
            return True
        # If the clock was set back since then, their age is not known.
        if self._obtained_at is not None and self._obtained_at <= now < self._obtained_at + _MIN_AGE_TO_EXPIRE:
            return False
        self._held = None
        return True
