"""The arguments ``start_time`` and ``end_time`` of a batch job: which interval they make, and which are refused."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_tencent_ci.core.wire.service_times import format_time, time_argument
from airflow_provider_tencent_ci.core.wire.xml import Node
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

EMPTY_INTERVAL_ADVICE = (
    "On Airflow 3 a cron text or a timedelta as schedule has an empty data interval. Write it as "
    "schedule=CronDataIntervalTimetable(<cron text>, timezone=<time zone>), or "
    "schedule=DeltaDataIntervalTimetable(<timedelta>), from airflow.timetables.interval. "
    'Only for a daily schedule, start_time="{{ data_interval_end - macros.timedelta(days=1) }}" is the same.'
)


def time_interval(start_time: datetime | str | None, end_time: datetime | str | None) -> dict[str, Node]:
    """
    Return the node ``TimeInterval`` of the objects' times; empty if neither is given.

    :raises InvalidArgumentError: one of them is no time, or no object could match.
    """
    start, end = time_argument("start_time", start_time), time_argument("end_time", end_time)
    # In UTC: Python compares two times of one zone by their wall clocks, which are set back in autumn.
    start_at, end_at = (moment and moment.astimezone(UTC) for moment in (start, end))
    if start_at and end_at and start_at > end_at:
        raise InvalidArgumentError(
            f"start_time={format_time(start_at)} is after end_time={format_time(end_at)}: no object could match."
        )
    interval: dict[str, Node] = {
        name: format_time(moment) for name, moment in (("Start", start), ("End", end)) if moment
    }
    # The service takes whole seconds. Whether it would process a file of this second is not documented.
    if start_at and end_at and start_at.replace(microsecond=0) == end_at.replace(microsecond=0):
        raise InvalidArgumentError(
            f"start_time and end_time are the same time, {interval['End']}, so that no file would be processed. "
            f"{EMPTY_INTERVAL_ADVICE}"
        )
    return interval
