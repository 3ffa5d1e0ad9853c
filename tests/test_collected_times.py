"""
No test uses a time or a signature from the collection of the tests.

A signature is valid for some minutes, and all tests may take longer than that on a busy machine.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
AGES = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "sign", "sign_time", "signed_headers", "service_time"}


def calls_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that run when a module is imported: those in decorators and defaults, but not in functions."""
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    else:
        parts = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        yield node
    for part in parts:
        yield from calls_at_import(part)


def name_of(call: ast.Call) -> str:
    called = call.func
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def ageing(source: str) -> list[int]:
    return [call.lineno for call in calls_at_import(ast.parse(source)) if name_of(call) in AGES]


def test_time_dependent_values_are_made_when_a_test_runs():
    found = {
        str(path.relative_to(TESTS)): lines
        for path in sorted(TESTS.rglob("*.py"))
        if (lines := ageing(path.read_text("utf-8")))
    }
    assert found == {}


def test_values_made_at_collection_are_detected():
    assert ageing("NOW = datetime.now(UTC)") == [1]
    assert ageing("@parametrize('headers', [\n sign(request)])\ndef test(headers): pass") == [2]
    assert ageing("def test(at=time.time()): pass") == [1]
    assert ageing("clock = lambda: datetime.now(UTC)\ndef test():\n    sign(request)") == []
