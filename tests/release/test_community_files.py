"""The files that GitHub shows to reporters, contributors and security researchers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/airflow-provider-tencent-ci/airflow-provider-tencent-ci"
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
PAGES = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md",
    *sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_target_of_a_page_exists(page):
    text = page.read_text("utf-8")
    ours = [*re.findall(r"\]\((?!https?:)([^)#]+)", text), *re.findall(rf"{REPOSITORY}/blob/main/([^\s)#]+)", text)]
    for target in ours:
        assert (ROOT / target.removeprefix("../blob/main/")).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_make_target_that_a_page_names_exists(page):
    named = re.findall(r"(?:^|`)make ([a-z -]+)", page.read_text("utf-8"), re.MULTILINE)
    for target in {word for words in named for word in words.split(" ") if word}:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_each_place_that_contributing_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    places = re.findall(
        r"`((?:airflow_provider_tencent_ci|scripts|docs|\.github|\.ci|tests|benchmarks)/[\w./-]*)`", text
    )
    assert len(places) > 10
    for place in places:
        assert (ROOT / place).exists(), place
