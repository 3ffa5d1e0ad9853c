"""
Look for an answer of the service that the reader does not stand, guided by what the code does with it.

Needs ``atheris`` and ``defusedxml``; see README.md. All arguments go to libFuzzer.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# The parser's own Python and the date's are followed, too: expat below them is C and tells nothing.
INSTRUMENTED = ["airflow_provider_tencent_ci", "defusedxml", "xml", "email", "fuzz"]

with atheris.instrument_imports(include=INSTRUMENTED):
    from fuzz.answers import check


def main() -> None:
    """Run until libFuzzer's arguments say stop, or something is found."""
    # A merge starts itself anew through a shell, by its first word.
    itself = shlex.join([sys.executable, sys.argv[0]])
    atheris.Setup([itself, *sys.argv[1:]], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
