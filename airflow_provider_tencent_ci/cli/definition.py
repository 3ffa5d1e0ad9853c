"""
The commands and their arguments.

Each ``airflow`` command imports this module, so what a command needs is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.cli.cli_config import (
    ARG_VERBOSE,
    ARG_YES,
    ActionCommand,
    Arg,
    GroupCommand,
    lazy_load_command,
    positive_int,
)

__all__ = ["COMMANDS", "GROUP", "HELP", "get_tencent_ci_cli_commands"]

GROUP = "tencent-ci"

HELP = "Look at the batch jobs of Tencent Cloud Infinite, cancel them, and submit their failed files again"

# All states of the service (copied, since core/api/job_records.py would have to be imported).
_STATES = ("Submitted", "Running", "Success", "Failed", "Pause", "Cancel")


def _command(name: str) -> str:
    return f"{__package__}.commands.{name}"


def _argument(*flags: str, **settings: Any) -> Arg:
    return Arg(flags, **settings)  # type: ignore[no-untyped-call]


def _word_of(*words: str) -> dict[str, Any]:
    """Accept one of some words, in upper or lower case."""
    by_lower_case = {word.lower(): word for word in words}
    return {"type": lambda text: by_lower_case.get(text.lower(), text), "choices": words}


_COUNT: Callable[[str], int] = positive_int(allow_zero=False)  # type: ignore[no-untyped-call]
_COUNT_OR_NONE: Callable[[str], int] = positive_int(allow_zero=True)  # type: ignore[no-untyped-call]

_JOB_ID = _argument("job_id", help="the JobId, which the operator pushes as its result", metavar="JOB_ID")
_COMMON = (
    _argument(
        "--conn-id",
        help="connection of type tencent_ci (default: %(default)s)",
        default="tencent_ci_default",
    ),
    _argument("--bucket", help="long name of the bucket, <name>-<APPID> (default: the connection's)"),
    _argument("--region", help="region of the bucket (default: the connection's)"),
    _argument(
        "--timezone",
        help="time zone of the written times, such as Asia/Shanghai (default: default_timezone of Airflow)",
    ),
    ARG_VERBOSE,
)
_OUTPUT = _argument(
    "-o",
    "--output",
    help="json and yaml: records by the service's names (default: %(default)s)",
    choices=("table", "json", "yaml", "plain"),
    default="table",
)

_EXACT = _argument("--exact", help="count all files: one request for a hundred of them", action="store_true")

COMMANDS = (
    ActionCommand(
        name="list",
        help="List batch jobs, the youngest first",
        func=lazy_load_command(_command("list_jobs")),
        args=(
            _argument(
                "--state",
                help="only in this state; may be repeated",
                action="append",
                metavar="STATE",
                **_word_of(*_STATES),
            ),
            _argument("--type", help="only of this type", **_word_of("Workflow", "Job")),
            _argument("--name", help="only of this name; whether the service compares exactly is not documented"),
            _argument(
                "--contains",
                help="only with this text in its name, or in what it reads, such as a part of a prefix; all jobs are "
                "read until there are enough, so give --since, too",
                metavar="TEXT",
            ),
            _argument("--workflow-id", help="only of this workflow"),
            _argument(
                "--since",
                help="only created since: a duration before now (30m, 24h, 7d), or a time, such as 2026-02-01T18:00:00",
            ),
            _argument(
                "--limit",
                help="the highest number of jobs (default: %(default)s)",
                type=_COUNT,
                default=50,
            ),
            _argument(
                "--count",
                help="count the files of each, too; of more than 2,000 the number is estimated",
                action="store_true",
            ),
            _EXACT,
            _OUTPUT,
            *_COMMON,
        ),
    ),
    ActionCommand(
        name="show",
        help="Show a batch job, the results of its files, and advice",
        func=lazy_load_command(_command("show_job")),
        args=(
            _JOB_ID,
            _argument(
                "--failed-files",
                help="the highest number of failed files to show, with their reasons (default: %(default)s)",
                type=_COUNT_OR_NONE,
                default=10,
            ),
            _argument("--no-count", help="do not read the files", action="store_true"),
            _EXACT,
            _OUTPUT,
            *_COMMON,
        ),
    ),
    ActionCommand(
        name="cancel",
        help="Cancel a batch job, and wait until it has stopped",
        description="Cancel a batch job, and wait until it has stopped. The exit status is 0 if it has ended.",
        func=lazy_load_command(_command("cancel_job")),
        args=(
            _JOB_ID,
            ARG_YES,
            _argument(
                "--stop-timeout",
                help="how many seconds to wait until it has stopped (default: %(default)s)",
                type=_COUNT,
                default=60,
            ),
            _OUTPUT,
            *_COMMON,
        ),
    ),
    ActionCommand(
        name="resubmit",
        help="Submit the failed files of a batch job again",
        description="Submit the failed files of a batch job that has ended again, as a job of their own, and print its "
        "JobId. The same command again finds that job, and submits nothing.",
        func=lazy_load_command(_command("resubmit_job")),
        args=(
            _JOB_ID,
            ARG_YES,
            _argument("--dry-run", help="only show how many files failed", action="store_true"),
            _argument(
                "--url-list-prefix",
                help="where in the bucket the list of files is put (default: %(default)s)",
                default=".airflow/tencent-ci/",
            ),
            _OUTPUT,
            *_COMMON,
        ),
    ),
    ActionCommand(
        name="tail",
        help="Follow a batch job to its end",
        description="Follow a batch job to its end. The exit status is 0 if it succeeded, 1 if it failed or was "
        "cancelled. Ctrl-C stops following, and does not cancel the job.",
        func=lazy_load_command(_command("tail_job")),
        args=(
            _JOB_ID,
            _argument(
                "--poll-interval",
                help="longest time between two polls, in seconds (default: %(default)s)",
                type=_COUNT,
                default=10,
            ),
            _argument(
                "-o",
                "--output",
                help="json: one line for each poll (default: %(default)s)",
                choices=("table", "json"),
                default="table",
            ),
            *_COMMON,
        ),
    ),
)


def get_tencent_ci_cli_commands() -> list[GroupCommand]:
    """Return the group for ``airflow`` (provider-info key ``cli``)."""
    return [GroupCommand(name=GROUP, help=HELP, subcommands=COMMANDS)]
