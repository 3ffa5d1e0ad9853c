"""The credentials cache: refreshes temporary credentials for a whole process, with one request for each refresh."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import math
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_tencent_ci.core.credentials.refresh import RefreshState
from airflow_provider_tencent_ci.core.credentials.roles import AssumedRole, CredentialsSource
from airflow_provider_tencent_ci.core.wire.request_credentials import Clock, Credentials
from airflow_provider_tencent_ci.exceptions import CredentialsError, InvalidArgumentError
from airflow_provider_tencent_ci.transport.credentials_fetch import (
    Masker,
    fetch_credentials,
    fetch_credentials_async,
)

_log = logging.getLogger(__name__)

# Longer than any refresh takes. A refresh that has not ended by then was lost, such as one in a closed event loop.
_MAX_REFRESH_SECONDS = 45.0


@dataclass(eq=False, frozen=True, slots=True)
class _Refresh:
    """
    A running refresh.

    :param thread: the thread that it blocks; ``None`` if it is a task of an event loop.
    :param over: done when the refresh has ended. Not bound to an event loop, so that any thread can wait for it.
    """

    thread: int | None
    over: concurrent.futures.Future[None] = field(default_factory=concurrent.futures.Future)

    def __post_init__(self) -> None:
        self.over.set_running_or_notify_cancel()  # after this, a cancelled waiter cannot cancel it


class CredentialsCache:
    """
    Returns the credentials of one source to any number of threads and event loops, and refreshes them in time.

    The first caller that finds them due refreshes them. The others continue with the old credentials, or wait if there
    are none. If a refresh fails while the old ones are valid, it is logged once and retried ten seconds later; without
    valid ones, all waiting callers get the error. In an event loop, a refresh is a task that outlives its caller.

    :param source: where the credentials come from.
    :param masker: receives all fetched credentials before they are used.
    """

    def __init__(self, source: CredentialsSource, masker: Masker) -> None:
        self._source = source
        self._masker = masker
        # Re-entrant, since a signal handler may call in the middle of a call.
        self._lock = threading.RLock()
        self._state = RefreshState()
        self._running: _Refresh | None = None
        # Asyncio keeps no strong reference to its tasks.
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def stored(self) -> Credentials | None:
        """The keys that a role is assumed with; ``None`` if these are fetched, too."""
        base = self._source.base if isinstance(self._source, AssumedRole) else None
        return base if isinstance(base, Credentials) else None

    def current(self, clock: Clock, within_seconds: float = math.inf) -> Credentials:
        """
        Return valid keys; blocks during a refresh if there are none.

        :param within_seconds: how long it may block; unlimited by default, since each request has its own time limit.
            With a limit, keys that are due for a refresh are used as long as they are valid.
        :raises CredentialsError: there are none.
        """
        ends_at = time.monotonic() + within_seconds
        while True:
            mine = _Refresh(threading.get_ident())
            found = self._decide(clock(), mine, is_urgent=within_seconds < math.inf)
            if isinstance(found, Credentials):
                return found
            if found is mine:
                self._refresh(mine, clock, ends_at - time.monotonic())
            else:
                self._wait(found, ends_at - time.monotonic())

    async def current_async(self, clock: Clock) -> Credentials:
        """
        Return valid keys without blocking the event loop.

        :raises CredentialsError: there are none.
        """
        while True:
            mine = _Refresh(None)
            found = self._decide(clock(), mine)
            if isinstance(found, Credentials):
                return found
            if found is mine:
                task = asyncio.create_task(self._refresh_async(mine, clock))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await self._wait_async(found)

    def discard(self, used: Credentials, now: datetime) -> bool:
        """Record that the service refused ``used`` as expired; return whether there may be others to try."""
        with self._lock:
            return self._state.discard(used, now)

    def _decide(self, now: datetime, mine: _Refresh, *, is_urgent: bool = False) -> Credentials | _Refresh:
        """
        Return keys to use, a refresh to wait for, or ``mine``, which the caller must carry out.

        :param is_urgent: whether valid keys are used even if they are due for a refresh.
        """
        with self._lock:
            usable, running = self._state.usable(now), self._running
            if running is not None and running.thread is not None and running.thread == mine.thread:
                running = None  # it runs in this thread, interrupted by a signal: a wait would never end
            if usable and (is_urgent or running or not self._state.is_due(now)):
                return usable
            if running:
                return running
            if not self._state.is_due(now):
                raise self._state.error()
            self._running = mine
            return mine

    def _refresh(self, mine: _Refresh, clock: Clock, within_seconds: float) -> None:
        outcome: Credentials | CredentialsError | None = None
        try:
            outcome = fetch_credentials(self._source, clock, self._masker, within_seconds)
        except Exception as error:
            outcome = self._as_credentials_error(error)
        finally:
            self._end(mine, outcome, clock())

    async def _refresh_async(self, mine: _Refresh, clock: Clock) -> None:
        outcome: Credentials | CredentialsError | None = None
        try:
            async with asyncio.timeout(_MAX_REFRESH_SECONDS):
                outcome = await fetch_credentials_async(self._source, clock, self._masker)
        except Exception as error:
            outcome = self._as_credentials_error(error)
        finally:  # also when the loop is being closed: then another caller must retry
            self._end(mine, outcome, clock())

    def _end(self, mine: _Refresh, outcome: Credentials | CredentialsError | None, now: datetime) -> None:
        """Store the result of a refresh; ``None`` if it was interrupted, so that another caller must retry."""
        with self._lock:
            error = self._store(outcome, now)
            usable = self._state.usable(now)
            self._end_if_running(mine)
        mine.over.set_result(None)
        if error is not None and usable is not None:
            _log.warning(
                "Could not refresh temporary credentials, which are valid until %s. %s", usable.expires_at, error
            )

    def _store(self, outcome: Credentials | CredentialsError | None, now: datetime) -> CredentialsError | None:
        """Return the error, if it has not been logged yet."""
        if isinstance(outcome, Credentials):
            self._state.refreshed(outcome, now)
            return None
        return outcome if outcome is not None and self._state.failed(outcome, now) else None

    def _end_if_running(self, running: _Refresh) -> None:
        with self._lock:
            if self._running is running:
                self._running = None

    def _wait(self, running: _Refresh, within_seconds: float) -> None:
        try:
            running.over.result(max(0.0, min(within_seconds, _MAX_REFRESH_SECONDS)))
        except TimeoutError:
            if within_seconds < _MAX_REFRESH_SECONDS:  # the refresh may still end
                raise CredentialsError(f"{self._source} handed out no keys within the time for this request.") from None
            self._end_if_running(running)

    async def _wait_async(self, running: _Refresh) -> None:
        try:
            async with asyncio.timeout(_MAX_REFRESH_SECONDS):
                await asyncio.wrap_future(running.over)
        except TimeoutError:
            self._end_if_running(running)

    def _as_credentials_error(self, error: Exception) -> CredentialsError:
        """Return the error to raise. The text of an unexpected exception might contain a key."""
        if isinstance(error, CredentialsError):
            return error
        if isinstance(error, InvalidArgumentError):  # a CA bundle that is not there
            return CredentialsError(f"{self._source} cannot be asked for its keys. {error}", may_pass=False)
        return CredentialsError(f"{self._source} could not be asked for its keys: {type(error).__name__}.")
