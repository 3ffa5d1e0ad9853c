"""The service's clock: it checks signatures, and all times that the service writes come from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.core.wire.service_errors import service_time_of

# ``Date`` has whole seconds, and an answer takes time to arrive. Signatures start a minute early, so this difference
# does not matter.
_SAME = timedelta(seconds=30)


class ServiceClock:
    """
    The service's time: this machine's time and a correction, learned from the ``Date`` of each answer.

    A ``Date`` may be wrong, since any proxy may write it. So it is used only within two days of this machine's time. If
    the service refuses a signature with the time of its own answers, this machine's time is used again, until the
    service refuses that too.

    :param warn: called when the service has refused a request because of its time, once for each kind of cause.
    """

    def __init__(self, warn: Callable[[str], None] = lambda _text: None) -> None:
        self._warn = warn
        self._warned: set[str] = set()
        self._correction: timedelta | None = None
        self._believes_dates = True

    @property
    def correction(self) -> timedelta:
        """The correction to this machine's time; zero while the service's time is not known."""
        return self._correction or timedelta()

    def at(self, now: datetime) -> datetime:
        """
        Return the service's time; this machine's time while the service's is not known.

        :param now: this machine's time.
        """
        return now + self.correction

    def known_at(self, now: datetime) -> datetime | None:
        """
        Return the service's time; ``None`` until an answer has contained it.

        :param now: this machine's time.
        """
        return now + self._correction if self._correction is not None else None

    def learn(self, response: Response) -> None:
        """Learn the service's time from an answer that does not refuse a signature because of its time."""
        told = _told_by(response)
        if told is not None and self._believes_dates:
            self._correction = told

    def learn_from_refusal(self, response: Response, signed_with: timedelta) -> bool:
        """
        Learn from an answer that refuses a signature because of its time.

        :param signed_with: the correction that the signature used.
        :return: whether the known time has changed, so that a new signature may be accepted.
        """
        if _is_same(signed_with, self.correction):  # no other answer has corrected it meanwhile
            self._correct(_told_by(response), signed_with)
        return not _is_same(signed_with, self.correction)

    def _correct(self, told: timedelta | None, refuted: timedelta) -> None:
        if told is not None and not _is_same(told, refuted):
            self._correction, self._believes_dates = told, True
            if not _is_same(told, timedelta()):
                self._warn_once("clock", _clock_is_off(told))
        elif not _is_same(refuted, timedelta()):
            self._correction, self._believes_dates = None, False
            self._warn_once("date", _date_is_wrong(refuted))

    def _warn_once(self, cause: str, text: str) -> None:
        if cause not in self._warned:
            self._warned.add(cause)
            self._warn(text)


def _told_by(response: Response) -> timedelta | None:
    """Return how far the service is ahead of this machine; ``None`` if the answer has no credible time."""
    service_time = service_time_of(response)
    return service_time - response.received_at if service_time is not None else None


def _is_same(one: timedelta, other: timedelta) -> bool:
    return abs(one - other) <= _SAME


def _clock_is_off(ahead: timedelta) -> str:
    return (
        f"This machine's clock is {_seconds(ahead)} seconds {'behind' if ahead > timedelta() else 'ahead of'} the "
        "service's. Requests are signed with the service's time from now on; set the clock (NTP)."
    )


def _date_is_wrong(ahead: timedelta) -> str:
    return (
        f"The service refuses the time that the Date of its answers tells, {_seconds(ahead)} seconds "
        f"{'ahead of' if ahead > timedelta() else 'behind'} this machine's: a proxy may have written it. Requests are "
        "signed with this machine's time from now on."
    )


def _seconds(span: timedelta) -> str:
    return f"{abs(span.total_seconds()):.0f}"
