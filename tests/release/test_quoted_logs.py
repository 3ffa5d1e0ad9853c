"""Log lines and messages that the docs quote exist in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("what_happens_when.md", "cancel.md")
# Lines of Airflow's own logs.
OF_AIRFLOW = ("finished with state success",)


def texts():
    """All texts of the package, with a gap for each inserted value."""
    found = []
    for path in (ROOT / "airflow_provider_tencent_ci").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%\.?\d*[sdrf]", "…", node.value))
            elif isinstance(node, ast.JoinedStr):
                found.append("".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values))
    return "\n".join(found)


@pytest.mark.parametrize("page", PAGES)
def test_quoted_lines_are_logged(page):
    written = texts()
    prose = re.sub(r"^```.*?^```$", "", (ROOT / "docs" / page).read_text("utf-8"), flags=re.M | re.S)
    quoted = re.findall(r'"([^"`|\n]{12,}?)"', prose)
    parts = {part.strip(" .") for line in quoted if not line.startswith(OF_AIRFLOW) for part in re.split("…", line)}
    assert parts
    assert {part for part in parts if part and part not in written} == set()
