"""The output of commands: tables for people, records for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import yaml
from airflow.cli.simple_table import SimpleTable
from rich.console import Console
from rich.text import Text
from tabulate import tabulate  # type: ignore[import-untyped]

from airflow_provider_tencent_ci.cli.streams import output
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.wire.service_times import parse_time
from airflow_provider_tencent_ci.outcome.human_units import about, counts_text, duration_text
from airflow_provider_tencent_ci.outcome.time_zone import TimeZone

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.files.file_survey import Survey

__all__ = [
    "facts_of",
    "files_text",
    "job_row",
    "new_console",
    "print_facts",
    "print_json_line",
    "print_records",
    "print_text",
    "record_of",
]

# As in Airflow's own commands.
_WIDTH = 200

_STYLES = {
    JobState.RUNNING.value: "blue",
    JobState.SUCCESS.value: "green",
    JobState.FAILED.value: "bold red",
    JobState.PAUSE.value: "yellow",
    JobState.CANCEL.value: "magenta",
}


def record_of(job: InventoryJob, files: Survey | None) -> dict[str, Any]:
    """Return the job's record as in XCom, with ``Files`` if they were counted, and whether that is not exact."""
    if files is None:
        return job.to_dict()
    doubt = {} if files.is_complete else {"Estimated": True} if files.is_estimate else {"AtLeast": True}
    return {**job.to_dict(), "Files": {**files.counts.to_dict(), **doubt}}


def files_text(files: Survey) -> str:
    """Write counts in one line, and whether they are not exact."""
    if files.is_estimate:
        return f"about {counts_text(files.counts, about)}"
    return counts_text(files.counts) if files.is_complete else f"at least {counts_text(files.counts)}"


def job_row(job: InventoryJob, files: Survey | None, now: datetime, zone: TimeZone) -> dict[str, str]:
    """
    Return a line of the table of jobs.

    :param now: the service's time.
    :param zone: of the written times.
    """
    row = {
        "job_id": job.job_id,
        "name": job.name,
        "type": job.type,
        "state": job.state.value,
        f"created ({zone.name})": zone.moment(job.creation_time),
        "duration": _duration(job, now),
        "reads": ", ".join(filter(None, (job.reads, _modified(job, zone)))),
    }
    return {**row, "files": files_text(files)} if files else row


def facts_of(job: InventoryJob, now: datetime, zone: TimeZone) -> dict[str, str]:
    """
    Return the facts about a job, by their names.

    :param now: the service's time.
    :param zone: of the written times.
    """
    code, message = job.reason
    facts = {
        "job_id": job.job_id,
        "name": job.name,
        "type": job.type,
        "state": job.state.value,
        "code": code,
        "message": message,
        f"created ({zone.name})": zone.moment(job.creation_time),
        f"started ({zone.name})": zone.moment(job.start_time),
        f"ended ({zone.name})": zone.moment(job.ended_at),
        "duration": _duration(job, now),
        "input": _nodes(job.input),
        "operation": _nodes(job.operation),
    }
    return {name: text for name, text in facts.items() if text}


def print_records(records: Any, form: str, rows: Sequence[Mapping[str, str]]) -> None:
    """
    Print on stdout.

    :param records: for ``json`` and ``yaml``.
    :param form: ``table``, ``json``, ``yaml`` or ``plain``.
    :param rows: for ``table`` and ``plain``, all with the same columns.
    """
    if form == "json":
        print_text(json.dumps(records, indent=2, ensure_ascii=False))
    elif form == "yaml":
        print_text(yaml.safe_dump(records, allow_unicode=True, sort_keys=False).rstrip())
    elif form == "plain":
        print_text(tabulate([[*row.values()] for row in rows], headers=[*rows[0]] if rows else (), tablefmt="plain"))
    elif rows:
        _print_table(rows)
    else:
        print_text("No batch jobs found.")


def print_json_line(record: Mapping[str, Any]) -> None:
    """Print a record on stdout in one line, and flush it."""
    print_text(json.dumps(record, ensure_ascii=False))


def print_text(text: str) -> None:
    """Print text, and flush it."""
    print(text, file=output(), flush=True)


def new_console() -> Console:
    """Return a console for the output; if it is no terminal, it is wide enough for all columns."""
    return Console(file=output(), width=None if output().isatty() else _WIDTH)


def print_facts(facts: Mapping[str, str], below: str) -> None:
    """
    Print facts on stdout, one below the other.

    :param below: further lines after them, if any.
    """
    table = _table(show_header=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts.items():
        table.add_row(name, _cell(text))
    new_console().print(table)
    if below:
        print_text(below)


def _print_table(rows: Sequence[Mapping[str, str]]) -> None:
    table = _table(show_header=True)
    for column in rows[0]:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(text) for text in row.values()))
    new_console().print(table)


def _table(**settings: Any) -> SimpleTable:
    return SimpleTable(**settings)  # type: ignore[no-untyped-call]


def _cell(text: str) -> Text:
    # Not the plain text, in which rich would read [brackets] of the service as markup.
    return Text(text, style=_STYLES.get(text, ""))


def _nodes(nodes: Mapping[str, Any]) -> str:
    return json.dumps(dict(nodes), ensure_ascii=False) if nodes else ""


def _modified(job: InventoryJob, zone: TimeZone) -> str:
    """Write within which times the files of a job were modified; empty if there is no limit."""
    limits = zip(("from", "to"), job.time_interval, strict=True)
    written = [f"{word} {zone.moment(parse_time(text)) or text}" for word, text in limits if text]
    return f"modified {' '.join(written)}" if written else ""


def _duration(job: InventoryJob, now: datetime) -> str:
    until = job.ended_at if job.state.is_terminal else now
    return duration_text(until - job.creation_time) if until and job.creation_time else ""
