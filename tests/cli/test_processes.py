"""The commands as a shell starts them: by ``airflow``, by their own script, in a pipe, on a terminal."""

from __future__ import annotations

import errno
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_KEY, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.runs.dag_test import migrate_database

SCRIPT = str(Path(sys.executable).with_name("tencent-ci"))
SECONDS = 120


@pytest.fixture(scope="module", autouse=True)
def airflow_database():
    migrate_database()


def ran(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command], capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.skipif(airflow_version < "3.2", reason="older versions take no commands of a provider")
def test_airflow_offers_the_commands(emulator, job_id):
    done = ran(sys.executable, "-m", "airflow", "tencent-ci", "list", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert job_id in done.stdout
    assert "tencent" not in done.stderr.lower()


@pytest.mark.skipif(airflow_version < "3.2", reason="older versions take no commands of a provider")
def test_airflow_s_other_commands_load_nothing_but_the_definition():
    code = (
        "import json, sys, airflow.cli.cli_parser;"
        "print(json.dumps([name for name in sys.modules if name.startswith('airflow_provider_tencent_ci.')]))"
    )
    loaded = ran(sys.executable, "-c", code).stdout.splitlines()[-1]
    own = "airflow_provider_tencent_ci."
    assert sorted(json.loads(loaded)) == [own + "cli", own + "cli.definition", own + "provider_info"]


def test_the_script_finds_connections_in_the_database_and_prints_nothing_but_records(emulator, monkeypatch, job_id):
    monkeypatch.delenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT")
    airflow = (sys.executable, "-m", "airflow", "connections")
    added = ran(*airflow, "add", "kept", "--conn-json", emulator.connection_json())
    assert added.returncode == 0, added.stderr
    done = ran(SCRIPT, "list", "--conn-id", "kept", "--output", "json")
    assert ran(*airflow, "delete", "kept").returncode == 0  # other tests of this process share the database
    assert [job["JobId"] for job in json.loads(done.stdout)] == [job_id], done.stderr
    assert SECRET_KEY not in done.stderr


def test_help_goes_to_stdout(emulator):
    done = ran(SCRIPT, "tail", "--help")
    assert done.returncode == 0
    assert "Ctrl-C stops following" in " ".join(done.stdout.split())


def test_a_closed_pipe_is_not_an_error(emulator, job_id):
    process = subprocess.Popen([SCRIPT, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    process.stdout.close()
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "Traceback" not in err


class Terminal:
    """A command on a terminal of its own, 120 columns wide."""

    def __init__(self, *command: str) -> None:
        self._ends_at = time.monotonic() + SECONDS
        self.shown = ""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background process does not get Ctrl-C
            os.environ.update(COLUMNS="120", TERM="xterm")
            os.execv(command[0], command)  # noqa: S606

    def read_until(self, text: str) -> None:
        """Read until it shows a text."""
        while text not in self.shown:
            assert self._read(), f"ended without {text!r}: {self.shown}"

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._terminal, b"\x03")

    def end(self) -> int:
        """Read to the end; return the exit status."""
        while self._read():
            pass
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], max(0, self._ends_at - time.monotonic()))[0]:
            os.kill(self._pid, signal.SIGKILL)
            raise TimeoutError(self.shown)
        try:
            data = os.read(self._terminal, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # how a terminal reports that the writer has closed it
                raise
            data = b""
        self.shown += data.decode("utf-8", "replace")
        return bool(data)


def submitted() -> str:
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name="long", workflow_ids=WORKFLOW_ID, prefix="media/").job_id


def test_a_terminal_shows_a_progress_bar(emulator):
    emulator.configure(run_seconds=3600)
    job_id = submitted()
    terminal = Terminal(SCRIPT, "tail", job_id, "--poll-interval", "1")
    terminal.read_until("━")
    terminal.read_until("not done")
    emulator.finish_job(job_id)  # not earlier: a busy machine starts the process slowly
    terminal.read_until("succeeded")
    assert terminal.end() == 0
    assert "Success after" in terminal.shown


def counted_slowly(emulator) -> str:
    """A job of 2,500 files that has ended; a page of its list takes a tenth of a second."""
    emulator.configure(submitted_seconds=0, run_seconds=0)
    emulator.add_objects(count=2_500, prefix="many/")
    with TencentCIHook() as hook:
        job_id = hook.trigger_inventory_job(name="many", workflow_ids=WORKFLOW_ID, prefix="many/").job_id
    emulator.advance(10)
    emulator.inject(Fault("hang", operation="executions", times=None, seconds=0.1))
    return job_id


def test_a_count_of_all_files_shows_a_bar_on_a_terminal(emulator):
    job_id = counted_slowly(emulator)
    terminal = Terminal(SCRIPT, "show", job_id, "--exact", "--failed-files", "0")
    terminal.read_until("Counting the files of batch job")
    terminal.read_until("━")
    terminal.read_until("2,500: 2,500 succeeded")
    assert terminal.end() == 0


def test_a_count_of_all_files_draws_nothing_in_a_pipe(emulator):
    done = ran(SCRIPT, "show", counted_slowly(emulator), "--exact", "--failed-files", "0", "--output", "json")
    assert json.loads(done.stdout)["Files"]["Total"] == 2_500
    assert "━" not in done.stderr
    assert "\x1b" not in done.stderr


def test_ctrl_c_on_a_terminal_does_not_cancel_the_job(emulator):
    emulator.configure(run_seconds=3600)
    terminal = Terminal(SCRIPT, "tail", submitted())
    terminal.read_until("━")
    terminal.interrupt()
    assert terminal.end() == 130
    assert "which was not cancelled" in " ".join(terminal.shown.split())
    assert "Traceback" not in terminal.shown
    assert emulator.count("cancel") == 0
