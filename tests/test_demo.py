"""The parts of ``make demo`` that a successful run does not execute; CI runs the whole demo."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import demo
import psutil
import pytest
from rich.console import Console
from showcase import components, interrupts
from showcase.airflow_api import Interval
from showcase.components import Component
from showcase.display import Display
from showcase.emulated_service import new_emulator, upload_media
from showcase.failures import DemoFailed, Interrupted
from showcase.stack import HOST, free_port

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts

# Starts a child in a process group of its own, as Airflow does for tasks; both ignore SIGTERM.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
    print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def output() -> StringIO:
    return StringIO()


@pytest.fixture
def display(output: StringIO) -> Display:
    return Display(Console(file=output, width=80, force_terminal=False))


@pytest.fixture
def signals() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    interrupts.listen()
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def component(tmp_path: Path, script: str) -> Component:
    log = tmp_path / "scheduler.log"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=log.open("wb"), start_new_session=True)
    return Component("scheduler", process, log)


def test_a_failure_prints_one_readable_line_and_sets_an_exit_status() -> None:
    environment = os.environ | {"AIRFLOW_CONN_TENCENT_CI_DEFAULT": "{}", "TENCENT_CI_WORKFLOW_ID": ""}
    finished = subprocess.run([sys.executable, demo.__file__], env=environment, capture_output=True, text=True)
    assert finished.returncode == 1
    assert len(finished.stdout.splitlines()) == 1
    assert not finished.stderr


def test_the_real_service_needs_a_workflow(display: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", "{}")
    monkeypatch.delenv("TENCENT_CI_WORKFLOW_ID", raising=False)
    with pytest.raises(DemoFailed, match="TENCENT_CI_WORKFLOW_ID must say"):
        demo.start_service(display, ExitStack())


def test_plain_output_has_lines_without_control_characters(display: Display, output: StringIO) -> None:
    with display.counting():
        display.change("wait", "", "queued")
        display.change("wait", "queued", "running")
        display.error("An error of more than eighty characters is left in one line, [as it is], for others to break.")
        display.count(1, 2, 40)
    lines = [line.split(" s  ", 1)[1] for line in output.getvalue().splitlines()]
    assert lines == [
        "  wait: queued",
        "  wait: queued → running",
        "An error of more than eighty characters is left in one line, [as it is], for others to break.",
        "  files: 1 done, 2 failed, of 40",
    ]
    assert "\x1b" not in output.getvalue()


def test_plain_counts_are_printed_at_long_intervals_and_once_at_the_end(display: Display, output: StringIO) -> None:
    for done in range(39):
        display.count(done, 1, 39)
    display.count(38, 1, 39)
    assert [line.split("files: ")[1] for line in output.getvalue().splitlines()] == [
        "0 done, 1 failed, of 39",
        "38 done, 1 failed, of 39",
    ]


def test_an_ended_component_fails_the_demo_with_the_end_of_its_log(tmp_path: Path) -> None:
    scheduler = component(tmp_path, "print('no database'); raise SystemExit(3)")
    scheduler.process.wait()
    with pytest.raises(DemoFailed, match=r"airflow scheduler ended with status 3.*\n  no database"):
        scheduler.check()


def test_everything_in_the_session_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_STOP_SECONDS", 0.2)
    scheduler = component(tmp_path, STUBBORN)
    while not (child := scheduler.log.read_text().strip()):
        scheduler.check()
    components.stop_all([scheduler])
    assert scheduler.process.returncode == -signal.SIGKILL
    assert not psutil.pid_exists(int(child)) or psutil.Process(int(child)).status() == psutil.STATUS_ZOMBIE


@pytest.mark.usefixtures("signals")
def test_a_held_signal_waits() -> None:
    steps = []

    def work() -> None:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("went on")
        steps.append("not reached")

    with pytest.raises(Interrupted):
        work()
    assert steps == ["went on"]


def test_the_printed_lines_reach_the_emulator_from_another_shell(display: Display, output: StringIO) -> None:
    with new_emulator() as emulator:
        display.verbatim(demo.commands_for(emulator))
        shell = f"set -e\n{output.getvalue()}"
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert emulator.count("list") == 1


def test_all_files_are_uploaded_in_the_interval() -> None:
    interval = Interval(datetime(2026, 1, 1, 18, tzinfo=UTC), datetime(2026, 1, 2, 18, tzinfo=UTC))
    emulator = new_emulator()
    assert upload_media(emulator, interval) == 40
    uploads = [stored.last_modified_at for stored in emulator.bucket().objects.values()]
    assert len(uploads) == 40
    assert interval.start < min(uploads) < interval.start + timedelta(hours=1)
    assert interval.end - timedelta(hours=1) < max(uploads) < interval.end


def test_an_occupied_port_is_not_used() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def ended_job() -> InventoryJob:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return InventoryJob("b1", state=JobState.SUCCESS, operation={"WorkflowIds": "w1"}, end_time=at)


def test_the_count_at_the_end_has_a_bar_on_a_terminal() -> None:
    output = StringIO()
    display = Display(Console(file=output, width=120, force_terminal=True, _environ={"TERM": "xterm"}))
    with display.counting_all(ended_job()) as observe:
        observe(SimpleNamespace(so_far=FileCounts(succeeded=1_200), covered=timedelta()))
    assert "Counting the files of batch job b1:" in output.getvalue()
    assert "━" in output.getvalue()
    assert "1,200" in output.getvalue()


def test_the_count_at_the_end_has_no_bar_in_a_pipe(display: Display, output: StringIO) -> None:
    with display.counting_all(ended_job()) as observe:
        observe(SimpleNamespace(so_far=FileCounts(succeeded=1_200), covered=timedelta()))
    assert not output.getvalue()


def test_a_number_that_is_not_exact_says_so(display: Display, output: StringIO) -> None:
    display.count(900, 100, 100_000, "about ")
    assert output.getvalue().strip().endswith("files: about 900 done, 100 failed, of 100,000")


def test_a_larger_batch_has_more_files() -> None:
    interval = Interval(datetime(2026, 1, 1, 18, tzinfo=UTC), datetime(2026, 1, 2, 18, tzinfo=UTC))
    emulator = new_emulator()
    assert upload_media(emulator, interval, 1_000) == 1_040
    assert len(emulator.bucket().objects) == 1_040
