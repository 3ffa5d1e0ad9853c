"""Comments cite pages of ``docs/`` and their numbered sections: each page and each section exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PLACES = ("airflow_provider_tencent_ci", "benchmarks", "example_dags", "fuzz", "scripts", "tests")
SOURCES = [path for place in PLACES for path in sorted((ROOT / place).rglob("*.py"))]

NUMBER = r"\d+(?:\.\d+)?"
CITATION = re.compile(rf"docs/(\w+\.md),\s+(?:section\s+)?({NUMBER})(?:,?\s+(?:to|and)\s+({NUMBER}))?")
HEADING = re.compile(rf"^#+ ({NUMBER})\.? |^(\d+)\. ", re.M)


def cited():
    """Each cited section as page and number, with the first file that cites it."""
    found = {}
    for path in SOURCES:
        for page, first, last in CITATION.findall(path.read_text("utf-8").replace("\n#", "\n")):
            for number in filter(None, (first, last)):
                found.setdefault((page, number), path.relative_to(ROOT).as_posix())
    return found


def sections(page):
    """The numbers of a page's sections; a numbered list in section 11 has the numbers 11.1, 11.2, and so on."""
    found, section = set(), ""
    for heading, item in HEADING.findall((DOCS / page).read_text("utf-8")):
        section = heading or section
        found.add(heading or f"{section}.{item}")
    return found


@pytest.mark.parametrize("page", ["service.md", "airflow.md"])
def test_every_cited_section_exists(page):
    there = sections(page)
    missing = {number: path for (named, number), path in cited().items() if named == page and number not in there}
    assert missing == {}
    assert any(named == page for named, _ in cited())


def test_only_pages_with_numbered_sections_are_cited_by_number():
    assert {page for page, _ in cited()} == {"service.md", "airflow.md"}


@pytest.mark.parametrize("page", ["service.md", "airflow.md"])
def test_numbers_of_sections_are_unique(page):
    numbers = re.findall(rf"^#+ ({NUMBER})\.? ", (DOCS / page).read_text("utf-8"), re.M)
    assert len(numbers) == len(set(numbers)) > 10


def test_every_page_that_code_names_exists():
    named = {page for path in SOURCES for page in re.findall(r"docs/(\w+\.md)", path.read_text("utf-8"))}
    examples = {"ui.md"}  # tests/release/test_distributions.py: a link that is made up
    assert {page for page in named - examples if not (DOCS / page).exists()} == set()
