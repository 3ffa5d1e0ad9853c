"""Each claim of the pages on behaviour has its test named beside it, and the check detects each that has none."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "check-claims"))
TESTS = "tests/runs/test_a.py"
NAMED = f"<!-- tests: {TESTS}::test_b -->"


@pytest.mark.parametrize("name", SCRIPT["PAGES"])
def test_each_claim_has_a_test(name):
    assert SCRIPT["check"](ROOT / "docs" / name) == []


@pytest.mark.parametrize("name", SCRIPT["PAGES"])
def test_most_of_a_page_is_claims_with_tests(name):
    parts = [part for _, part in SCRIPT["parts_of"]((ROOT / "docs" / name).read_text("utf-8"))]
    without = [part for part in parts if "<!-- no claim: " in part]
    assert len(without) < len(parts) / 3, without


def test_make_docs_checks_the_claims():
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\ndocs:")[2].partition("\n\n")[0]
    assert "scripts/check-claims\n" in recipe


@pytest.fixture
def faults(tmp_path):
    """Check a page of this text, beside one file of tests."""
    file = tmp_path / TESTS
    file.parent.mkdir(parents=True)
    file.write_text("def test_b():\n    pass\n\n\nclass Group:\n    async def test_c(self):\n        pass\n")
    (tmp_path / "tests" / "helpers.py").write_text("def helper():\n    pass\n")

    def check(text):
        (tmp_path / "page.md").write_text(text, "utf-8")
        return SCRIPT["check"](tmp_path / "page.md", tmp_path)

    return check


TABLE = "| event | result |{head}\n| --- | --- |\n| one | it ends |{first}\n| two | it goes on |{second}\n"
ROW = f" {NAMED} |"


@pytest.mark.parametrize(
    "page",
    [
        f"# Title\n\nThe job ends.\n{NAMED}\n",
        f"The job ends. (`{TESTS}`)\n",
        f"The job\nends.\n<!-- tests: {TESTS}::test_b, {TESTS}::test_c -->\n\n![A picture](a.png)\n",
        f"* One.\n  {NAMED}\n* Two.\n  {NAMED}\n\n1. Three.\n   {NAMED}\n",
        "The [DAG](a.py):\n<!-- no claim: reference -->\n\n<!-- a.py -->\n```python\ndag()\n```\n\n(From [a](a.py).)\n",
        f"* One:\n  {NAMED}\n\n  <!-- a.sh -->\n  ```shell\n  run\n  ```\n",
        TABLE.format(head="", first=ROW, second=ROW),
        TABLE.format(head=ROW, first="", second=""),
        "Run this.\n<!-- no claim: instruction -->\n",
        "We assume that it ends.\n<!-- no claim: not tested -->\n",
    ],
)
def test_a_page_with_names_passes(faults, page):
    assert faults(page) == []


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("The job ends.\n", ["page.md:1: no test is named: The job ends."]),
        (f"One.\n{NAMED}\n\nTwo.\n", ["page.md:4: no test is named: Two."]),
        (f"One.\n\n{NAMED}\n", ["page.md:1: no test is named: One."]),
        ("Text:\n* One.\n", ["page.md:1: no test is named: Text:", "page.md:2: no test is named: * One."]),
        (f"* One.\n  {NAMED}\n* Two.\n", ["page.md:3: no test is named: * Two."]),
        ("# Title\nThe job ends.\n", ["page.md:2: no test is named: The job ends."]),
        ("```shell\nrun\n```\nIt ends.\n", ["page.md:4: no test is named: It ends."]),
        (TABLE.format(head="", first=ROW, second=""), ["page.md:4: no test is named: | two | it goes on |"]),
        (f"One.\n<!-- tests: {TESTS}::test_x -->\n", [f"page.md:1: there is no test {TESTS}::test_x: One."]),
        (f"One.\n<!-- tests: {TESTS} -->\n", [f"page.md:1: '{TESTS}' is not the name of a test"]),
        ("One.\n<!-- tests: tests/no.py::test_b -->\n", ["page.md:1: there is no test tests/no.py::test_b"]),
        ("One.\n<!-- tests:  -->\n", ["page.md:1: '' is not the name of a test"]),
        ("One. (`tests/no.py`)\n", ["page.md:1: tests/no.py has no test"]),
        ("One. (`tests/helpers.py`)\n", ["page.md:1: tests/helpers.py has no test"]),
        (f"One. (`{TESTS}`)\n<!-- tests: {TESTS}::x -->\n", [f"page.md:1: '{TESTS}::x' is not the name of a test"]),
        ("One.\n<!-- no claim: easy -->\n", ["page.md:1: 'easy' is none of the reasons"]),
        ("One.\n<!-- no claim -->\n", ["page.md:1: no test is named"]),
        ("See there.\n<!-- no claim: reference -->\n", ["page.md:1: a reference has no link"]),
        ("It ends.\n<!-- no claim: not tested -->\n", ["page.md:1: the text does not say"]),
    ],
)
def test_a_claim_without_a_test_is_found(faults, page, found):
    lines = faults(page)
    assert len(lines) == len(found)
    assert [line.startswith(start) for line, start in zip(lines, found, strict=True)] == [True] * len(found), lines
