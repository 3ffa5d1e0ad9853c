"""
Search for an answer of the service that breaks the reader, guided by code coverage.

Needs ``atheris`` and ``defusedxml``; see README.md. All arguments go to libFuzzer.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# The Python code of the XML and date parsers is covered, too; expat is C code without coverage.
INSTRUMENTED = ["airflow_provider_tencent_ci", "defusedxml", "xml", "email", "fuzz"]

with atheris.instrument_imports(include=INSTRUMENTED):
    from fuzz.answers import check


def main() -> None:
    """Run until libFuzzer's limits are reached, or there is a finding."""
    # A merge restarts itself through a shell, by its first word.
    itself = shlex.join([sys.executable, sys.argv[0]])
    atheris.Setup([itself, *sys.argv[1:]], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
