"""The service's clock: signatures are checked by it, and all times that the service writes are its times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.core.wire.service_errors import service_time_of

# ``Date`` is to the second, and an answer takes its time. Signatures begin a minute early, so that this is not felt.
_SAME = timedelta(seconds=30)


class ServiceClock:
    """
    The service's time as its answers tell it: this machine's time and a correction, learned from each ``Date``.

    A ``Date`` may be wrong, since any proxy may write it. So it is believed within two days of this machine's time; and
    if the service refuses a signature of the very time that its answers tell, the time is this machine's again, until
    the service refuses that too.

    :param warn: told when the service has refused a request for its time, once for each kind of cause.
    """

    def __init__(self, warn: Callable[[str], None] = lambda _text: None) -> None:
        self._warn = warn
        self._warned: set[str] = set()
        self._correction: timedelta | None = None
        self._believes_dates = True

    @property
    def correction(self) -> timedelta:
        """The correction to this machine's time; zero as long as the service's is not known."""
        return self._correction or timedelta()

    def at(self, now: datetime) -> datetime:
        """
        Return the service's time; this machine's as long as the service's is not known.

        :param now: this machine's time.
        """
        return now + self.correction

    def known_at(self, now: datetime) -> datetime | None:
        """
        Return the service's time; ``None`` as long as no answer has told it.

        :param now: this machine's time.
        """
        return now + self._correction if self._correction is not None else None

    def learn(self, response: Response) -> None:
        """Take the service's time from an answer that does not refuse a signature for its time."""
        told = _told_by(response)
        if told is not None and self._believes_dates:
            self._correction = told

    def learn_from_refusal(self, response: Response, signed_with: timedelta) -> bool:
        """
        Learn from an answer that refuses a signature for its time.

        :param signed_with: the correction with which the signature was made.
        :return: whether a signature of the time as it is known now is another one, so that it may be accepted.
        """
        if _is_same(signed_with, self.correction):  # nobody has corrected it meanwhile
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
    """Return how far the service is ahead of this machine, if the answer tells that, and credibly."""
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
