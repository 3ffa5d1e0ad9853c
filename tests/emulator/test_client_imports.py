"""The emulator shares four modules with the client and nothing else, so that a mistake in the client is noticed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_tencent_ci import emulator

PACKAGE = "airflow_provider_tencent_ci"
ALLOWED = {
    f"{PACKAGE}.core.wire.request_credentials",  # the key pair that signing takes
    f"{PACKAGE}.core.wire.signing",
    f"{PACKAGE}.core.wire.tc3",
    f"{PACKAGE}.core.wire.xml",
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_emulator_imports_only_signing_and_xml_of_the_client():
    files = list(Path(emulator.__file__).parent.rglob("*.py"))
    assert len(files) > 30
    modules = {module for path in files for module in imported(path) if module.startswith(PACKAGE)}
    assert {module for module in modules if not module.startswith(f"{PACKAGE}.emulator")} == ALLOWED
