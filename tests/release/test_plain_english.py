"""Prose is plain: no word that readers in a second language have to look up, no statement with a question word."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The page of errors is made from docstrings.
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "fuzz/README.md")),
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "errors.md"),
]
FOLDERS = ("airflow_provider_tencent_ci", "benchmarks", "example_dags", "fuzz", "scripts", "tests")
SCRIPTS = (
    *("check-chart-values", "check-claims", "check-search", "check-translations"),
    *("trace-job-id", "update-translations"),
    *("write-contract-docs", "write-error-docs", "write-example-docs", "write-metric-docs"),
)
MODULES = [
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))),
    *(ROOT / "scripts" / name for name in SCRIPTS),
    *sorted((ROOT / "airflow_provider_tencent_ci").rglob("*.js")),
    *sorted((ROOT / "docs" / "_static").glob("*.js")),
]

ODD = re.compile(
    r"\b(lest|anew|whoever|likewise|seldom|thrice|nevertheless|for good|what became of|what becomes of|"
    r"comes? to the same|gives way|sees? to it|in vain)\b",
    re.I,
)
# In code also: persons in place of things, and verbs with the wrong preposition.
ODD_IN_CODE = re.compile(
    rf"{ODD.pattern}|\b(nobody|somebody|of ours|rid(?:es?|den) out|ask(?:s|ing)? on|try(?:ing)? on|fail(?:s|ed)? of|"
    r"(?:came|comes?) of (?:it|that|a|an|the)|begin(?:s|ning)? anew)\b",
    re.I,
)
QUESTION_WORD = re.compile(r"(?:^|(?<=[.;:] ))(?:What|Whose|Who|Whom)\b[^?\n]*?(?:[.;:](?= |$)|$)", re.M)
# test_<thing>_<verb>_<condition>: a name that begins with a question word names no thing.
TEST_NAME = re.compile(
    r"test_(?:what|who|whose|whom|whoever)_|_(?:nobody|somebody|anew|whoever|likewise|seldom|ridden_out|rides_out|"
    r"left_alone|taken_for|comes_to_the_same|what_became_of)(?:_|$)"
)
_SCRIPT_COMMENT = re.compile(r"(?:^|\s)// (.*)$", re.M)
FENCED = re.compile(r"^ *```.*?^ *```$", re.M | re.S)
# A label of a message that the package sends, and a page's title.
ALLOWED = ("What to do:", "What happens when …")


def prose(path: Path) -> str:
    text = FENCED.sub("", path.read_text("utf-8"))
    for phrase in ALLOWED:
        text = text.replace(phrase, "")
    return re.sub(r"`[^`\n]*`", "`code`", text)


def prose_of_code(path: Path) -> list[str]:
    """Return the docstrings and comments of a module, each in one line and without code."""
    text = path.read_text("utf-8")
    parts = _SCRIPT_COMMENT.findall(text) if path.suffix == ".js" else (*_docstrings(text), *_comments(text))
    return [re.sub(r"``.*?``|`[^`]*`", "`code`", part) for part in parts]


def _docstrings(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield " ".join((ast.get_docstring(node) or "").split())


def _comments(text: str) -> Iterator[str]:
    comment, line = "", 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            words = token.string.lstrip("#: ")
            if token.start[0] == line + 1 and comment:
                comment = f"{comment} {words}"
            else:
                yield comment
                comment = words
            line = token.start[0]
    yield comment


def names_of_tests() -> Iterator[str]:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        yield from re.findall(r"def (test_\w+)", path.read_text("utf-8"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_uses_a_literary_word(path):
    assert ODD.findall(prose(path)) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_statement_begins_with_a_question_word(path):
    found = [match for match in QUESTION_WORD.findall(prose(path)) if not match.endswith("?")]
    assert [sentence for sentence in found if not sentence.endswith("?")] == []


def test_no_comment_or_docstring_uses_a_literary_word():
    found = [
        (path.relative_to(ROOT).as_posix(), match.group(), part[:120])
        for path in MODULES
        if path != Path(__file__)
        for part in prose_of_code(path)
        for match in ODD_IN_CODE.finditer(part)
    ]
    assert found == []


def test_no_comment_or_docstring_has_a_statement_with_a_question_word():
    found = [
        (path.relative_to(ROOT).as_posix(), sentence)
        for path in MODULES
        if path != Path(__file__)
        for part in prose_of_code(path)
        for sentence in QUESTION_WORD.findall(part)
        if not part[part.index(sentence) + len(sentence) :].lstrip().startswith("?") and "?" not in sentence
    ]
    assert found == []


def test_each_test_name_begins_with_a_thing():
    assert [name for name in names_of_tests() if TEST_NAME.search(name)] == []
