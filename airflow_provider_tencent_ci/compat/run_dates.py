"""Templates with the dates of a run: on Airflow 3 a run may have no logical date, and then they are undefined."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["WithRunDates", "empty_interval_at"]

# The variables that need a logical date (docs/airflow.md, 7).
_DATES = re.compile(
    r"'(?:(?:prev_)?data_interval_(?:start|end)(?:_success)?|logical_date|ds(?:_nodash)?|ts(?:_nodash(?:_with_tz)?)?)'"
)


def empty_interval_at(context: Context) -> datetime | None:
    """Return the data interval of a run if its start is its end, as with a cron text on Airflow 3; else ``None``."""
    interval_start_at, interval_end_at = context.get("data_interval_start"), context.get("data_interval_end")
    return interval_start_at if interval_start_at == interval_end_at else None


class WithRunDates:
    """A task that says what to do if a template needs a date that its run does not have."""

    dag_id: str  # of the operator

    def render_template(self, content: Any, context: Context, *args: Any, **kwargs: Any) -> Any:
        """
        Render as Airflow does.

        :raises InvalidArgumentError: a template needs the logical date or the data interval, and the run has none.
        """
        import jinja2

        try:
            rendered = super().render_template(content, context, *args, **kwargs)  # type: ignore[misc]
            if isinstance(rendered, jinja2.StrictUndefined):  # of a DAG that renders native objects
                str(rendered)
        except jinja2.UndefinedError as error:
            if "logical_date" in context or not _DATES.search(str(error)):
                raise
            raise InvalidArgumentError(
                f"The template {content!r} cannot be rendered: {error}. This run has no logical date, and so no data "
                "interval: it was started without a date, or by an asset. Set a logical date in the trigger form or in "
                "the API: with CronDataIntervalTimetable, the run then has the last whole interval before the date. "
                f"Or use `airflow backfill create --dag-id {self.dag_id} --from-date ... --to-date ...`. For a DAG "
                "without such intervals, use a time that each run has: {{ dag_run.run_after }}."
            ) from error
        return rendered
