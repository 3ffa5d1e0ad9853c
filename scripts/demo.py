"""
The nightly example DAG in a real Airflow, from start to end, with everything that happens on the way.

Against the emulator; or against the real service if ``AIRFLOW_CONN_TENCENT_CI_DEFAULT`` is set, see ``--help``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

try:
    from showcase import interrupts
    from showcase.display import Display
    from showcase.failures import DemoFailed, Interrupted
    from showcase.stack import HOST, UI_PORT, AirflowStack, free_port
except ImportError as missing:
    sys.exit(f"There is no Airflow 3 with this package in {sys.prefix} ({missing}). Try: make demo")

if TYPE_CHECKING:
    # At run time they are imported when Airflow's settings are in the environment.
    from airflow_provider_tencent_ci.emulator import Emulator
    from showcase.airflow_api import Interval
    from showcase.following import Run

CONNECTION_VARIABLE = "AIRFLOW_CONN_TENCENT_CI_DEFAULT"
WORKFLOW_VARIABLE = "TENCENT_CI_WORKFLOW_ID"
DAG_ID = "tencent_ci_nightly"
DAGS = Path(__file__).resolve().parents[1] / "example_dags"
DAG_SECONDS = 120.0
EMULATED_RUN_SECONDS = 600.0
REAL_RUN_SECONDS = 13 * 3600.0  # the DAG itself gives up after twelve hours


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration; return the exit status."""
    options = _parser().parse_args(argv)
    display = Display()
    interrupts.listen()
    try:
        with ExitStack() as cleanup:
            cleanup.callback(display.say, "Everything that was started is stopped.")
            demonstrate(display, cleanup, with_ui=options.ui)
    except DemoFailed as failure:
        display.error(str(failure))
        return 1
    except Interrupted as interrupt:
        return 128 + interrupt.number
    return 0
