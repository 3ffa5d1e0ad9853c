"""Counting the files of a job: quickly, with an estimate of a long list, or all of them, behind a bar."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from airflow_provider_tencent_ci.cli.streams import say
from airflow_provider_tencent_ci.core.files.count_at_end import due_every, expected_total
from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.file_survey import Survey, survey_files
from airflow_provider_tencent_ci.core.wire.request_retry import RETRY_LONG
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.outcome.progress_log import counted_text

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.count_files import RunningCount
    from airflow_provider_tencent_ci.core.files.settled_files import IncrementalCount
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["count_all", "look_quickly", "shown_count"]

Observe = Callable[["RunningCount"], None]
Total = Callable[["RunningCount"], "int | None"]

# Without a terminal. A task writes fewer lines, since its log is kept.
_LINE_SECONDS = 10.0


def look_quickly(hook: TencentCIHook, job: InventoryJob) -> Survey | None:
    """Count a job's files, or estimate their number if they are many; ``None``, and a line on stderr, if that fails."""
    try:
        return hook.run(survey_files(job, retry=RETRY_LONG))
    except TencentCIError as error:
        _say_not_counted(job, error)
        return None


def count_all(hook: TencentCIHook, job: InventoryJob, counting: IncrementalCount | None = None) -> Survey | None:
    """
    Count all files of a job, and show how far it is; ``None``, and a line on stderr, if that fails.

    :param counting: what was counted while the job was followed to its end.
    """
    try:
        quick = hook.run(survey_files(job, retry=RETRY_LONG))
        if quick.is_complete:
            return quick
        with shown_count(job, Console(stderr=True), expected=quick.counts.total if quick.is_estimate else 0) as observe:
            settled = counting.settled if counting else ()
            return Survey.of_all(hook.run(count_files(job, settled=settled, observe=observe)))
    except TencentCIError as error:
        _say_not_counted(job, error)
        return None


@contextmanager
def shown_count(
    job: InventoryJob,
    console: Console,
    say: Callable[[str], None] = say,
    now: Callable[[], float] = time.monotonic,
    expected: int = 0,
) -> Iterator[Observe]:
    """
    Return what shows how far a count is: a bar on a terminal, elsewhere a line about once in ten seconds.

    :param console: where the bar is drawn.
    :param say: prints a line.
    :param now: the time in seconds, by a clock that is never set back.
    :param expected: an estimate of the number of files; 0 if there is none: then the times of the files tell it.
    """

    def total(running: RunningCount) -> int | None:
        return max(expected, running.so_far.total) if expected else expected_total(running, job)

    if console.is_terminal and not console.is_dumb_terminal:
        with _bar(job, console) as progress:
            yield lambda running: _move(progress, running, total)
    else:
        yield _lines(job, say, now, total)


def _lines(job: InventoryJob, say: Callable[[str], None], now: Callable[[], float], total: Total) -> Observe:
    is_due = due_every(_LINE_SECONDS, now)

    def observe(running: RunningCount) -> None:
        if is_due():
            say(counted_text(job, running.so_far.total, total(running)))

    return observe


def _bar(job: InventoryJob, console: Console) -> Progress:
    progress = Progress(
        SpinnerColumn(),
        TextColumn(f"Counting the files of batch job {job.job_id}:", markup=False),
        BarColumn(),
        TextColumn("{task.fields[files]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    progress.add_task("", total=None, files="")
    return progress


def _move(progress: Progress, running: RunningCount, total: Total) -> None:
    counted, expected = running.so_far.total, total(running)
    of = f" of about {max(expected, counted):,}" if expected else ""
    progress.update(progress.task_ids[0], completed=counted, total=expected, files=f"{counted:,}{of}")


def _say_not_counted(job: InventoryJob, error: TencentCIError) -> None:
    say(f"The files of batch job {job.job_id} could not be counted. {error}")
