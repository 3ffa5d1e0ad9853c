"""The emulator's clock: a test puts it forward instead of sleeping."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """
    Two readings of one source of time.

    The service uses :meth:`now`, which a test can put forward. :meth:`real` stays with the source: a client that signs
    by its own clock does not know that a test put the time forward, and its signatures must stay valid.

    :param source: returns the current time (aware); default: this machine's clock.
    """

    def __init__(self, source: Callable[[], datetime] | None = None) -> None:
        self._source = source or _machine_time
        self._ahead = timedelta()

    def real(self) -> datetime:
        """Return the time of the source (aware, UTC)."""
        return self._source().astimezone(UTC)

    def now(self) -> datetime:
        """Return the time that the service uses (aware, UTC)."""
        return self.real() + self._ahead

    @property
    def ahead_seconds(self) -> float:
        """How far :meth:`now` is ahead of :meth:`real`."""
        return self._ahead.total_seconds()

    def advance(self, seconds: float) -> None:
        """
        Put :meth:`now` forward.

        :raises ValueError: ``seconds`` is negative; past events cannot be undone.
        """
        if seconds < 0:
            raise ValueError(f"The clock cannot be put back ({seconds} seconds).")
        self._ahead += timedelta(seconds=seconds)

    def reset(self) -> None:
        """Make both readings equal again."""
        self._ahead = timedelta()


def _machine_time() -> datetime:
    return datetime.now(UTC)
