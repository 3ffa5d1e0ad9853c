"""
The time formats of Cloud Infinite.

Requests carry ``%Y-%m-%dT%H:%M:%S%z`` (``2022-02-01T12:00:00+0800``). Answers carry that form, the form with a
colon in the offset (workflow executions), the form with a blank for the ``T`` (callbacks), and ``-`` or nothing
for a time that is not known yet (docs/service.md, 2.10). Headers (``Date``, ``Retry-After``) have the formats of HTTP.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

# Of a time, with blanks around it.
_LONGEST_TIME = 64

_MINUTE = timedelta(minutes=1)

# The three forms of RFC 9110, 5.6.7, the first one also with an offset. Python's parser accepts much more as a date,
# such as the two dates of a repeated header.
_HTTP_DATE = re.compile(
    r"""
      [A-Z][a-z]{2},\ [0-9]{1,2}\ [A-Z][a-z]{2}\ [1-9][0-9]{3}\ [0-9]{2}:[0-9]{2}:[0-9]{2}\ (?:GMT|UTC|[+-][0-9]{4})
    | [A-Z][a-z]{5,8},\ [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2}\ [0-9]{2}:[0-9]{2}:[0-9]{2}\ GMT
    | [A-Z][a-z]{2}\ [A-Z][a-z]{2}\ [\ 0-9][0-9]\ [0-9]{2}:[0-9]{2}:[0-9]{2}\ [1-9][0-9]{3}
    """,
    re.VERBOSE,
)


def format_time(moment: datetime) -> str:
    """Write an aware datetime in the service's format, with its own offset, in whole seconds."""
    offset = moment.utcoffset()
    if offset is None or offset % _MINUTE:  # the seconds of a historical offset would be written too
        moment = moment.astimezone(UTC)
    # Not strftime, which is slow, and writes the year 1 as "1" on some systems.
    text = moment.isoformat(timespec="seconds")
    return f"{text[:-3]}{text[-2:]}"  # without the colon of the offset


def parse_time(text: str | None) -> datetime | None:
    """
    Read a time of an answer; ``None`` for an absent, empty, ``-`` or unreadable one.

    A time must not fail a wait, so an unreadable one counts as unknown.
    """
    return _parsed(text) if text and len(text) <= _LONGEST_TIME else None


@lru_cache(maxsize=512)  # a page repeats few seconds, and a poll reads the times that the last one has read
def _parsed(text: str) -> datetime | None:
    moment = _parse_iso(text)
    return moment if moment is not None and moment.tzinfo is not None and _is_in_utc_s_years(moment) else None


def parse_http_date(text: str) -> datetime | None:
    """Read the date of a header, as an aware datetime in UTC; ``None`` for anything that is not exactly one date."""
    return _parse_http_date(text) if _HTTP_DATE.fullmatch(text) else None


@lru_cache(maxsize=512)  # it has whole seconds: all answers of one second have the same
def _parse_http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # 31 June, or a time beyond the range of datetime
        return None


def time_argument(name: str, value: datetime | str | None) -> datetime | None:
    """
    Read a time from a user: a datetime or ISO 8601 text, in either case with an offset.

    :param name: the argument's name, for the error.
    :param value: ``None`` and an empty text (a template that rendered to nothing) mean "not given".
    :raises InvalidArgumentError: the value is no time, or it has no offset, so that its hour would be ambiguous.
    """
    if value is None or value == "":
        return None
    moment = value if isinstance(value, datetime) else _parse_iso(value) if isinstance(value, str) else None
    if moment is None or (moment.tzinfo is not None and not _is_in_utc_s_years(moment)):
        raise InvalidArgumentError(
            f"{name}={value!r} is not a time. Give a datetime or ISO 8601 text with an offset, "
            "such as 2022-02-01T12:00:00+0800."
        )
    if moment.utcoffset() is None:
        raise InvalidArgumentError(
            f"{name}={value!r} has no UTC offset. Add one, such as +0800 or Z: {moment.isoformat()}+08:00."
        )
    return moment


def _is_in_utc_s_years(moment: datetime) -> bool:
    """Whether it can be written in UTC: the first and last hours of datetime's range in other offsets cannot."""
    if MINYEAR < moment.year < MAXYEAR:
        return True
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return False
    return True


def _parse_iso(text: str) -> datetime | None:
    text = text.strip()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
