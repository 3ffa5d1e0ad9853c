"""There is one version, and only a tag with the same version is released."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import release_notes
from release_notes import NotReleasable, notes

from airflow_provider_tencent_ci import __version__

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")

TWO_VERSIONS = """\
# Changelog

## 1.1.0 (2026-12-24)

### Features

- One.

## 1.0.0 (2026-12-01)

First.
"""

# Records of measurements with an older version; a new version does not change them.
RECORDS = ("docs/benchmarks", "docs/locale/zh_CN/LC_MESSAGES/benchmarks.po", "CHANGELOG.md")


def test_the_changelog_has_a_section_for_this_version():
    [first, *_] = release_notes.HEADING.finditer(CHANGELOG)
    assert first["version"] == __version__
    assert first["date"] == "unreleased" or release_notes.is_date(first["date"])


def test_every_section_of_the_changelog_is_found():
    assert len(re.findall(r"^## ", CHANGELOG, re.MULTILINE)) == len(release_notes.HEADING.findall(CHANGELOG))


@pytest.mark.parametrize(
    ("version", "text"), [("1.1.0", "### Features\n\n- One."), ("1.0.0", "First.")], ids=["newest", "oldest"]
)
def test_the_notes_of_a_release_are_its_section(version, text):
    assert notes(f"v{version}", version, TWO_VERSIONS) == text


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "complaint"),
    [
        ("v1.0.1", "1.0.0", TWO_VERSIONS, "The tag is v1.0.1, the package says 1.0.0"),
        ("1.0.0", "1.0.0", TWO_VERSIONS, "tag v1.0.0"),
        ("v1.0.0rc1", "1.0.0", TWO_VERSIONS, "The tag is v1.0.0rc1"),
        ("v1.2.0", "1.2.0", TWO_VERSIONS, "no section '## 1.2.0"),
        ("v1.0", "1.0", TWO_VERSIONS, "no section '## 1.0 ("),
        ("v2.0.0", "2.0.0", "## 2.0.0 (unreleased)\n\n- Two.\n", "says 'unreleased' of 2.0.0"),
        ("v2.0.0", "2.0.0", "## 2.0.0 (2026-13-01)\n\n- Two.\n", "says '2026-13-01' of 2.0.0"),
        ("v2.0.0", "2.0.0", "## 2.0.0 (2026-12-31)\n\n" + TWO_VERSIONS[12:], "says nothing of 2.0.0"),
    ],
)
def test_an_inconsistent_version_is_not_released(tag, version, changelog, complaint):
    with pytest.raises(NotReleasable, match=re.escape(complaint)):
        notes(tag, version, changelog)


@pytest.mark.parametrize("arguments", [["v0.0.0"], [], ["v1", "v2"]])
def test_the_command_fails_for_a_version_that_cannot_be_released(arguments):
    command = [sys.executable, ROOT / "scripts" / "release_notes.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert not done.stdout
    assert done.stderr.strip()


def test_the_version_is_defined_in_one_place():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    if tracked.returncode:
        pytest.skip("needs a checkout: only git knows which files belong to the project")
    # Other packages may have the same number: a line counts only if it names this package, or "the" version.
    ours = re.compile(r"version_*\s*[=:]|airflow[-_]provider[-_]tencent[-_]ci", re.IGNORECASE)
    number = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.]|rc)")
    repeated = [
        f"{name}: {line.strip()}"
        for name in tracked.stdout.splitlines()
        if not name.startswith((*RECORDS, "constraints/")) and (ROOT / name).is_file()
        for line in (ROOT / name).read_text("utf-8", errors="ignore").splitlines()
        if ours.search(line) and number.search(line)
    ]
    assert repeated == [f'airflow_provider_tencent_ci/__init__.py: __version__ = "{__version__}"']
