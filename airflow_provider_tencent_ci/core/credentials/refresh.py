"""When temporary keys are used, renewed and given up. It knows no clock and asks nobody."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.exceptions import CredentialsError

# Also the official SDK renews a machine's keys five minutes early; short-lived keys are used for most of their life.
_MARGIN = timedelta(minutes=5)
_MARGIN_SHARE = 4

# After a failure the source is left alone for so long, however many ask.
_AFTER_FAILURE = timedelta(seconds=10)

# Keys that the service calls expired so soon will not get better by asking for more: a clock is wrong.
_TOO_YOUNG_TO_EXPIRE = timedelta(seconds=60)


class RefreshState:
    """
    The keys of one source over time, by the clock of this machine.

    Keys that were handed out a moment ago are valid. If they seem to have ended by then, the clock of this machine is
    wrong and their end is not known: they are used until the service calls them expired.
    """

    def __init__(self) -> None:
        self._held: Credentials | None = None
        self._ends_at: datetime | None = None
        self._obtained_at: datetime | None = None
        self._due_at: datetime | None = None
        self._error: CredentialsError | None = None
        self._failed_at: datetime | None = None

    def usable(self, now: datetime) -> Credentials | None:
        """Return the keys that are held, if they are valid."""
        held = self._held
        if held is None or (self._ends_at is not None and self._ends_at <= now):
            return None
        return held

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to ask the source."""
        if self._failed_at is not None and self._failed_at <= now < self._failed_at + _AFTER_FAILURE:
            return False
        return self._held is None or (self._due_at is not None and self._due_at <= now)

    def refreshed(self, credentials: Credentials, now: datetime) -> None:
        """Take up new keys."""
        ends_at = credentials.expires_at
        self._held, self._obtained_at, self._ends_at, self._due_at = credentials, now, None, None
        if ends_at is not None and ends_at > now:
            lifetime = ends_at - now
            self._ends_at, self._due_at = ends_at, ends_at - min(_MARGIN, lifetime / _MARGIN_SHARE)
        self._error = self._failed_at = None

    def failed(self, error: CredentialsError, now: datetime) -> bool:
        """Take note that the source gave none; return whether that is news."""
        is_news = self._error is None
        self._error, self._failed_at = error, now
        return is_news

    def error(self) -> CredentialsError:
        """Return why there are no keys; a new exception each time, since many may raise it at once."""
        error = self._error or CredentialsError("There are no temporary keys.")
        return CredentialsError(str(error), may_pass=error.may_pass)

    def discard(self, used: Credentials, now: datetime) -> bool:
        """
        Drop keys that the service calls expired.

        :return: whether others may be had: newer ones are held already, or the source may be asked.
        """
        if self._held != used:
            return True
        # If the clock was set back since then, how old they are is not known.
        if self._obtained_at is not None and self._obtained_at <= now < self._obtained_at + _TOO_YOUNG_TO_EXPIRE:
            return False
        self._held = None
        return True
