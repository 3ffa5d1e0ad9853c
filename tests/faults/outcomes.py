"""Results of an exchange, as values that the tests observe and the documentation prints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airflow_provider_tencent_ci.exceptions import TencentCIError

__all__ = ["Cancelling", "Failed", "Outcome", "Submitted", "Waiting"]


@dataclass(frozen=True, slots=True)
class Submitted:
    """
    One job exists, and its id is known.

    :param posts: how often the client sent the submission.
    :param looked: it read the job list before each further submission.
    :param found: the job was found in the list.
    """

    posts: int = 1
    looked: bool = False
    found: bool = False

    @property
    def words(self) -> str:
        """The outcome in the words of the documentation."""
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
    :param looked: it read the job list after each submission.
    :param jobs: the number of jobs that the service has in spite of the error.
    """

    error: type[TencentCIError]
    posts: int = 1
    looked: bool = False
    jobs: int = 0

    @property
    def words(self) -> str:
        """The outcome in the words of the documentation."""
        fails = f"`{self.error.__name__}`" + (", and there is a job" if self.jobs else "")
        if self.looked:
            return f"sent {_times(self.posts)}, not in the list: {fails}"
        return {0: f"not sent: {fails}", 1: fails}.get(self.posts, f"sent {_times(self.posts)}: {fails}")


class Waiting(Enum):
    """The continuation of a wait. A fault never counts as the job's end, and never cancels the job."""

    AS_USUAL = "no effect"
    RIDDEN_OUT = "polled again"
    UNTIL_THE_DEADLINE = "waits on"
    LOST_CONTACT = "lost contact"

    @property
    def words(self) -> str:
        """The outcome in the words of the documentation."""
        return self.value


class Cancelling(Enum):
    """The result of a cancel, which never raises."""

    AT_ONCE = "cancelled"
    AGAIN = "sent again: cancelled"
    UNSEEN = "cancelled, not seen"
    REFUSED = "not cancelled"
    GIVEN_UP = "sent again: not cancelled"

    @property
    def words(self) -> str:
        """The outcome in the words of the documentation."""
        return self.value


Outcome = Submitted | Failed | Waiting | Cancelling


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
