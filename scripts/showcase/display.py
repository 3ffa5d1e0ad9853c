"""The output of the demonstration: lines with the time, a progress bar on a terminal, and two tables at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from airflow_provider_tencent_ci.cli.file_counting import shown_count

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.cli.file_counting import Observe
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob

__all__ = ["Display"]

_PLAIN_WIDTH = 110
_COUNT_SECONDS = 3.0
_STYLES = {
    "success": "green",
    "failed": "red",
    "cancel": "red",
    "up_for_retry": "yellow",
    "pause": "yellow",
    "deferred": "magenta",
    "running": "cyan",
}


class Display:
    """
    Show the progress, on a terminal or in a file.

    :param console: the target; by default the standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _standard_output()
        self._started_at = time.monotonic()
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._counted_at = 0.0
        self._counts = (0, 0, 0)

    def say(self, text: str) -> None:
        """Print the current step."""
        self._line(Text(text))

    def change(self, what: str, before: str, after: str) -> None:
        """Print a change of a state."""
        steps = (f"{before} → ", "dim") if before else ""
        self._line(Text.assemble((f"  {what}: ", "bold"), steps, (after, style_of(after))))

    def error(self, text: str) -> None:
        """Print an error."""
        self._line(Text(text, style="red"))

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Show a progress bar during the block, if there is a terminal."""
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            yield
            return
        columns = (
            TextColumn("          files"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("[red]{task.fields[note]}"),
        )
        with Progress(*columns, console=self.console, transient=True) as self._progress:
            yield
        self._progress = None

    @contextmanager
    def counting_all(self, job: InventoryJob, expected: int = 0) -> Iterator[Observe]:
        """
        Show how far the count of all files of a job is: a bar, or lines if there is no terminal.

        :param expected: an estimate of their number; 0 if there is none.
        """
        with shown_count(job, self.console, self.say, expected=expected) as observe:
            yield observe

    def count(self, done: int, failed: int, total: int, doubt: str = "") -> None:
        """
        Show how many files are done and have failed, of how many.

        :param doubt: what to say before numbers that are not exact.
        """
        counts = (done, failed, total)
        if not total or counts == self._counts:
            return
        if self._progress:
            self._move_bar(self._progress, *counts, doubt)
        elif done + failed < total and time.monotonic() < self._counted_at + _COUNT_SECONDS:
            return
        else:
            self.say(f"  files: {doubt}{done:,} done, {failed:,} failed, of {total:,}")
        self._counts = counts
        self._counted_at = time.monotonic()

    def facts(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Print a table of one object, with a row for each fact."""
        table = Table(title=title, title_justify="left", show_header=False)
        for name, value in rows:
            table.add_row(Text(name, style="bold"), Text(value, style=style_of(value)))
        self._table(table)

    def table(self, title: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """Print a table of many objects, with a row for each."""
        table = Table(*headings, title=title, title_justify="left")
        for row in rows:
            table.add_row(*(Text(cell, style=style_of(cell)) for cell in row))
        self._table(table)

    def verbatim(self, text: str) -> None:
        """Print lines to copy: without breaks of their own."""
        self.console.print(Text(text), soft_wrap=True)

    def paragraph(self, text: str) -> None:
        """Print a text unchanged."""
        self.console.print()
        self.console.print(Text(text))

    def _line(self, text: Text) -> None:
        elapsed = f"{time.monotonic() - self._started_at:6.1f} s  "
        self.console.print(Text.assemble((elapsed, "dim"), text), soft_wrap=True)

    def _table(self, table: Table) -> None:
        self.console.print()
        self.console.print(table)

    def _move_bar(self, progress: Progress, done: int, failed: int, total: int, doubt: str) -> None:
        if self._bar is None:
            self._bar = progress.add_task("", total=total, note="")
        note = f"{doubt}{failed:,} failed" if failed else doubt
        progress.update(self._bar, completed=done + failed, total=total, note=note)


def style_of(state: str) -> str:
    """Return the colour of a state of Airflow or of the service; none for other words."""
    return _STYLES.get(state.lower(), "")


def _standard_output() -> Console:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # an arrow must not fail on an ASCII terminal
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
