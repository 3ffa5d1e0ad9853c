"""Keeping temporary keys fresh for everybody in this process who uses them, with one request for each renewal."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from airflow_provider_tencent_ci.core.credentials.credentials_source import CredentialsSource
from airflow_provider_tencent_ci.core.credentials.refresh import RefreshState
from airflow_provider_tencent_ci.core.wire.request_credentials import Clock, Credentials
from airflow_provider_tencent_ci.exceptions import CredentialsError
from airflow_provider_tencent_ci.transport.credentials_fetch import fetch_credentials, fetch_credentials_async

_log = logging.getLogger(__name__)

# Longer than any renewal takes; what is not over by then is nobody's any more, such as one in a loop that has gone.
_LONGEST_SECONDS = 45.0


class Masker(Protocol):
    """Who is told of new keys before anybody uses them, so that no log can show them."""

    def mask(self, credentials: Credentials) -> None:
        """Take note; may block."""

    async def mask_async(self, credentials: Credentials) -> None:
        """Take note without blocking an event loop."""


@dataclass(eq=False, frozen=True, slots=True)
class _Renewing:
    """
    A renewal under way.

    :param thread: the thread that it blocks; ``None`` if it is a task of an event loop.
    :param over: done when it is over, well or not. Bound to no loop, so that anybody can wait for it.
    """

    thread: int | None
    over: concurrent.futures.Future[None] = field(default_factory=concurrent.futures.Future)

    def __post_init__(self) -> None:
        self.over.set_running_or_notify_cancel()  # from now on no waiter who is cancelled can cancel it


class CredentialsCache:
    """
    Hands out the keys of one origin to any number of threads and event loops, and renews them in time.

    The first who finds them due renews them; the others go on with the old keys, or wait if there are none. A renewal
    that fails while the old keys are valid is one line in the log and is tried again some seconds later; one that fails
    without any is an error for all who wait. In an event loop it is a task of its own, which outlives the caller.

    :param origin: where the keys come from.
    :param masker: told of new keys before they are used.
    """

    def __init__(self, origin: CredentialsSource, masker: Masker) -> None:
        self._origin = origin
        self._masker = masker
        # Re-entrant, since a signal handler may ask for keys in the middle of this.
        self._lock = threading.RLock()
        self._renewal = RefreshState()
        self._renewing: _Renewing | None = None
        # Asyncio keeps no strong reference to what runs in it.
        self._tasks: set[asyncio.Task[None]] = set()

    def current(self, clock: Clock) -> Credentials:
        """
        Return valid keys; blocks while they are renewed, if there are none.

        :raises CredentialsError: there are none.
        """
        while True:
            mine = _Renewing(threading.get_ident())
            found = self._decide(clock(), mine)
            if isinstance(found, Credentials):
                return found
            if found is mine:
                self._renew(mine, clock)
            else:
                self._wait(found)

    async def current_async(self, clock: Clock) -> Credentials:
        """
        Return valid keys without blocking the event loop.

        :raises CredentialsError: there are none.
        """
        while True:
            mine = _Renewing(None)
            found = self._decide(clock(), mine)
            if isinstance(found, Credentials):
                return found
            if found is mine:
                task = asyncio.create_task(self._renew_async(mine, clock))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await self._wait_async(found)

    def discard(self, used: Credentials, now: datetime) -> bool:
        """Take note that the service calls ``used`` expired; return whether there may be others to try."""
        with self._lock:
            return self._renewal.discard(used, now)

    def _decide(self, now: datetime, mine: _Renewing) -> Credentials | _Renewing:
        """Return keys to use, a renewal to wait for, or ``mine``, which the caller is to carry out."""
        with self._lock:
            usable, renewing = self._renewal.usable(now), self._renewing
            if renewing is not None and renewing.thread is not None and renewing.thread == mine.thread:
                renewing = None  # it is this very thread's, interrupted by a signal: waiting for it would never end
            if usable and (renewing or not self._renewal.is_due(now)):
                return usable
            if renewing:
                return renewing
            if not self._renewal.is_due(now):
                raise self._renewal.error()
            self._renewing = mine
            return mine

    def _renew(self, mine: _Renewing, clock: Clock) -> None:
        outcome: Credentials | CredentialsError | None = None
        try:
            keys = fetch_credentials(self._origin, clock)
            self._masker.mask(keys)
            outcome = keys  # not before: a signal may end this in between
        except Exception as error:
            outcome = self._as_credentials_error(error)
        finally:
            self._end(mine, outcome, clock())

    async def _renew_async(self, mine: _Renewing, clock: Clock) -> None:
        outcome: Credentials | CredentialsError | None = None
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                keys = await fetch_credentials_async(self._origin, clock)
                await self._masker.mask_async(keys)
            outcome = keys
        except Exception as error:
            outcome = self._as_credentials_error(error)
        finally:  # also when the loop is being closed: then somebody else is to try
            self._end(mine, outcome, clock())

    def _end(self, mine: _Renewing, outcome: Credentials | CredentialsError | None, now: datetime) -> None:
        """Take up what came of a renewal; ``None`` if it was broken off, so that somebody else is to try."""
        with self._lock:
            error = self._take_up(outcome, now)
            usable = self._renewal.usable(now)
            self._forget(mine)
        mine.over.set_result(None)
        if error is not None and usable is not None:
            _log.warning("Could not renew temporary keys, which last until %s. %s", usable.expires_at, error)

    def _take_up(self, outcome: Credentials | CredentialsError | None, now: datetime) -> CredentialsError | None:
        """Return what went wrong, if that is news."""
        if isinstance(outcome, Credentials):
            self._renewal.refreshed(outcome, now)
            return None
        return outcome if outcome is not None and self._renewal.failed(outcome, now) else None

    def _forget(self, renewing: _Renewing) -> None:
        with self._lock:
            if self._renewing is renewing:
                self._renewing = None

    def _wait(self, renewing: _Renewing) -> None:
        try:
            renewing.over.result(_LONGEST_SECONDS)
        except TimeoutError:
            self._forget(renewing)

    async def _wait_async(self, renewing: _Renewing) -> None:
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await asyncio.wrap_future(renewing.over)
        except TimeoutError:
            self._forget(renewing)

    def _as_credentials_error(self, error: Exception) -> CredentialsError:
        """Return the error to raise. The text of one that nobody foresaw might show a key."""
        if isinstance(error, CredentialsError):
            return error
        return CredentialsError(f"{self._origin} could not be asked for its keys: {type(error).__name__}.")
