"""The observer of requests and waits, such as the metrics: values go out, and nothing comes back."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_tencent_ci.core.wire.messages import Request, Response
from airflow_provider_tencent_ci.exceptions import TencentCIError


class ServiceObserver(Protocol):
    """Is told what happens between this process and the service. Its methods never raise, and never block."""

    def request_ended(self, request: Request, result: Response | TencentCIError) -> None:
        """
        Called after each attempt of a request, in both drivers.

        :param result: the answer, also an error; or why there is none.
        """

    def rate_limit_waited(self, request: Request, seconds: float) -> None:
        """Called for each request that had to wait for the rate limit, after its wait."""

    def waits_changed(self, bucket: str, change: int) -> None:
        """
        Called when a shared poller wakes up, and when its last wait has ended.

        :param change: how many more tasks wait for jobs of the bucket than at the last call; 0 if as many.
        """
