"""The command ``tencent-ci``, the same as ``airflow tencent-ci``: Airflow before 3.2 has no commands of providers."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from airflow_provider_tencent_ci import __version__
from airflow_provider_tencent_ci.cli.streams import output_apart

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """
    Run a command; it raises ``SystemExit`` after an error.

    :param argv: the arguments; default: those of the process.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if not {"-v", "--verbose"} & {*arguments}:
        # Read when Airflow is imported. Airflow warns about the name of this connection type each time that it reads a
        # connection.
        os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
    with output_apart():
        parser = _parser()
    options = parser.parse_args(arguments)
    options.func(options)


def _parser() -> argparse.ArgumentParser:
    from airflow_provider_tencent_ci.cli.definition import COMMANDS, GROUP, HELP

    parser = argparse.ArgumentParser(prog=GROUP, description=f"{HELP}.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        one = commands.add_parser(command.name, help=command.help, description=command.description or command.help)
        for argument in command.args:
            argument.add_to_parser(one)
        one.set_defaults(func=command.func)
    return parser
