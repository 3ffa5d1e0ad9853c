"""
A submission that is refused for now, such as with 429: the ``POST`` is sent again after a backoff.

Only a ``POST`` that was certainly not executed is sent again here. ``core/wire/request_retry.py`` has the limits.
"""

from __future__ import annotations

from datetime import datetime

from airflow_provider_tencent_ci.core.wire.flow_steps import current_time, pause
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import RETRY_IF_NOT_EXECUTED
from airflow_provider_tencent_ci.exceptions import ApiError, TransportError


class Refusals:
    """The refusals of one ``POST`` in a row, and the time since the first one."""

    def __init__(self) -> None:
        self._count = 0
        self._began_at: datetime | None = None

    def pause(self, error: ApiError | TransportError) -> Flow[bool]:
        """
        Pause before the ``POST`` is sent again.

        :param error: the last refusal.
        :return: ``False`` if it must not be sent again: for this error, or after so long.
        """
        now = yield from current_time()
        self._count += 1
        self._began_at = self._began_at or now
        spent_seconds = (now - self._began_at).total_seconds()
        seconds = RETRY_IF_NOT_EXECUTED.backoff_seconds(error, self._count, spent_seconds)
        if seconds is not None:
            yield from pause(seconds)
        return seconds is not None
