"""The time zone of texts for people: Airflow's own setting, or the argument ``--timezone`` of a command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

__all__ = ["TimeZone", "airflow_time_zone", "time_zone"]


@dataclass(frozen=True, slots=True)
class TimeZone:
    """
    Writes times for people.

    :param name: as the user knows it; a table has it once, beside the column's name.
    """

    name: str
    zone: tzinfo

    def moment(self, moment: datetime | None) -> str:
        """Write a day and a time, to the second; empty for ``None``."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M:%S}" if moment else ""

    def clock(self, moment: datetime) -> str:
        """Write hour and minute, with the zone's name."""
        return f"{moment.astimezone(self.zone):%H:%M} {self.name}"

    def stamp(self, seconds: float) -> str:
        """Write the time of a line as ISO 8601, from seconds since 1970."""
        return datetime.fromtimestamp(int(seconds), self.zone).isoformat().replace("+00:00", "Z")


def time_zone(name: str | None) -> TimeZone:
    """
    Return a time zone.

    :param name: an IANA name; ``None`` for ``[core] default_timezone`` of Airflow, as in its own UI before a user
        chooses another one.
    :raises InvalidArgumentError: there is no such time zone.
    """
    # Imported late: both start Airflow, which is slow and may log, and progress lines are also written without it.
    import pendulum
    from airflow.configuration import conf

    name = name or conf.get("core", "default_timezone", fallback="utc")
    if name.lower() == "utc":
        return TimeZone("UTC", UTC)
    if name.lower() == "system":
        return TimeZone("local time", pendulum.tz.local_timezone())
    try:
        return TimeZone(name, ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        raise InvalidArgumentError(
            f"There is no time zone {name!r}. Give an IANA name, such as Asia/Shanghai."
        ) from None


def airflow_time_zone() -> TimeZone:
    """Return the time zone of Airflow's setting; UTC if it names none, since a log line must not fail a task."""
    try:
        return time_zone(None)
    except InvalidArgumentError:
        return TimeZone("UTC", UTC)
