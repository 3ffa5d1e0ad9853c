"""Follows a batch job to its end, and shows its progress as a bar, as lines, or as JSON."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from airflow_provider_tencent_ci.cli.tables import new_console, print_json_line, record_of
from airflow_provider_tencent_ci.core.files.file_survey import Survey
from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitResult, wait_for_job
from airflow_provider_tencent_ci.outcome.human_units import counts_text
from airflow_provider_tencent_ci.outcome.progress_log import ProgressLog
from airflow_provider_tencent_ci.outcome.time_zone import TimeZone
from airflow_provider_tencent_ci.waiting.wait_log import WaitLog

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
    from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
    from airflow_provider_tencent_ci.core.wire.messages import Flow
    from airflow_provider_tencent_ci.exceptions import TencentCIError

__all__ = ["Lines", "follow", "following"]

# The default of operator and sensor.
_CONTACT_TIMEOUT = 600.0


def follow(
    job_id: str, poll_interval: float, observer: Lines, progress: ProgressCounter, place: str = ""
) -> Flow[WaitResult]:
    """
    Wait until a job has ended, as a task does.

    :param poll_interval: the longest time between two polls, in seconds.
    :param progress: counts the files between the polls.
    :param place: the connection and the bucket, for errors (:attr:`.ServiceConfig.place`).
    """
    wait = Wait(job_id, deadline_at=None, contact_timeout=_CONTACT_TIMEOUT, observer=observer, place=place)
    return wait_for_job(wait, poll_interval, progress)


@contextmanager
def following(job: InventoryJob, form: str, now: datetime, zone: TimeZone) -> Iterator[Lines]:
    """
    Show the progress of a job: as JSON on request, as a bar on a terminal, otherwise as lines.

    :param form: ``table`` or ``json``.
    :param now: the service's time.
    :param zone: of the written times.
    """
    console = new_console()
    if form == "json":
        yield _JsonLines(zone)
    elif console.is_terminal:
        with _progress(console) as progress:
            yield _Bar(progress, job, now, zone)
    else:
        yield Lines(_logger(console, zone), zone)


class Lines:
    """
    Prints a line for each change.

    :param log: the logger of the lines.
    :param zone: of the written times.
    :ivar job: the last record read.
    """

    def __init__(self, log: logging.Logger, zone: TimeZone) -> None:
        self.job: InventoryJob | None = None
        self._counts: FileCounts | None = None
        self._wait_log, self._progress_log = WaitLog(log), ProgressLog(log, zone.clock)

    def job_polled(self, job: InventoryJob) -> None:
        """Show a record."""
        self.job = job
        self._wait_log.job_polled(job)

    def poll_failed(self, error: TencentCIError, failing_seconds: float) -> None:
        """Show that the service could not be reached."""
        self._wait_log.poll_failed(error, failing_seconds)

    def counted(self, job: InventoryJob, counts: FileCounts, now: datetime) -> None:
        """Show a count if it is a new one."""
        if counts != self._counts:
            self._counts = counts
            self.show_counts(job, counts, now)

    def counting(self, job: InventoryJob, counted: int, expected: int | None) -> None:
        """Show how far the count of a job that has ended is."""
        self._progress_log.counting(job, counted, expected)

    def not_counted(self, job: InventoryJob, error: TencentCIError, now: datetime) -> None:
        """Show that the files could not be counted."""
        self._progress_log.not_counted(job, error, now)

    def show_counts(self, job: InventoryJob, counts: FileCounts, now: datetime) -> None:
        """Show a new count."""
        self._progress_log.counted(job, counts, now)


class _Bar(Lines):
    """A progress bar, and a line above it for each new state."""

    def __init__(self, progress: Progress, job: InventoryJob, now: datetime, zone: TimeZone) -> None:
        super().__init__(_logger(progress.console, zone), zone)
        self._progress = progress
        self._bar: TaskID = progress.add_task("", total=None, state=job.state.value, files="")
        if job.creation_time:
            age_seconds = (now - job.creation_time).total_seconds()
            progress.tasks[0].start_time = time.monotonic() - max(0.0, age_seconds)

    def job_polled(self, job: InventoryJob) -> None:
        super().job_polled(job)
        self._progress.update(self._bar, state=job.state.value)

    def show_counts(self, job: InventoryJob, counts: FileCounts, now: datetime) -> None:
        self._progress.update(self._bar, completed=counts.done, total=counts.total or None, files=counts_text(counts))


class _JsonLines(Lines):
    """A record for each poll on stdout, with the last count; errors go to stderr."""

    def __init__(self, zone: TimeZone) -> None:
        log = _logger(Console(stderr=True), zone)
        log.setLevel(logging.WARNING)
        super().__init__(log, zone)

    def job_polled(self, job: InventoryJob) -> None:
        super().job_polled(job)
        if not job.state.is_terminal:  # the last record is printed with the last count
            print_json_line(record_of(job, Survey.of_all(self._counts) if self._counts else None))

    def show_counts(self, job: InventoryJob, counts: FileCounts, now: datetime) -> None:
        """Do nothing: the next record contains the count."""


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[state]}"),
        BarColumn(),
        TextColumn("{task.fields[files]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _logger(console: Console, zone: TimeZone) -> logging.Logger:
    """Return a separate logger, so that ``log_level`` and handlers of Airflow do not matter."""
    logger = logging.Logger(__name__)  # noqa: LOG001 - see above
    handler = _ConsoleHandler(console)
    handler.setFormatter(_Formatter(zone))
    logger.addHandler(handler)
    return logger


class _Formatter(logging.Formatter):
    def __init__(self, zone: TimeZone) -> None:
        super().__init__("%(asctime)s %(message)s")
        self._zone = zone

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's
        return self._zone.stamp(record.created)


class _ConsoleHandler(logging.Handler):
    """Print lines through ``rich``, which puts them above a bar."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(Text(self.format(record)), soft_wrap=True)
