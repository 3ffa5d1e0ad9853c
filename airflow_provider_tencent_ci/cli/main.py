"""The command ``tencent-ci``: the same as ``airflow tencent-ci``, which Airflow before 3.2 cannot have."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from airflow_provider_tencent_ci import __version__
from airflow_provider_tencent_ci.cli.definition import COMMANDS, GROUP, get_tencent_ci_cli_commands

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """
    Run a command; it ends in ``SystemExit`` unless all is well.

    :param argv: the arguments; default: those of the process.
    """
    options = _parser().parse_args(argv)
    options.func(options)


def _parser() -> argparse.ArgumentParser:
    [group] = get_tencent_ci_cli_commands()
    parser = argparse.ArgumentParser(prog=GROUP, description=f"{group.help}.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        one = commands.add_parser(command.name, help=command.help, description=command.description or command.help)
        for argument in command.args:
            argument.add_to_parser(one)
        one.set_defaults(func=command.func)
    return parser
