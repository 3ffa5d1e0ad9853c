from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_tencent_ci.core.api.time_interval import time_interval
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError


@pytest.mark.parametrize(
    ("start", "end", "interval"),
    [
        ("2022-02-01T12:00:00+0800", None, {"Start": "2022-02-01T12:00:00+0800"}),
        (None, datetime(2022, 5, 1, tzinfo=UTC), {"End": "2022-05-01T00:00:00+0000"}),
    ],
)
def test_either_end_of_the_interval_may_be_open(start, end, interval):
    assert time_interval(start, end) == interval


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        (
            "2022-05-01T08:00:00+08:00",
            "2022-05-01T00:00:00Z",
            r"the same time, 2022-05-01T00:00:00\+0000, .*DataIntervalTimetable\(<cron text>.*Only for a daily",
        ),
        ("noon", None, "start_time='noon' is not a time"),
        (None, "2022-05-01", "end_time='2022-05-01' has no UTC offset"),
        ("2022-05-02T00:00:00Z", "2022-05-01T00:00:00Z", "start_time=.* is after end_time="),
    ],
)
def test_a_wrong_time_raises_an_error_that_names_the_argument(start, end, complaint):
    with pytest.raises(InvalidArgumentError, match=complaint):
        time_interval(start, end)


def test_an_interval_over_the_end_of_summer_time_is_compared_as_times():
    """01:50 in summer time is before 01:10 in winter time; both have the same zone."""
    zone = ZoneInfo("America/New_York")
    summer, winter = datetime(2026, 11, 1, 1, 50, tzinfo=zone), datetime(2026, 11, 1, 1, 10, tzinfo=zone, fold=1)
    assert time_interval(summer, winter) == {"Start": "2026-11-01T01:50:00-0400", "End": "2026-11-01T01:10:00-0500"}
    with pytest.raises(InvalidArgumentError, match="is after end_time"):
        time_interval(winter, summer)
    assert time_interval(summer, summer.replace(fold=1))
