"""
The nightly example DAG in a real Airflow, from start to end, with each step shown.

Against the emulator; or against the real service if ``AIRFLOW_CONN_TENCENT_CI_DEFAULT`` is set.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

try:
    from packaging.version import Version
    from showcase import interrupts
    from showcase.display import Display
    from showcase.emulated_service import new_emulator, point_dags_to, upload_media
    from showcase.failures import DemoFailed, Interrupted
    from showcase.following import Run, RunFollower
    from showcase.report import closing_words, print_batch
    from showcase.stack import AirflowStack, free_port
except ImportError as missing:
    sys.exit(f"{missing}: this Python has no Airflow with this package. Try: make demo")

if TYPE_CHECKING:
    from showcase.airflow_api import Interval

    from airflow_provider_tencent_ci.emulator import Emulator
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

OLDEST_AIRFLOW = "3.3"
CONNECTION_VARIABLE = "AIRFLOW_CONN_TENCENT_CI_DEFAULT"
WORKFLOW_VARIABLE = "TENCENT_CI_WORKFLOW_ID"
DAG_ID, SUBMIT_TASK_ID = "tencent_ci_nightly", "submit"
DAGS = Path(__file__).resolve().parents[1] / "example_dags"
UI_PORT = 8080
SETTINGS = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}  # for a user who explores the UI
NEXT_STEPS = "Next: `make ui` keeps this Airflow running, and docs/quick_start.md is a first DAG of your own."
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
            demonstrate(display, cleanup, with_ui=options.ui, more_files=options.files)
    except DemoFailed as failure:
        display.error(str(failure))
        return 1
    except Interrupted as interrupt:
        display.say("Interrupted. Everything that was started is stopped.")
        return 128 + interrupt.number
    return 0


def demonstrate(display: Display, cleanup: ExitStack, *, with_ui: bool, more_files: int = 0) -> None:
    """
    Start all components, run the DAG, show the result; with the UI, keep them until interrupted.

    :param cleanup: the stack of what to stop.
    :param more_files: files of the emulated batch besides the usual 40.
    :raises DemoFailed: a step failed.
    """
    check_airflow()
    emulator = start_service(display, cleanup)
    airflow = cleanup.enter_context(AirflowStack(DAGS, free_port(UI_PORT if with_ui else 0), SETTINGS))
    cleanup.callback(display.say, "Stopping everything …")
    hook = cleanup.enter_context(start_airflow(airflow, display))
    try:
        run_nightly(airflow, hook, emulator, display, more_files)
    except DemoFailed as failure:
        if not with_ui:
            raise
        display.error(str(failure))
    if with_ui:
        keep_running(airflow, display, emulator)
    else:
        display.paragraph(NEXT_STEPS)


def check_airflow() -> None:
    """Check that the environment's Airflow is supported by the demo."""
    installed = version("apache-airflow")
    if Version(installed) < Version(OLDEST_AIRFLOW):
        raise DemoFailed(f"The demo needs Airflow {OLDEST_AIRFLOW} or later, and this is {installed}. Try: make demo")


def start_service(display: Display, cleanup: ExitStack) -> Emulator | None:
    """Start the emulator, unless the environment has a connection to the real service."""
    if CONNECTION_VARIABLE in os.environ:
        if not os.environ.get(WORKFLOW_VARIABLE):
            raise DemoFailed(
                f"{CONNECTION_VARIABLE} is set, so the DAG is to run against the real service, and {WORKFLOW_VARIABLE} "
                "must say with which workflow."
            )
        display.say(f"No emulator: {CONNECTION_VARIABLE} names a service, which bills what it processes.")
        return None
    emulator = cleanup.enter_context(new_emulator())
    point_dags_to(emulator)
    display.say(f"The emulator of Cloud Infinite listens on {emulator.url}")
    return emulator


def start_airflow(airflow: AirflowStack, display: Display) -> TencentCIHook:
    """Start Airflow, and test the connection meanwhile; return the hook of the test."""
    display.say(f"Setting up Airflow {version('apache-airflow-core')} in {airflow.home} …")
    migration = airflow.begin_database()
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook  # reads Airflow's settings, now in place

    hook = TencentCIHook()
    works, message = hook.test_connection()
    if not works:
        raise DemoFailed(f"The connection does not work. {message}")
    display.say(f"The connection works: {hook.config.bucket} in {hook.config.region}")
    airflow.finish_database(migration)
    display.say("The database is ready. Starting API server, scheduler, DAG processor and triggerer …")
    airflow.start()
    airflow.wait_until_ready()
    airflow.api.log_in()
    display.say("Airflow is ready.")
    return hook


def run_nightly(
    airflow: AirflowStack, hook: TencentCIHook, emulator: Emulator | None, display: Display, more_files: int = 0
) -> None:
    """Run the DAG for the last night, and show the progress and the result."""
    interval = wait_for_dag(airflow)
    if emulator:
        display.say(
            f"Uploading {upload_media(emulator, interval, more_files):,} media files to {emulator.default_bucket}"
        )
    run = start_run(airflow, interval)
    display.say(f"Running {run.dag_id} for {interval.start:%Y-%m-%d %H:%M} to {interval.end:%Y-%m-%d %H:%M} UTC")
    workflow_id = os.environ[WORKFLOW_VARIABLE]
    follower = RunFollower(airflow.api, hook, run, workflow_id, display, ask_seconds=1.0 if emulator else 10.0)
    try:
        with display.counting():
            state = follower.follow(airflow.check, EMULATED_RUN_SECONDS if emulator else REAL_RUN_SECONDS)
    except Interrupted:
        if not emulator and follower.batch:
            display.say(
                f"Batch job {follower.batch.job.job_id} is not cancelled; it can be cancelled in the CI console."
            )
        raise
    if batch := follower.count_files():
        print_batch(display, batch)
    if state != "success" or not batch:
        raise DemoFailed(f"The DAG run ended as {state!r}; the reason is above.")
    display.paragraph(closing_words(batch, follower.seconds_in))


def wait_for_dag(airflow: AirflowStack) -> Interval:
    """Return the last complete data interval of the DAG, as soon as Airflow has read its file."""
    deadline = time.monotonic() + DAG_SECONDS
    while time.monotonic() < deadline:
        airflow.check()
        if interval := airflow.api.next_interval(DAG_ID):
            return interval
        time.sleep(0.3)
    raise DemoFailed("\n".join([f"Airflow has not found {DAG_ID} in {DAGS}.", *airflow.api.import_errors()]))


def start_run(airflow: AirflowStack, interval: Interval) -> Run:
    """
    Start a run in place of the scheduled one.

    Its own name makes a new batch: a run of the scheduler has the same name in each new Airflow, so a second
    demonstration against the real service would adopt the batch of the first.
    """
    run = Run(DAG_ID, f"demo__{datetime.now(UTC):%Y%m%dT%H%M%S}", SUBMIT_TASK_ID)
    airflow.api.trigger(run.dag_id, run.run_id, interval)
    airflow.api.unpause(run.dag_id)
    return run


def keep_running(airflow: AirflowStack, display: Display, emulator: Emulator | None) -> None:
    """Keep the UI running until interrupted."""
    display.paragraph(
        f"Airflow's web UI is at {airflow.url}, for everybody on this machine; there is no login.\n"
        "Try tencent_ci_fan_out (a batch for each of three prefixes), tencent_ci_nightly_one_task and "
        "tencent_ci_transcode. Browse, Tencent CI Jobs shows all batch jobs of the bucket.\n"
        "Ctrl-C stops everything."
    )
    if emulator:
        display.paragraph("In another terminal these lines list its jobs; show, tail and resubmit take a JobId:")
        display.verbatim(commands_for(emulator))
    try:
        while True:
            airflow.check()
            time.sleep(1.0)
    except Interrupted:
        return


def commands_for(emulator: Emulator) -> str:
    """Return two lines for a shell: the connection to the emulator, and a command that uses it."""
    command = Path(sys.executable).parent / "tencent-ci"
    return f"export {CONNECTION_VARIABLE}={shlex.quote(emulator.connection_json())}\n{shlex.quote(str(command))} list"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ui", action="store_true", help="keep Airflow and its web UI running afterwards")
    parser.add_argument(
        "--files",
        type=int,
        default=0,
        metavar="N",
        help="how many further files the emulated batch has, such as 5000",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
