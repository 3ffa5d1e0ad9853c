"""The argument ``--since``: a duration before now, or a time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.cli.exit_status import CommandError
from airflow_provider_tencent_ci.core.api.job_calls import fetch_service_time
from airflow_provider_tencent_ci.core.wire.service_times import time_argument
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.outcome.time_zone import TimeZone

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["since_time"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d{1,6})([smhd])")


def since_time(hook: TencentCIHook, text: str | None, zone: TimeZone) -> datetime | None:
    """
    Return the time that the argument names; a duration counts back from the service's time.

    :param zone: of a time without an offset, as the tables show it.
    :raises CommandError: it is neither.
    """
    if text and (duration := _DURATION.fullmatch(text)):
        return hook.run(fetch_service_time()) - timedelta(**{_UNITS[duration[2]]: int(duration[1])})
    try:
        return time_argument("--since", _in_zone(text, zone) if text else None)
    except InvalidArgumentError as error:
        raise CommandError(f"{error} Or give a duration before now, such as 24h.") from None


def _in_zone(text: str, zone: TimeZone) -> datetime | str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment if moment.tzinfo else moment.replace(tzinfo=zone.zone)
