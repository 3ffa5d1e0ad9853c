#!/usr/bin/env python3
"""
Print the section of a version in CHANGELOG.md, as the text of its release.

    scripts/release_notes.py v0.1.0

Refuses a tag that is not the version in ``airflow_provider_tencent_ci/__init__.py``, and a version that is not in the
changelog or still marked unreleased. Needs nothing but Python: the release is checked before anything is installed.
"""

from __future__ import annotations

import re
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]

HEADING = re.compile(r"^## (?P<version>\S+) \((?P<date>[^)]+)\)$", re.MULTILINE)


class NotReleasable(Exception):
    """The tag, the version and the changelog do not agree; the message names the difference and the fix."""


def package_version(source: str) -> str:
    [found] = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return found


def notes(tag: str, version: str, changelog: str) -> str:
    """
    Return the section of ``version``, without its heading.

    :param tag: as pushed: ``v`` and the version.
    :raises NotReleasable: the version is not ready to be released.
    """
    if tag != f"v{version}":
        raise NotReleasable(f"The tag is {tag}, the package says {version}: tag v{version}, or set __version__.")
    heading = next((found for found in HEADING.finditer(changelog) if found["version"] == version), None)
    if heading is None:
        raise NotReleasable(f"CHANGELOG.md has no section '## {version} (<date>)': write it.")
    if not is_date(heading["date"]):
        raise NotReleasable(f"CHANGELOG.md says '{heading['date']}' of {version}: put the day of the release there.")
    following = HEADING.search(changelog, heading.end())
    text = changelog[heading.end() : following.start() if following else None].strip()
    if not text:
        raise NotReleasable(f"CHANGELOG.md says nothing of {version}: write what changed.")
    return text


def is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: scripts/release_notes.py <tag>", file=sys.stderr)
        return 2
    version = package_version((ROOT / "airflow_provider_tencent_ci" / "__init__.py").read_text("utf-8"))
    try:
        print(notes(arguments[0], version, (ROOT / "CHANGELOG.md").read_text("utf-8")))
    except NotReleasable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
