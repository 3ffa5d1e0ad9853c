"""How an exchange can end, as values that the tests observe and the documentation spells out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airflow_provider_tencent_ci.exceptions import TencentCIError

__all__ = ["Cancelling", "Failed", "Outcome", "Submitted", "Waiting"]


@dataclass(frozen=True, slots=True)
class Submitted:
    """
    There is one job, and its id is known.

    :param posts: how often the client sent the submission.
    :param looked: it asked the job list before each time but the first.
    :param found: the job is one that the list showed.
    """

    posts: int = 1
    looked: bool = False
    found: bool = False

    @property
    def words(self) -> str:
        """The outcome as the documentation says it."""
        if self.found:
            return "found in the list"
        if self.looked:
            return f"not in the list, sent {_times(self.posts)}"
        return "submitted" if self.posts == 1 else f"sent {_times(self.posts)}"


@dataclass(frozen=True, slots=True)
class Failed:
    """
    The task fails.

    :param error: what is raised.
    :param posts: how often the client sent the submission.
    :param looked: it asked the job list after each time.
    :param jobs: how many jobs the service has all the same.
    """

    error: type[TencentCIError]
    posts: int = 1
    looked: bool = False
    jobs: int = 0

    @property
    def words(self) -> str:
        """The outcome as the documentation says it."""
        fails = f"`{self.error.__name__}`" + (", and there is a job" if self.jobs else "")
        if self.looked:
            return f"sent {_times(self.posts)}, not in the list: {fails}"
        return {0: f"not sent: {fails}", 1: fails}.get(self.posts, f"sent {_times(self.posts)}: {fails}")


class Waiting(Enum):
    """How a wait goes on. A fault never passes for the job's end, and never cancels it."""

    AS_USUAL = "no effect"
    RIDDEN_OUT = "polled again"
    UNTIL_THE_DEADLINE = "waits on"
    LOST_CONTACT = "lost contact"

    @property
    def words(self) -> str:
        """The outcome as the documentation says it."""
        return self.value


class Cancelling(Enum):
    """What becomes of a cancel, which never raises."""

    AT_ONCE = "cancelled"
    AGAIN = "sent again: cancelled"
    UNSEEN = "cancelled, not seen"
    REFUSED = "not cancelled"
    GIVEN_UP = "sent again: not cancelled"

    @property
    def words(self) -> str:
        """The outcome as the documentation says it."""
        return self.value


Outcome = Submitted | Failed | Waiting | Cancelling


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
