"""The command: its messages about missing settings, and its reaction to signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from tests.live.__main__ import main
from tests.live.emulated import VALUES, furnish
from tests.live.settings import CONNECTION_VARIABLE, VARIABLES

ROOT = Path(__file__).resolve().parents[2]
LONG = 90.0


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def service() -> Iterator[Emulator]:
    """An emulator with this machine's clock."""
    with Emulator(submitted_seconds=0.2, run_seconds=3600) as emulator:
        furnish(emulator)
        yield emulator


@pytest.fixture
def environment(service: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the variables, all or only some of them."""

    def environment(*names: str) -> None:
        for variable in (CONNECTION_VARIABLE, *(variable for variable, _ in VARIABLES.values())):
            monkeypatch.delenv(variable, raising=False)
        for name in names:
            if name == "connection":
                monkeypatch.setenv(CONNECTION_VARIABLE, service.connection_json())
            else:
                monkeypatch.setenv(VARIABLES[name][0], VALUES[name])

    return environment


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((), ["TENCENT_CI_WORKFLOW_ID", "TENCENT_CI_OBJECT_KEY", CONNECTION_VARIABLE]),
        (("connection",), ["TENCENT_CI_WORKFLOW_ID", "TENCENT_CI_OBJECT_KEY"]),
        (("connection", "workflow_id"), ["TENCENT_CI_OBJECT_KEY"]),
        (("workflow_id", "object_key"), [CONNECTION_VARIABLE]),
    ],
)
def test_a_missing_setting_is_named_and_nothing_is_sent(
    environment: Callable[..., None], service: Emulator, capsys: pytest.CaptureFixture[str], given, named: list[str]
) -> None:
    environment(*given)
    assert main(["--yes"]) == 1
    said = capsys.readouterr().out
    every = ["TENCENT_CI_WORKFLOW_ID", "TENCENT_CI_OBJECT_KEY", CONNECTION_VARIABLE]
    assert [name for name in every if name in said] == named
    assert "docs/live_check.md" in said
    assert not service.count("create")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Nothing was submitted. Agree to it with --yes"),
        (["--yes", "--only", "7,24"], "There is no question 24; there are 1 to 23."),
        (["--yes", "--output", "/no/such/place"], "The report cannot be written to /no/such/place"),
        (["--yes", "--connection-file", "/no/such/file"], "The connection cannot be read"),
    ],
)
def test_without_consent_or_with_wrong_arguments_nothing_is_submitted(
    environment: Callable[..., None],
    service: Emulator,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    environment("connection", "workflow_id", "object_key")
    assert main(arguments) == 1
    assert says in capsys.readouterr().out
    assert not service.count("create")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "status", "submissions"), [("yes\n", 0, 1), ("y\n", 1, 0), ("\n", 1, 0), ("", 1, 0)])
def test_on_a_terminal_the_check_starts_only_after_yes(
    environment: Callable[..., None],
    service: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    typed: str,
    status: int,
    submissions: int,
) -> None:
    environment("connection", "workflow_id", "object_key")
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert main(["--only", "15", "--output", str(tmp_path)]) == status
    assert service.count("create") == submissions


def test_the_worst_case_is_printed_before_the_start(
    environment: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    environment("connection", "workflow_id", "object_key")
    assert main([]) == 1
    assert "Questions: 23. Jobs, at most: 12. Files that they process, at most: 6" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("job", "says"),
    [("{", "TENCENT_CI_JOB is no JSON."), ("{}", "TENCENT_CI_JOB: job needs Tag"), ("[]", "job needs Tag")],
)
def test_an_invalid_job_is_refused(
    environment: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    job: str,
    says: str,
) -> None:
    environment("connection", "workflow_id", "object_key")
    monkeypatch.setenv("TENCENT_CI_JOB", job)
    assert main(["--yes"]) == 1
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TENCENT_CI_WORKFLOW_ID", "w1,w2", "'w1,w2' is not the id of a workflow"),
        ("TENCENT_CI_OBJECT_KEY", "/", "begins with a slash"),
        ("TENCENT_CI_LIST_KEY", "/list", "begins with a slash"),
    ],
)
def test_a_job_for_many_objects_or_workflows_is_refused(
    environment: Callable[..., None],
    service: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    says: str,
) -> None:
    environment("connection", "workflow_id", "object_key")
    monkeypatch.setenv(variable, value)
    assert main(["--yes"]) == 1
    assert says in capsys.readouterr().out
    assert not service.count("create")


def test_a_broken_connection_ends_the_check_before_any_submission(
    environment: Callable[..., None],
    service: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment("connection", "workflow_id", "object_key")
    monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(service.connection() | {"password": "another"}))
    assert main(["--yes"]) == 1
    assert "The connection tencent_ci_default does not work." in capsys.readouterr().out
    assert not service.count("create")


def test_a_connection_may_come_from_a_file(
    environment: Callable[..., None], service: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment("workflow_id", "object_key")
    monkeypatch.setenv(CONNECTION_VARIABLE, "")  # so that it is restored at the end
    file = tmp_path / "connection.json"
    file.write_text(service.connection_json())
    assert main(["--yes", "--only", "10", "--connection-file", str(file), "--output", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("live-report-*"))) == 2


def test_sweep_needs_only_the_connection(environment: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    environment("connection")
    assert main(["--sweep"]) == 0
    assert "No job of an earlier run lives." in capsys.readouterr().out


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.live", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "scripts"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_jobs_and_the_report_is_written(
    environment: Callable[..., None], service: Emulator, tmp_path: Path, number: int
) -> None:
    environment("connection", "workflow_id", "object_key")
    service.configure(cancel_seconds=1.5)
    process = start("--yes", "--output", str(tmp_path))
    _until(lambda: service.count("create") >= 3)
    process.send_signal(number)
    _until(lambda: service.count("cancel") >= 1)
    process.send_signal(number)  # a further signal has to wait until the jobs have ended
    said, _ = process.communicate(timeout=LONG)
    assert process.returncode == 128 + number, said
    assert {job.state for job in service.jobs} == {"Cancel"}
    [report] = tmp_path.glob("live-report-*.md")
    assert f"Ended early: interrupted by signal {number:d}" in report.read_text()


@pytest.mark.slow
def test_sweep_cancels_the_jobs_of_a_killed_run(
    environment: Callable[..., None], service: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment("connection", "workflow_id", "object_key")
    process = start("--yes", "--output", str(tmp_path))
    _until(lambda: service.count("create") >= 3)
    process.kill()
    process.communicate(timeout=LONG)
    assert {job.state for job in service.jobs} & {"Submitted", "Running"}
    assert main(["--sweep"]) == 0
    assert {job.state for job in service.jobs} == {"Cancel"}


@pytest.mark.slow
def test_the_whole_check_runs_against_its_own_emulator(tmp_path: Path) -> None:
    process = start("--emulator", "--output", str(tmp_path))
    said, _ = process.communicate(timeout=LONG)
    assert process.returncode == 0, said
    [values] = tmp_path.glob("live-report-*.json")
    assert sum(json.loads(values.read_text())["verdicts"].values()) == 23


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
