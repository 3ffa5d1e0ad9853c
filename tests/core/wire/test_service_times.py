from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.wire.service_times import (
    format_time,
    parse_http_date,
    parse_time,
    time_argument,
)
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from tests.strategies import any_text, moments

BEIJING = timezone(timedelta(hours=8))

# Times before the first and after the last datetime in UTC.
BEYOND = ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:05:43"]


@pytest.mark.parametrize(
    "text",
    [
        "2022-02-01T12:00:00+0800",
        "2022-02-01T12:00:00+08:00",
        "2022-02-01 12:00:00+0800",
        "2022-02-01T04:00:00Z",
        " 2022-02-01T12:00:00+0800\n",
    ],
)
def test_every_time_format_of_the_service_is_parsed(text):
    assert parse_time(text) == datetime(2022, 2, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize("text", ["-", "", None, "soon", "2022-02-30T00:00:00+0800", "2022-02-01T12:00:00", *BEYOND])
def test_an_invalid_time_counts_as_unknown(text):
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2022, 2, 1, 12, tzinfo=BEIJING), "2022-02-01T12:00:00+0800"),
        (datetime(2022, 2, 1, 4, 0, 0, 999999, tzinfo=UTC), "2022-02-01T04:00:00+0000"),
        (datetime(1, 1, 1, 8, tzinfo=BEIJING), "0001-01-01T08:00:00+0800"),
        (datetime(2022, 2, 1, 4, tzinfo=timezone(timedelta(microseconds=1))), "2022-02-01T03:59:59+0000"),
        (
            datetime(2022, 2, 1, 12, 5, 43, tzinfo=timezone(timedelta(hours=8, minutes=5, seconds=43))),
            "2022-02-01T04:00:00+0000",
        ),
    ],
)
def test_times_are_written_to_the_second_with_a_plain_offset(moment, text):
    assert format_time(moment) == text


@pytest.mark.parametrize("value", [datetime(2022, 2, 1, 12, tzinfo=BEIJING), "2022-02-01T12:00:00+08:00"])
def test_an_argument_may_be_a_datetime_or_iso_text(value):
    assert time_argument("start_time", value) == datetime(2022, 2, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, ""])
def test_none_is_an_omitted_argument(value):
    assert time_argument("start_time", value) is None


@pytest.mark.parametrize(
    "value", ["yesterday", 1643688000, b"2022-02-01", "{{ ts }}", *BEYOND, datetime.min.replace(tzinfo=BEIJING)]
)
def test_an_invalid_time_raises_an_error_that_names_the_argument(value):
    with pytest.raises(InvalidArgumentError, match="start_time=.*not a time"):
        time_argument("start_time", value)


@pytest.mark.parametrize("value", [datetime(2022, 2, 1), "2022-02-01T00:00:00", "2022-02-01"])
def test_a_time_without_an_offset_raises_an_error(value):
    with pytest.raises(InvalidArgumentError, match="end_time=.*no UTC offset"):
        time_argument("end_time", value)


@given(moments.filter(lambda moment: parse_time(moment.isoformat()) is not None))
def test_a_written_time_is_read_back_without_fractions_of_a_second(moment):
    assert timedelta() <= moment - parse_time(format_time(moment)) < timedelta(seconds=1)


@given(any_text | moments.map(str) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9:.+Z-]{2,16}"))
def test_any_text_is_parsed_as_a_writable_time_or_none(text):
    moment = parse_time(text)
    assert moment is None or parse_time(format_time(moment)) is not None
    try:
        moment = time_argument("start_time", text)
    except InvalidArgumentError:
        return
    assert moment is None or parse_time(format_time(moment)) is not None


NOVEMBER = datetime(2026, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 06 Nov 2026 08:49:37 GMT",
        "Fri, 06 Nov 2026 08:49:37 -0000",
        "Fri, 06 Nov 2026 16:49:37 +0800",
        "Friday, 06-Nov-26 08:49:37 GMT",
        "Fri Nov  6 08:49:37 2026",
    ],
)
def test_every_date_format_of_a_header_is_parsed(text):
    assert parse_http_date(text) == NOVEMBER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "1793955000",
        "2026-11-06T08:49:37Z",
        "06 Nov 2026 08:49:37 GMT",
        "Fri, 06 Nov 2026 08:49:37 GMT, Fri, 06 Nov 2026 08:49:37 GMT",
        "Fri, 31 Jun 2026 08:49:37 GMT",
        "Fri, 06 Nov 2026 25:49:37 GMT",
        "Fri, 06 Bla 2026 08:49:37 GMT",
        "Fri, 31 Dec 9999 23:59:59 -0100",
        "Mon, 01 Jan 0001 00:00:00 +0100",
        "Fri, 06 Nov 2026 08:49:37 +9999",
        "Fri, 06 Nov ٢٠٢٦ 08:49:37 GMT",
    ],
)
def test_anything_but_one_date_is_none(text):
    assert parse_http_date(text) is None


@given(moments.filter(lambda moment: moment.astimezone(UTC).year >= 1000))
def test_a_date_of_a_server_is_parsed(moment):
    moment = moment.astimezone(UTC).replace(microsecond=0)
    assert parse_http_date(format_datetime(moment, usegmt=True)) == moment


@given(any_text)
def test_any_text_is_parsed_as_a_utc_date_or_none(text):
    moment = parse_http_date(text)
    assert moment is None or moment.utcoffset() == timedelta(0)
