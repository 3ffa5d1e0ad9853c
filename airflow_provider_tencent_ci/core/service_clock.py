"""The service's time, which is what signatures are judged by."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.failures import refused_for_its_time, service_time_of
from airflow_provider_tencent_ci.core.messages import Response

__all__ = ["ServiceClock"]


class ServiceClock:
    """
    This machine's clock, corrected once the service has turned a signature away for its time.

    Only then: a good clock needs no correction, and any proxy may write a wrong ``Date``.
    """

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def at(self, now: datetime) -> datetime:
        """
        Return the service's time.

        :param now: this machine's time.
        """
        return now + self.ahead

    def learn(self, response: Response) -> bool:
        """Take the service's time from an answer that turns a signature away; return whether it did."""
        if not refused_for_its_time(response):
            return False
        service_time = service_time_of(response)
        if service_time is None:
            return False
        self.ahead = service_time - response.received_at
        return True
