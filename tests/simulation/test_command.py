"""The command ``python -m tests.simulation`` and its processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import multiprocessing, runpy, sys
multiprocessing.set_start_method("forkserver")
runpy.run_module("tests.simulation", run_name="__main__", alter_sys=True)
"""


def test_the_command_runs_where_processes_are_not_forked_by_default():
    """On Linux from Python 3.14 on."""
    command = [sys.executable, "-c", SCRIPT, "--histories=2", "--processes=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("2 histories from seed 1")
    assert not done.stderr
