"""Prose is plain: no word that readers in a second language have to look up, no statement with a question word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The page of errors is made from docstrings.
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "fuzz/README.md")),
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "errors.md"),
]

ODD = re.compile(
    r"\b(lest|anew|whoever|likewise|seldom|thrice|nevertheless|for good|what became of|what becomes of|"
    r"comes? to the same|gives way|sees to it|in vain)\b",
    re.I,
)
QUESTION_WORD = re.compile(r"(?:^|(?<=[.;:] ))(?:What|Whose|Who|Whom)\b[^?\n]*?(?:[.;:](?= |$)|$)", re.M)
FENCED = re.compile(r"^ *```.*?^ *```$", re.M | re.S)
# A label of a message that the package sends, and a page's title.
ALLOWED = ("What to do:", "What happens when …")


def prose(path):
    text = FENCED.sub("", path.read_text("utf-8"))
    for phrase in ALLOWED:
        text = text.replace(phrase, "")
    return re.sub(r"`[^`\n]*`", "`code`", text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_uses_a_literary_word(path):
    assert ODD.findall(prose(path)) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_statement_begins_with_a_question_word(path):
    found = [match for match in QUESTION_WORD.findall(prose(path)) if not match.endswith("?")]
    assert [sentence for sentence in found if not sentence.endswith("?")] == []
