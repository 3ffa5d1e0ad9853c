"""The page on the commands names all commands and arguments, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider_tencent_ci.cli.definition import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")


def test_the_page_names_every_argument_and_no_other():
    flags = {flag for command in COMMANDS for argument in command.args for flag in argument.flags if flag[:2] == "--"}
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) == flags


def test_the_page_lists_the_commands_that_take_each_argument():
    for line in PAGE.splitlines():
        if found := re.match(r"\| (`-.*?) \| (.*?) \|", line):
            named = set(re.findall(r"`(\w+)`", found[2])) or {command.name for command in COMMANDS}
            for flag in re.findall(r"`(--[a-z-]+)`", found[1]):
                takers = {command.name for command in COMMANDS for one in command.args if flag in one.flags}
                assert takers == named, flag
